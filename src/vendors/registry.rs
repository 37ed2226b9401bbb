//! The vendors this process knows: those that are shipped, and sheets of the operator's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use adapters::Vendor;

use super::sheets::Sheets;

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
        for sheet in Sheets::read(dir)?.load_all()? {
            vendors.insert(Arc::new(sheet.vendor));
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
