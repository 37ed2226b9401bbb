//! The vendors this process knows: those that are shipped, and sheets of the operator's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use adapters::Vendor;

use super::sheets::Sheets;

/// Vendors by name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    vendors: BTreeMap<String, Arc<Vendor>>,
    unread: Unread,
}

/// The vendors whose sheets could not be read: nothing is known of them, not even that they are none.
#[derive(Clone, Debug)]
enum Unread {
    Named(BTreeSet<String>),
    Any,
}

impl Default for Unread {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Registry {
    /// The shipped vendors, with the sheets of `dir` beside or in the place of them. The sandbox
    /// is only there where it is allowed, because it passes people by their last name.
    ///
    /// # Errors
    /// One sentence for each mistake in each sheet.
    pub fn load(dir: Option<&Path>, allow_sandbox: bool) -> Result<Self, Vec<String>> {
        let (vendors, mistakes) = Self::examine(dir, allow_sandbox);
        if mistakes.is_empty() {
            Ok(vendors)
        } else {
            Err(mistakes)
        }
    }

    /// The same as far as the sheets are right, and one sentence for each mistake in the others. A
    /// shipped vendor whose place a wrong sheet was to take is not there either.
    pub fn examine(dir: Option<&Path>, allow_sandbox: bool) -> (Self, Vec<String>) {
        let mut vendors: Self = adapters::shipped().into_iter().collect();
        let (sheets, mistakes) = Sheets::examine(dir);
        for sheet in sheets {
            vendors.insert(Arc::new(sheet.vendor));
        }
        for mistake in &mistakes {
            vendors.leave_out(mistake.vendor.as_deref());
        }
        vendors
            .vendors
            .retain(|_, vendor| allow_sandbox || !vendor.sandbox);
        let mistakes = mistakes.into_iter().flat_map(|mistake| mistake.told);
        (vendors, mistakes.collect())
    }

    fn leave_out(&mut self, vendor: Option<&str>) {
        match (&mut self.unread, vendor) {
            (Unread::Named(names), Some(vendor)) => {
                self.vendors.remove(vendor);
                names.insert(vendor.to_owned());
            }
            (unread, _) => *unread = Unread::Any,
        }
    }

    /// Whether there is a vendor of that name, as far as is known.
    pub fn may_have(&self, name: &str) -> bool {
        self.vendors.contains_key(name)
            || match &self.unread {
                Unread::Named(names) => names.contains(name),
                Unread::Any => true,
            }
    }

    fn insert(&mut self, vendor: Arc<Vendor>) {
        self.vendors.insert(vendor.name.clone(), vendor);
    }

    /// The vendor of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Vendor>> {
        self.vendors.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.vendors.keys().map(String::as_str).collect()
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
