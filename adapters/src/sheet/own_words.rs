//! A connection's own words: a setting in which it says what words mean that only its account uses.
//! They come before the sheet's, so they are checked like the sheet's.

use serde_json::Value;

use super::functions::plain;
use super::laws::is_odd;
use super::words::{Is, named};
use crate::vocabulary::{Outcome, Standing};

/// A setting of the form `table` that says what an account's own words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWords {
    /// The setting's name.
    pub setting: String,
    /// True where they are results: only pass, review and fail.
    pub results: bool,
    /// The words that the sheet knows itself.
    pub known: Vec<String>,
}

impl OwnWords {
    /// What is wrong with such a table: each word, and a sentence on it.
    pub fn mistakes(&self, table: &Value) -> Vec<(String, String)> {
        let words = table.as_object().into_iter().flatten();
        words
            .filter_map(|(word, target)| Some((word.clone(), self.mistake(word, target)?)))
            .collect()
    }

    fn mistake(&self, word: &str, target: &Value) -> Option<String> {
        let target = target.as_str().unwrap_or_default();
        match named(target, self.results) {
            None if self.results => Some(format!(
                "`{word}` means `{target}`, which is no result; it is pass, review or fail"
            )),
            None => Some(format!(
                "`{word}` means `{target}`, which is nothing an order can be; it is invited, \
                 in_progress, on_hold, complete, canceled, expired, failed, pass, review or fail"
            )),
            Some(is) if is == PASS && is_odd(word) => Some(format!(
                "`{word}` would pass somebody; an unknown, partial, cancelled or errored check is \
                 for `review`"
            )),
            Some(_) => None,
        }
    }

    /// The words in such a table that pass and that the sheet does not know: nothing but the table
    /// says that they are good.
    pub fn vouched_for(&self, table: &Value) -> Vec<String> {
        let words = table.as_object().into_iter().flatten();
        let passes = words.filter(|(_, target)| {
            let target = target.as_str().unwrap_or_default();
            named(target, self.results) == Some(PASS)
        });
        let known = |word: &str| self.known.iter().any(|known| plain(known) == plain(word));
        passes
            .filter(|(word, _)| !known(word))
            .map(|(word, _)| word.clone())
            .collect()
    }
}

const PASS: Is = Is::Standing(Standing::Complete(Outcome::Pass));
