//! The vendors this process knows: those that are shipped, and sheets of the operator's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use adapters::Vendor;

/// Vendors by name.
#[derive(Clone, Debug, Default)]
pub struct Registry(BTreeMap<String, Arc<Vendor>>);

impl Registry {
    /// The shipped vendors, with the sheets of `dir` beside or in the place of them. The sandbox
    /// is only there where it is allowed, because it passes people by their last name.
    ///
    /// # Errors
    /// One sentence for each mistake in each sheet.
    pub fn load(dir: Option<&Path>, allow_sandbox: bool) -> Result<Self, Vec<String>> {
        let mut vendors: Self = adapters::shipped().into_iter().collect();
        let mut mistakes = Vec::new();
        for path in dir
            .map(sheets_in)
            .transpose()
            .map_err(|error| vec![error])?
            .unwrap_or_default()
        {
            let name = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Err(error) => mistakes.push(format!("{name}: cannot be read ({error})")),
                Ok(text) => match adapters::sheet::load(&name, &text) {
                    Ok(vendor) => vendors.insert(Arc::new(vendor)),
                    Err(found) => mistakes.extend(found.iter().map(ToString::to_string)),
                },
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        vendors
            .0
            .retain(|_, vendor| allow_sandbox || !vendor.sandbox);
        Ok(vendors)
    }

    fn insert(&mut self, vendor: Arc<Vendor>) {
        self.0.insert(vendor.name.clone(), vendor);
    }

    /// The vendor of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Vendor>> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl FromIterator<Arc<Vendor>> for Registry {
    fn from_iter<T: IntoIterator<Item = Arc<Vendor>>>(vendors: T) -> Self {
        let mut registry = Self::default();
        for vendor in vendors {
            registry.insert(vendor);
        }
        registry
    }
}

fn sheets_in(dir: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| {
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
