//! One step: which page it asks for, and what of its answer is a success.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::PAGE;
use crate::contract::{Fault, Memo};
use crate::sheet::catalog::CatalogForm;
use crate::sheet::condition::When;
use crate::sheet::explain::shown;
use crate::sheet::expression::{Expression, Word};
use crate::sheet::pages::{Page, Pages};
use crate::sheet::path::Lists;
use crate::sheet::reading::Reading;
use crate::sheet::report::DocumentForm;
use crate::sheet::request::Form;
use crate::sheet::rules::Rule;
use crate::sheet::scope::Scope;

/// One step.
#[derive(Clone, Debug)]
pub(in crate::sheet) struct Step {
    pub(in crate::sheet) name: String,
    pub(in crate::sheet) line: usize,
    /// When an operation begins here, or goes on here.
    pub(in crate::sheet) when: When,
    pub(in crate::sheet) request: Form,
    pub(super) success: When,
    pub(in crate::sheet) find: Option<Find>,
    pub(in crate::sheet) pages: Option<Pages>,
    pub(in crate::sheet) keep: Vec<(String, Expression)>,
    pub(in crate::sheet) rules: Vec<Rule>,
    pub(in crate::sheet) next: Vec<String>,
    pub(in crate::sheet) reading: Option<Arc<Reading>>,
    pub(in crate::sheet) catalog: Option<CatalogForm>,
    pub(in crate::sheet) link: Option<Expression>,
    pub(in crate::sheet) document: Option<DocumentForm>,
    /// An answer that fits is no success, whatever `success` says.
    pub(super) unless: When,
}

/// A list in the answer, of which some items are meant.
#[derive(Clone, Debug)]
pub(in crate::sheet) struct Find {
    pub(super) lists: Lists,
    pub(super) wanted: When,
    pub(in crate::sheet) several: Several,
    pub(super) blind: When,
}

/// What more than one item means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sheet) enum Several {
    /// Several orders: a person decides.
    Orders,
    /// Any of them will do.
    First,
    /// Not seeing the right one proves nothing.
    Blind,
}

impl Step {
    pub(super) fn page<'a>(&self, memo: &'a BTreeMap<String, String>) -> Option<Page<'a>> {
        let kept = memo.get(PAGE).map(String::as_str);
        self.pages.as_ref()?.asked(kept)
    }

    /// The page after this one: `None` where this was the last, an error where it would be one too
    /// many or nobody can tell.
    pub(in crate::sheet) fn next_page(&self, scope: &Scope<'_>) -> Option<Result<String, Fault>> {
        let next = self.pages.as_ref()?.next(scope)?;
        Some(next.map_err(|()| {
            let name = &self.name;
            Fault::Unclear(format!(
                "step `{name}` has more pages than the sheet allows, or does not say whether it has"
            ))
        }))
    }

    /// The memo that asks for another page of this step.
    pub(in crate::sheet) fn again(&self, memo: &BTreeMap<String, String>, page: String) -> Memo {
        let mut values = memo.clone();
        values.insert(PAGE.to_owned(), page);
        Memo {
            step: self.name.clone(),
            values,
        }
    }

    pub(super) fn takes_any(&self) -> bool {
        let find = self.find.as_ref();
        find.is_some_and(|find| find.several == Several::First)
    }

    /// True where finding nothing proves nothing.
    pub(super) fn is_blind(&self, scope: &Scope<'_>) -> bool {
        let find = self.find.as_ref();
        find.is_some_and(|find| !find.blind.is_empty() && find.blind.holds(scope))
    }

    /// The items of a success: the whole answer, or those of its list that are wanted. `None` where
    /// it is no success.
    pub(super) fn found<'a>(&self, scope: &Scope<'a>) -> Option<Vec<&'a Value>> {
        if let Some(document) = self.document.as_ref().filter(|one| one.base64.is_none()) {
            let is_whole = document.is_whole(scope);
            let word = if is_whole { "is" } else { "is not" };
            scope.note(self.line, || format!("the answer {word} the document"));
            return is_whole.then(|| vec![&Value::Null]);
        }
        let is_other = !self.unless.is_empty() && self.unless.holds(scope);
        if is_other || !self.success.holds(scope) {
            scope.note(self.line, || self.why_no_success(is_other, scope));
            return None;
        }
        scope.note(self.line, || {
            "it is a success: all of `success` is there".to_owned()
        });
        let answer = scope.answer.unwrap_or(&Value::Null);
        let Some(find) = &self.find else {
            return Some(vec![answer]);
        };
        let wanted = |item: &&Value| {
            let scope = Scope {
                answer: Some(item),
                ..*scope
            };
            find.wanted.holds(&scope)
        };
        let Some(items) = find.lists.items(answer) else {
            scope.note(self.line, || {
                "there is no list where `find` looks".to_owned()
            });
            return None;
        };
        let found: Vec<&Value> = items.iter().filter(wanted).collect();
        let (of, fit) = (items.len(), found.len());
        scope.note(self.line, || {
            format!("of {of} items in the list, {fit} fit `find`")
        });
        Some(found)
    }

    /// The items of a page, with the one that fitted `earlier`. One that two pages show is one.
    pub(super) fn with_earlier<'a>(
        &self,
        earlier: Option<&'a Value>,
        items: Vec<&'a Value>,
        scope: &Scope<'a>,
    ) -> Vec<&'a Value> {
        let theirs = |item: &'a Value| {
            let answer = Some(item);
            self.reading.as_ref()?.theirs(&Scope { answer, ..*scope })
        };
        let again = |one: &'a Value| {
            let known = theirs(one);
            let same =
                |item: &&'a Value| *item == one || (known.is_some() && theirs(item) == known);
            items.iter().any(same)
        };
        let earlier = earlier.filter(|one| !again(one));
        earlier.into_iter().chain(items.iter().copied()).collect()
    }

    /// Why an answer is no success, for people.
    pub(super) fn why_no_success(&self, is_other: bool, scope: &Scope<'_>) -> String {
        if is_other {
            return "it is no success: `unless` fits".to_owned();
        }
        match self.success.fails(scope) {
            Some(one) if one.is_word(Word::Said) => {
                let said = scope.said.unwrap_or_default();
                format!("it is no success: `[errors]` `text` finds `{said}`")
            }
            Some(one) => format!("it is no success: {}", shown(one, scope)),
            None => "it is no success".to_owned(),
        }
    }

    /// What to tell operators of an answer that no rule names; nothing of its body.
    pub(super) fn puzzle(&self, scope: &Scope<'_>) -> String {
        let status = scope.reply.map_or(0, |reply| reply.status);
        let name = &self.name;
        match status / 100 {
            2 => format!("step `{name}` answered {status} without its sign of success"),
            _ => format!("step `{name}` answered {status}, which no rule of the sheet names"),
        }
    }
}
