//! A setting whose form is right may still be found wrong where it is used: a file that is gone, a
//! key that is none. So it remembers where it was given.

use std::ops::Deref;

use super::error::{Mistake, Place};

/// A setting's value, and where it was given.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub(super) value: T,
    /// `section.key`.
    pub(super) key: String,
    /// The value as it was given, unless it may be secret.
    pub(super) shown: Option<String>,
    pub(super) place: Place,
}

impl<T> Placed<T> {
    /// What is wrong with it; `wanted` says what would be right, fit to follow a colon.
    pub fn wrong(&self, wanted: impl Into<String>) -> Mistake {
        Mistake {
            key: self.key.clone(),
            value: self.shown.clone(),
            place: self.place.clone(),
            wanted: wanted.into(),
        }
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The same value is the same setting, wherever it was given.
impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Placed<T> {}
