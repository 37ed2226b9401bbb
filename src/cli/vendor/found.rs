//! Finding the sheet that a command is about: a file, or a vendor by name.

use std::fs;
use std::path::{Path, PathBuf};

use adapters::conformance::Fixtures;
use adapters::sheet::Sheet;

use super::super::error::CliError;
use crate::config::{self, Settings};
use crate::vendors::Sheets;

/// The one file that every folder of fixtures has.
const PLACING: &str = "place.toml";

/// A sheet, and where it stands.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sheet: Sheet,
    /// Its file; `None` for a shipped one.
    file: Option<PathBuf>,
}

/// Loads the sheet that `named` is the file or the vendor of.
///
/// # Errors
/// [`CliError::SetUp`] with every mistake in it.
pub(super) fn find(named: &str, config: Option<&Path>) -> Result<(Found, Settings), CliError> {
    let settings = config::load(config)?;
    let path = Path::new(named);
    let is_file = named.ends_with(".toml") || path.components().count() > 1;
    // A sheet that stands among others may extend them.
    let folder = path.parent().filter(|_| is_file);
    let folder = folder.map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    let found = if is_file {
        let text = fs::read_to_string(path)
            .map_err(|error| one(format!("the sheet {named} cannot be read ({error})")))?;
        let dir = settings.vendors.dir.as_deref().or(folder);
        let sheets = Sheets::for_one(dir);
        let sheet = sheets.load(named, &text).map_err(CliError::SetUp)?;
        Found {
            sheet,
            file: Some(path.to_owned()),
        }
    } else {
        let sheets = Sheets::read(settings.vendors.dir.as_deref()).map_err(CliError::SetUp)?;
        let (text, path) = sheets.find(named).ok_or_else(|| {
            let known = sheets.names().join(", ");
            one(format!(
                "there is no vendor `{named}` (there are: {known}); a file of a sheet ends in .toml"
            ))
        })?;
        let shown = path.map_or_else(
            || format!("{named}.toml"),
            |path| path.display().to_string(),
        );
        Found {
            sheet: sheets.load(&shown, text).map_err(CliError::SetUp)?,
            file: path.map(Path::to_owned),
        }
    };
    Ok((found, settings))
}

fn one(sentence: String) -> CliError {
    CliError::SetUp(vec![sentence])
}

impl Found {
    /// What its fixtures show, and where they stand: in `fixtures/NAME` beside the sheet, or in its
    /// own folder; those of a shipped one are in this program. `None` where there are none.
    ///
    /// # Errors
    /// [`CliError::SetUp`] with every mistake in them.
    pub(super) fn fixtures(&self) -> Result<Option<(String, Fixtures)>, CliError> {
        let name = &self.sheet.vendor.name;
        let Some(file) = &self.file else {
            return Ok(match adapters::vendors::fixtures(name) {
                Some(files) => Some(("this program".to_owned(), parsed(name, files)?)),
                None => None,
            });
        };
        let own = file.parent().unwrap_or(Path::new(""));
        let folders = [own.join("fixtures").join(name), own.to_owned()];
        let Some(folder) = folders.iter().find(|one| one.join(PLACING).is_file()) else {
            return Ok(None);
        };
        let shown = folder.display().to_string();
        let files = files_of(folder, file)
            .map_err(|error| one(format!("the fixtures in {shown} cannot be read ({error})")))?;
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Ok(Some((shown.clone(), parsed(&shown, &files)?)))
    }
}

fn parsed(folder: &str, files: &[(&str, &str)]) -> Result<Fixtures, CliError> {
    Fixtures::parse(files).map_err(|mistakes| {
        let told = mistakes.iter().map(|mistake| format!("{folder}/{mistake}"));
        CliError::SetUp(told.collect())
    })
}

/// The files of fixtures in a folder, which may hold the sheet itself as well.
fn files_of(folder: &Path, sheet: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_toml = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_toml && path.file_name() != sheet.file_name() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.push((name.into_owned(), fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
