//! What decides while an answer is read, so that it can be told: nothing is traced unless somebody
//! asks (see `explain`), and what is traced changes nothing.

use std::cell::RefCell;

use super::scope::Scope;

/// One thing that decided, and the line of the sheet that says so.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) told: String,
    pub(super) line: Option<usize>,
}

/// What decided, in the order in which it was asked.
#[derive(Debug, Default)]
pub(super) struct Trace(RefCell<Vec<Noted>>);

impl Trace {
    pub(super) fn into_list(self) -> Vec<Noted> {
        self.0.into_inner()
    }
}

impl Scope<'_> {
    /// Notes what decided, where somebody wants to know; 0 is no line.
    pub(super) fn note(&self, line: usize, told: impl FnOnce() -> String) {
        if let Some(trace) = self.trace {
            trace.0.borrow_mut().push(Noted {
                told: told(),
                line: Some(line).filter(|line| *line > 0),
            });
        }
    }
}
