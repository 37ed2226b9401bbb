//! `cleargate vendor`: the vendors that a connection may name, and what is needed to add one. None
//! of it needs a database.

mod explain;
mod found;
mod list;
mod live;
mod new;
mod show;
mod test;

use std::io::Write;
use std::path::Path;

use adapters::sheet::{GUIDE, LANGUAGE};

use super::error::CliError;
use crate::config;
use crate::vendors::Registry;

/// What can be done with vendors.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// List the built-in vendors and those of `vendors.dir`.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Say in words what a vendor's sheet can do.
    Show {
        /// A vendor, or the file of a sheet.
        #[arg(value_name = "NAME-OR-FILE")]
        sheet: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Try a sheet: its own tests, and the laws that every vendor owes.
    Test(test::Options),
    /// Say which line of a sheet gives an answer or a callback its meaning.
    Explain(explain::Options),
    /// Begin a sheet: into `vendors.dir`, or to stdout where there is none.
    New(new::Options),
    /// Print how a vendor is added, and the reference of the sheet language.
    Guide,
}

/// Runs a command of `vendor`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match command {
        Command::List { json } => {
            let settings = config::load(config)?.vendors;
            let vendors = Registry::load(settings.dir.as_deref(), settings.allow_sandbox);
            list::run(&vendors.map_err(CliError::SetUp)?, *json, out)
        }
        Command::Show { sheet, json } => show::run(sheet, config, *json, out),
        Command::Test(options) => test::run(options, config, out).await,
        Command::Explain(options) => explain::run(options, config, out),
        Command::New(options) => new::run(options, config, out),
        Command::Guide => Ok(write!(out, "{GUIDE}\n\n{LANGUAGE}")?),
    }
}
