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
/// What a list has gathered from earlier pages: offers, or the order that a look-up found.
pub(super) const SO_FAR: &str = "so_far";

/// The steps of one operation.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    pub(super) errors: Arc<Errors>,
    answers: Format,
    /// True where finding nothing is an answer (fetching), false where one thing is needed.
    finds: bool,
    /// True where pages are read on to the last though something fits: it may not be the only one.
    to_the_end: bool,
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

    /// Whether the request of every step behind the first one could be made of this order, as far as
    /// it can be told before that one is answered: nothing is sent for an order of which a later step
    /// cannot be said.
    ///
    /// # Errors
    /// [`Unfit`] where something of the order's own is absent.
    pub(super) fn can_the_rest_be_said(&self, scope: &Scope<'_>) -> Result<(), Unfit> {
        let Some(begin) = self.steps.iter().find(|step| step.when.holds(scope)) else {
            return Ok(());
        };
        if self.steps.len() == 1 {
            return Ok(());
        }
        let names = self.steps.iter().flat_map(|step| &step.keep);
        let mut values: BTreeMap<String, String> = names
            .map(|(name, _)| (name.clone(), "x".to_owned()))
            .collect();
        values.extend(scope.memo.clone());
        let scope = Scope {
            memo: &values,
            ..*scope
        };
        for step in &self.reached(begin, &scope)[1..] {
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
        let earlier = self.found_earlier(scope.memo);
        match step.found(&scope) {
            Some(items) if self.suffices(step, items.len()) => {
                let items = step.with_earlier(earlier.as_ref(), items, &scope);
                self.go_on(step, &scope, &items, finish)
            }
            found => {
                let found = found.as_ref().map(Vec::len);
                self.judge(step, &Scope { found, ..scope }, earlier.as_ref(), finish)
            }
        }
    }

    /// What fitted on an earlier page of a look-up.
    fn found_earlier(&self, memo: &BTreeMap<String, String>) -> Option<Value> {
        let so_far = memo.get(SO_FAR).filter(|_| self.to_the_end)?;
        serde_json::from_str(so_far).ok()
    }

    fn suffices(&self, step: &Step, found: usize) -> bool {
        self.finds || found == 1 || (found > 1 && step.takes_any())
    }

    /// After a success: the next page, or what was found on all of them.
    fn go_on<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        items: &[&Value],
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let is_open = match items {
            [] => true,
            [_] => self.to_the_end && !step.takes_any(),
            _ => false,
        };
        match step.next_page(scope).filter(|_| is_open) {
            Some(Ok(page)) => {
                let mut memo = step.again(scope.memo, page);
                let found = items.first().map(|item| item.to_string());
                memo.values
                    .extend(found.map(|one| (SO_FAR.to_owned(), one)));
                Ok(Turn::Next(memo))
            }
            // Of pages that were not read nobody knows what they hold.
            Some(Err(_)) => finish(&End::without(step, scope, true)),
            None => self.settle(step, scope, items, finish),
        }
    }

    /// After the last page: the next step, or the end.
    fn settle<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        items: &[&Value],
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let Some(first) = items.first() else {
            return finish(&End::without(step, scope, step.is_blind(scope)));
        };
        let scope = Scope {
            answer: Some(first),
            ..*scope
        };
        let mut values = self.without_page(scope.memo);
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

    /// After anything else: what the rules say. What fitted on an `earlier` page is not unseen, and
    /// no other way to look makes it so.
    fn judge<T>(
        &self,
        step: &Step,
        scope: &Scope<'_>,
        earlier: Option<&Value>,
        finish: impl FnOnce(&End<'_>) -> Result<Turn<T>, Fault>,
    ) -> Result<Turn<T>, Fault> {
        match (self.errors.judge(&step.rules, scope), earlier) {
            (Some(Led::Fault(fault)), _) => Err(fault),
            (Some(Led::Step(name)), None) => Ok(Turn::Next(Memo {
                step: name,
                values: self.without_page(scope.memo),
            })),
            (Some(Led::NotSeen), None) => finish(&End::without(step, scope, false)),
            (Some(Led::NotSeen), Some(item)) => self.settle(step, scope, &[item], finish),
            (Some(Led::Step(_)), Some(_)) => Err(Fault::Unclear(step.puzzle(scope))),
            (None, _) => {
                scope.note(0, || "no error rule fits".to_owned());
                Err(Fault::Unclear(step.puzzle(scope)))
            }
        }
    }

    /// What a memo holds for other steps: what a list has offered goes with it, and what a look-up
    /// found does not.
    fn without_page(&self, memo: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut values = memo.clone();
        values.remove(PAGE);
        if self.to_the_end {
            values.remove(SO_FAR);
        }
        values
    }
}
