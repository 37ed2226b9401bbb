//! Sheets of the operator's own: the files of `vendors.dir`, which may extend each other and the
//! shipped ones.

use std::fs;
use std::path::{Path, PathBuf};

use adapters::sheet::Sheet;

/// The sheets of a folder, read but not yet checked.
#[derive(Debug, Default)]
pub struct Sheets(Vec<OwnSheet>);

/// A sheet of the operator's own.
#[derive(Debug)]
struct OwnSheet {
    path: PathBuf,
    /// The vendor, as the sheet calls it; as the file is called where it does not say.
    vendor: String,
    text: String,
}

/// What is wrong with one sheet.
#[derive(Debug)]
pub(super) struct SheetMistake {
    /// Whose sheet it is; `None` where the folder itself cannot be read, so that it may be anybody's.
    pub(super) vendor: Option<String>,
    /// One sentence for each mistake.
    pub(super) told: Vec<String>,
}

impl Sheets {
    /// Reads the sheets of `dir`, if there is one.
    ///
    /// # Errors
    /// One sentence for each file that cannot be read, and for each vendor with two sheets.
    pub fn read(dir: Option<&Path>) -> Result<Self, Vec<String>> {
        let (sheets, mistakes) = Self::gather(dir);
        if mistakes.is_empty() {
            Ok(sheets)
        } else {
            Err(mistakes.into_iter().flat_map(|it| it.told).collect())
        }
    }

    /// Loads the sheets of `dir` as far as they are right; the others, with what is wrong.
    pub(super) fn examine(dir: Option<&Path>) -> (Vec<Sheet>, Vec<SheetMistake>) {
        let (sheets, mut mistakes) = Self::gather(dir);
        let mut loaded = Vec::new();
        for sheet in &sheets.0 {
            match sheets.load(&sheet.path.display().to_string(), &sheet.text) {
                Ok(sheet) => loaded.push(sheet),
                Err(told) => mistakes.push(SheetMistake {
                    vendor: Some(sheet.vendor.clone()),
                    told,
                }),
            }
        }
        (loaded, mistakes)
    }

    fn gather(dir: Option<&Path>) -> (Self, Vec<SheetMistake>) {
        let (mut sheets, mut mistakes) = (Self::default(), Vec::new());
        let paths = dir
            .map_or(Ok(Vec::new()), sheets_in)
            .unwrap_or_else(|told| {
                mistakes.push(SheetMistake {
                    vendor: None,
                    told: vec![told],
                });
                Vec::new()
            });
        for path in paths {
            match fs::read_to_string(&path) {
                Ok(text) => mistakes.extend(sheets.add(path, text)),
                Err(error) => mistakes.push(SheetMistake {
                    vendor: Some(vendor_of(&path, "")),
                    told: vec![format!("{}: cannot be read ({error})", path.display())],
                }),
            }
        }
        (sheets, mistakes)
    }

    /// The sheets of a folder as far as they can be read, for one that may extend them. What is
    /// wrong with the others is no matter of that one.
    pub fn for_one(dir: Option<&Path>) -> Self {
        let mut sheets = Self::default();
        for path in dir.map(sheets_in).and_then(Result::ok).unwrap_or_default() {
            if let Ok(text) = fs::read_to_string(&path) {
                sheets.0.push(OwnSheet {
                    vendor: vendor_of(&path, &text),
                    path,
                    text,
                });
            }
        }
        sheets
    }

    /// Adds a sheet; it is wrong where another says how the same vendor works.
    fn add(&mut self, path: PathBuf, text: String) -> Option<SheetMistake> {
        let vendor = vendor_of(&path, &text);
        let mistake = self.of(&vendor).map(|other| {
            let (path, other) = (path.display(), other.path.display());
            let told = format!(
                "{path}: the vendor `{vendor}` has a sheet already, {other}; give one of them another `name`"
            );
            SheetMistake {
                vendor: Some(vendor.clone()),
                told: vec![told],
            }
        });
        self.0.push(OwnSheet { path, vendor, text });
        mistake
    }

    fn of(&self, vendor: &str) -> Option<&OwnSheet> {
        self.0.iter().find(|sheet| sheet.vendor == vendor)
    }

    /// Loads a sheet that may extend those of the folder and the shipped ones.
    ///
    /// # Errors
    /// One sentence for each mistake in it.
    pub fn load(&self, name_for_messages: &str, text: &str) -> Result<Sheet, Vec<String>> {
        let sheet_of = |vendor: &str| {
            let own = self.of(vendor).map(|sheet| sheet.text.as_str());
            own.or_else(|| adapters::vendors::sheet(vendor))
                .map(str::to_owned)
        };
        adapters::sheet::open_among(name_for_messages, text, &sheet_of)
            .map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    /// The sheet of a vendor, the folder's own before a shipped one: its text, and where in the
    /// folder it stands. `None` where there is no such vendor.
    pub fn find(&self, vendor: &str) -> Option<(&str, Option<&Path>)> {
        let own = self.of(vendor);
        let own = own.map(|sheet| (sheet.text.as_str(), Some(sheet.path.as_path())));
        own.or_else(|| Some((adapters::vendors::sheet(vendor)?, None)))
    }

    /// The vendors that have a sheet, the folder's own and the shipped ones, sorted.
    pub fn names(&self) -> Vec<String> {
        let own = self.0.iter().map(|sheet| sheet.vendor.clone());
        let shipped = adapters::shipped().into_iter();
        let shipped = shipped.map(|vendor| vendor.name.clone());
        let mut names: Vec<String> = own.chain(shipped).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The `name` in a sheet, which need not be whole.
fn vendor_of(path: &Path, text: &str) -> String {
    let table: Option<toml::Table> = toml::from_str(text).ok();
    let named = table.and_then(|table| table.get("name")?.as_str().map(str::to_owned));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    named.unwrap_or_else(|| stem.into_owned())
}

fn sheets_in(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|error| {
        format!(
            "`vendors.dir` is {}, which cannot be read ({error})",
            dir.display()
        )
    })?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    Ok(paths)
}
