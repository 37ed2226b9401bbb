//! Where an operation has arrived: what its last answer says of the order, or of several.

use std::collections::BTreeMap;

use serde_json::Value;

use super::step::{Several, Step};
use crate::contract::{Fault, Found};
use crate::sheet::scope::Scope;
use crate::vocabulary::{Progress, TheirRef};

/// Where an operation has arrived.
pub(in crate::sheet) struct End<'e> {
    pub(in crate::sheet) step: &'e Step,
    /// The step that is made next, where this one's answer had something to gather first.
    pub(in crate::sheet) next: Option<&'e Step>,
    /// What the last step's answer shows; `.` is the item that was found, or the whole.
    pub(in crate::sheet) scope: Scope<'e>,
    /// What the memo held before this answer, with what belongs to paging.
    pub(in crate::sheet) before: &'e BTreeMap<String, String>,
    /// What a list showed that fits.
    pub(super) items: Vec<&'e Value>,
    /// True where finding nothing proves nothing.
    pub(super) blind: bool,
}

impl<'e> End<'e> {
    /// Where nothing was found; `blind` where that proves nothing.
    pub(super) fn without(step: &'e Step, scope: &Scope<'e>, blind: bool) -> Self {
        Self {
            step,
            next: None,
            scope: *scope,
            before: scope.memo,
            items: Vec::new(),
            blind,
        }
    }

    /// What was found of each of the orders that were asked for.
    pub(in crate::sheet) fn found_of(&self, asked: &[TheirRef]) -> Vec<(TheirRef, Found)> {
        let read = self.step.reading.as_ref();
        let all: Vec<Progress> = self
            .items
            .iter()
            .filter_map(|item| {
                let scope = Scope {
                    answer: Some(item),
                    ..self.scope
                };
                read?.progress(&scope)
            })
            .collect();
        let found = asked.iter().map(|theirs| {
            let mut of_it = all.iter().filter(|one| one.theirs == *theirs);
            let found = match (of_it.next(), of_it.next()) {
                (Some(one), None) => Found::One(one.clone()),
                (None, _) => Found::NotSeen { blind: false },
                // Two answers to one question are none.
                (Some(_), Some(_)) => Found::NotSeen { blind: true },
            };
            (theirs.clone(), found)
        });
        found.collect()
    }

    /// What the vendor says of the order.
    ///
    /// # Errors
    /// [`Fault::Unclear`] where it names no order.
    pub(in crate::sheet) fn progress(&self) -> Result<Progress, Fault> {
        let read = self.step.reading.as_ref();
        let mut progress = read
            .and_then(|read| read.progress(&self.scope))
            .ok_or_else(|| {
                let why = format!(
                    "step `{}` answered without the order's reference",
                    self.step.name
                );
                Fault::Unclear(why)
            })?;
        for (name, value) in self.scope.memo {
            let known = progress.keep.contains_key(name);
            if !known {
                progress.keep.insert(name.clone(), value.clone());
            }
        }
        Ok(progress)
    }

    /// What was found.
    ///
    /// # Errors
    /// [`Fault::Unclear`] where the one that was found names no order.
    pub(in crate::sheet) fn found(&self) -> Result<Found, Fault> {
        let several = self.step.find.as_ref().map(|find| find.several);
        match (self.items.as_slice(), several) {
            ([], _) => Ok(Found::NotSeen { blind: self.blind }),
            ([_], _) | (_, Some(Several::First) | None) => self.progress().map(Found::One),
            (_, Some(Several::Blind)) => Ok(Found::NotSeen { blind: true }),
            (items, Some(Several::Orders)) => {
                let read = self.step.reading.as_ref();
                let references = items.iter().filter_map(|item| {
                    let scope = Scope {
                        answer: Some(item),
                        ..self.scope
                    };
                    read?.theirs(&scope)
                });
                Ok(Found::Several(references.collect()))
            }
        }
    }
}
