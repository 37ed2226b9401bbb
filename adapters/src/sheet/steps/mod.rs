//! Steps: the requests of one operation, and what their answers lead to.
//!
//! A step is a request, what counts as success, and what follows. There are no loops but pages:
//! loading refuses steps that lead in a circle, so an operation ends after as many turns as it has
//! steps.

mod end;
mod load;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub(super) use self::end::End;
pub(super) use self::load::{Kind, load};
pub(super) use self::step::{Several, Step};
use super::document::Format;
use super::laws::leads_to;
use super::reading::kept;
use super::rules::{Errors, Led};
use super::scope::Scope;
use crate::contract::{Fault, Memo, Reply, Request, Turn, Unfit};

/// Names in a memo that belong to paging.
pub(super) const PAGE: &str = "page";
/// What a list has gathered from earlier pages.
pub(super) const SO_FAR: &str = "so_far";

/// The steps of one operation.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    pub(super) errors: Arc<Errors>,
    answers: Format,
    /// True where finding nothing is an answer (fetching), false where one thing is needed.
    finds: bool,
}

impl Steps {
    /// The step that the memo names, or the one an operation begins with.
    fn current(&self, memo: &Memo, scope: &Scope<'_>) -> Option<&Step> {
        if memo.step.is_empty() {
            return self.steps.iter().find(|step| step.when.holds(scope));
        }
        self.named(&memo.step)
    }

    fn named(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The step that reads the next answer.
    pub(super) fn begins_with(&self, scope: &Scope<'_>, memo: &Memo) -> Option<&str> {
        self.current(memo, scope).map(|step| step.name.as_str())
    }

    /// The request of the current step.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn encode(&self, scope: &Scope<'_>, memo: &Memo) -> Result<Request, Unfit> {
        let step = self.current(memo, scope).ok_or_else(|| Unfit {
            field: format!("memo.{}", memo.step),
            why: "is no step of this vendor's sheet".to_owned(),
        })?;
        let scope = Scope {
            page: step.page(scope.memo),
            ..*scope
        };
        step.request.render(&step.name, &scope)
    }

    /// Whether every step's request could be made of this order, as far as it can be told before
    /// the first one is answered: nothing is sent for an order of which a later step cannot be
    /// said.
    ///
    /// # Errors
    /// [`Unfit`] where something of the order's own is absent.
    pub(super) fn can_all_be_said(&self, scope: &Scope<'_>) -> Result<(), Unfit> {
        let Some(begin) = self.steps.iter().find(|step| step.when.holds(scope)) else {
            return Ok(());
        };
        let names = self.steps.iter().flat_map(|step| &step.keep);
        let mut values: BTreeMap<String, String> = names
            .map(|(name, _)| (name.clone(), "x".to_owned()))
            .collect();
        values.extend(scope.memo.clone());
        let scope = Scope {
            memo: &values,
            ..*scope
        };
        for step in self.reached(begin, &scope) {
            let scope = Scope {
                page: step.page(scope.memo),
                ..scope
            };
            match step.request.render(&step.name, &scope) {
                Err(unfit) if !unfit.field.starts_with("memo.") => return Err(unfit),
                _ => {}
            }
        }
        Ok(())
    }

    /// The steps that may follow one, and itself.
    fn reached<'s>(&'s self, begin: &'s Step, scope: &Scope<'_>) -> Vec<&'s Step> {
        let mut reached = vec![begin];
        let mut at = 0;
        while let Some(step) = reached.get(at).copied() {
            at += 1;
            let next = leads_to(step, self)
                .into_iter()
                .filter_map(|name| self.named(name));
            for next in next.filter(|next| next.when.holds(scope)) {
                if !reached.iter().any(|known| known.name == next.name) {
                    reached.push(next);
                }
            }
        }
        reached
    }

    /// What the answer to the current step's request means.
    ///
    /// # Errors
    /// [`Fault`] when it is not a success.
    pub(super) fn decode<T>(
        &self,
        scope: &Scope<'_>,
        memo: &Memo,
        reply: &Reply,
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let Some(step) = self.current(memo, scope) else {
            let why = format!("the memo names step `{}`, which the sheet lacks", memo.step);
            return Err(Fault::Unclear(why));
        };
        let answer = self.answers.read(&reply.body);
        if answer.is_none() && !reply.body.is_empty() {
            let wrong = || "the body is not in the form that `answers` names".to_owned();
            scope.note(0, wrong);
        }
        let scope = Scope {
            reply: Some(reply),
            answer: answer.as_ref(),
            whole: answer.as_ref(),
            page: step.page(scope.memo),
            ..*scope
        };
        let said = self.errors.said(&scope);
        let scope = Scope {
            said: said.as_deref(),
            ..scope
        };
        let found = step.found(&scope);
        match &found {
            Some(items) if self.suffices(step, items.len()) => {
                self.go_on(step, &scope, items, finish)
            }
            _ => {
                let found = found.as_ref().map(Vec::len);
                self.judge(step, &Scope { found, ..scope }, finish)
            }
        }
    }

    fn suffices(&self, step: &Step, found: usize) -> bool {
        self.finds || found == 1 || (found > 1 && step.takes_any())
    }

    /// After a success: the next step, or the end.
    fn go_on<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        items: &[&Value],
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let Some(first) = items.first() else {
            return self.look_further(step, scope, finish);
        };
        let scope = Scope {
            answer: Some(first),
            ..*scope
        };
        let mut values = without_page(scope.memo);
        values.extend(kept(&step.keep, &scope));
        let after = Scope {
            memo: &values,
            ..scope
        };
        let settled = items.len() == 1 || step.takes_any();
        let mut next = step.next.iter().filter_map(|name| self.named(name));
        match next.find(|next| settled && next.when.holds(&after)) {
            Some(next) if step.catalog.is_none() => Ok(Turn::Next(Memo {
                step: next.name.clone(),
                values,
            })),
            next => finish(&End {
                step,
                next,
                scope: after,
                before: scope.memo,
                items: items.to_vec(),
                blind: false,
            }),
        }
    }

    /// After a list in which nothing fitted: its next page, or the end. A list is left at the first
    /// page on which something fits, so what two pages show is found once.
    fn look_further<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let blind = match step.next_page(scope) {
            Some(Ok(page)) => return Ok(Turn::Next(step.again(scope.memo, page))),
            Some(Err(_)) => true,
            None => step.is_blind(scope),
        };
        finish(&End {
            step,
            next: None,
            scope: *scope,
            before: scope.memo,
            items: Vec::new(),
            blind,
        })
    }

    /// After anything else: what the rules say.
    fn judge<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        match self.errors.judge(&step.rules, scope) {
            Some(Led::Fault(fault)) => Err(fault),
            Some(Led::Step(name)) => Ok(Turn::Next(Memo {
                step: name,
                values: without_page(scope.memo),
            })),
            Some(Led::NotSeen) => finish(&End {
                step,
                next: None,
                scope: *scope,
                before: scope.memo,
                items: Vec::new(),
                blind: false,
            }),
            None => {
                scope.note(0, || "no error rule fits".to_owned());
                Err(Fault::Unclear(step.puzzle(scope)))
            }
        }
    }
}

/// What a memo holds for other steps; what a list has gathered goes with it.
fn without_page(memo: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut values = memo.clone();
    values.remove(PAGE);
    values
}
