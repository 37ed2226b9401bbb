//! `cleargate vendor new`: a sheet to begin with, commented, which loads as it is.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use adapters::sheet::{NEW, NEW_NAME, NEW_XML};

use super::super::error::CliError;
use crate::config;

/// What sheet is begun.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The vendor's name in settings and logs: lower-case letters, digits and _.
    name: String,
    /// For a vendor that writes XML.
    #[arg(long)]
    xml: bool,
    /// Print it, also where there is a `vendors.dir`.
    #[arg(long)]
    print: bool,
}

/// Writes the sheet.
pub(super) fn run(
    options: &Options,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let name = &options.name;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(CliError::Usage(format!(
            "`{name}` is no name of a vendor; it has lower-case letters, digits and _, such as acme_screening"
        )));
    }
    let text = if options.xml { NEW_XML } else { NEW }.replace(NEW_NAME, name);
    let dir = config::load(config)?.vendors.dir;
    match dir.filter(|_| !options.print) {
        None => Ok(write!(out, "{text}")?),
        Some(dir) => {
            let path = dir.join(format!("{name}.toml"));
            write_new(&path, &text)?;
            Ok(writeln!(out, "{}", path.display())?)
        }
    }
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let shown = path.display();
        CliError::SetUp(vec![match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{shown} is there already; choose another name, or change that sheet")
            }
            _ => format!("{shown} cannot be written ({error})"),
        }])
    })
}
