//! Steps: the requests of one operation, and what their answers lead to.
//!
//! A step is a request, what counts as success, and what follows. There are no loops but pages:
//! loading refuses steps that lead in a circle, so an operation ends after as many turns as it has
//! steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::catalog::CatalogForm;
use super::condition::When;
use super::document::Format;
use super::explain::shown;
use super::expression::{Expression, Word};
use super::laws::leads_to;
use super::loader::Loader;
use super::pages::{self, Pages};
use super::path::Lists;
use super::reading::{Reading, kept};
use super::report::{self, DocumentForm};
use super::request::{Form, success};
use super::rules::{Errors, Led, Rule, rules};
use super::scope::{Scope, Sight};
use super::source::{Section, Spot};
use crate::contract::{Fault, Found, Memo, Reply, Request, Turn, Unfit};
use crate::vocabulary::{Progress, TheirRef};

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

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) line: usize,
    /// When an operation begins here, or goes on here.
    pub(super) when: When,
    pub(super) request: Form,
    success: When,
    pub(super) find: Option<Find>,
    pub(super) pages: Option<Pages>,
    pub(super) keep: Vec<(String, Expression)>,
    pub(super) rules: Vec<Rule>,
    pub(super) next: Vec<String>,
    pub(super) reading: Option<Arc<Reading>>,
    pub(super) catalog: Option<CatalogForm>,
    pub(super) link: Option<Expression>,
    pub(super) document: Option<DocumentForm>,
    /// An answer that fits is no success, whatever `success` says.
    unless: When,
}

/// A list in the answer, of which some items are meant.
#[derive(Clone, Debug)]
pub(super) struct Find {
    lists: Lists,
    wanted: When,
    pub(super) several: Several,
    blind: When,
}

/// What more than one item means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Several {
    /// Several orders: a person decides.
    Orders,
    /// Any of them will do.
    First,
    /// Not seeing the right one proves nothing.
    Blind,
}

/// Where an operation has arrived.
pub(super) struct End<'e> {
    pub(super) step: &'e Step,
    /// What the last step's answer shows; `.` is the item that was found, or the whole.
    pub(super) scope: Scope<'e>,
    /// What the memo held before this answer, with what belongs to paging.
    pub(super) before: &'e BTreeMap<String, String>,
    items: Vec<&'e Value>,
    blind: bool,
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
        let mut values = without_paging(scope.memo);
        values.extend(kept(&step.keep, &scope));
        let after = Scope {
            memo: &values,
            ..scope
        };
        let settled = items.len() == 1 || step.takes_any();
        let mut next = step.next.iter().filter_map(|name| self.named(name));
        match next.find(|next| settled && next.when.holds(&after)) {
            Some(next) => Ok(Turn::Next(Memo {
                step: next.name.clone(),
                values,
            })),
            None => finish(&End {
                step,
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
                values: without_paging(scope.memo),
            })),
            Some(Led::NotSeen) => finish(&End {
                step,
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

/// What a memo holds for other steps.
fn without_paging(memo: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut values = memo.clone();
    values.remove(PAGE);
    values.remove(SO_FAR);
    values
}

impl Step {
    fn page(&self, memo: &BTreeMap<String, String>) -> Option<u64> {
        let pages = self.pages.as_ref()?;
        let kept = memo.get(PAGE).and_then(|page| page.parse().ok());
        Some(kept.unwrap_or(pages.first))
    }

    /// The page after this one: `None` where this was the last, an error where it would be one too
    /// many.
    pub(super) fn next_page(&self, scope: &Scope<'_>) -> Option<Result<u64, Fault>> {
        let next = self.pages.as_ref()?.next(scope)?;
        Some(next.map_err(|()| {
            let name = &self.name;
            Fault::Unclear(format!(
                "step `{name}` has more pages than the sheet allows"
            ))
        }))
    }

    /// The memo that asks for another page of this step.
    pub(super) fn again(&self, memo: &BTreeMap<String, String>, page: u64) -> Memo {
        let mut values = memo.clone();
        values.insert(PAGE.to_owned(), page.to_string());
        Memo {
            step: self.name.clone(),
            values,
        }
    }

    fn takes_any(&self) -> bool {
        let find = self.find.as_ref();
        find.is_some_and(|find| find.several == Several::First)
    }

    /// True where finding nothing proves nothing.
    fn is_blind(&self, scope: &Scope<'_>) -> bool {
        let find = self.find.as_ref();
        find.is_some_and(|find| !find.blind.is_empty() && find.blind.holds(scope))
    }

    /// The items of a success: the whole answer, or those of its list that are wanted. `None` where
    /// it is no success.
    fn found<'a>(&self, scope: &Scope<'a>) -> Option<Vec<&'a Value>> {
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

    /// Why an answer is no success, for people.
    fn why_no_success(&self, is_other: bool, scope: &Scope<'_>) -> String {
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
    fn puzzle(&self, scope: &Scope<'_>) -> String {
        let status = scope.reply.map_or(0, |reply| reply.status);
        let name = &self.name;
        match status / 100 {
            2 => format!("step `{name}` answered {status} without its sign of success"),
            _ => format!("step `{name}` answered {status}, which no rule of the sheet names"),
        }
    }
}

impl End<'_> {
    /// What was found of each of the orders that were asked for.
    pub(super) fn found_of(&self, asked: &[TheirRef]) -> Vec<(TheirRef, Found)> {
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
    pub(super) fn progress(&self) -> Result<Progress, Fault> {
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
    pub(super) fn found(&self) -> Result<Found, Fault> {
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

/// What kind of operation steps are loaded for.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Its name in the sheet: `place`.
    pub(super) name: &'static str,
    pub(super) sight: Sight,
    /// Its end is read by a `[read.NAME]`.
    pub(super) reads: bool,
    /// Finding nothing is an answer.
    pub(super) finds: bool,
}

/// Loads the `[[NAME]]` steps; `None` where there are none.
pub(super) fn load(
    loader: &Loader<'_>,
    sheet: &Section<'_>,
    kind: Kind,
    errors: &Arc<Errors>,
) -> Option<Steps> {
    let list = sheet.list(kind.name);
    let steps: Vec<Step> = list
        .iter()
        .filter_map(|spot| step(loader, spot, kind))
        .collect();
    (!list.is_empty()).then(|| Steps {
        steps,
        errors: Arc::clone(errors),
        answers: loader.answers.1,
        finds: kind.finds,
    })
}

fn step(loader: &Loader<'_>, spot: &Spot, kind: Kind) -> Option<Step> {
    let section = Section::new(format!("a step of `{}`", kind.name), spot, loader.mistakes)?;
    let name = section.need_text("step", "every step has a name: step = \"candidate\"");
    let sight = Sight {
        memo: true,
        page: section.get("pages").is_some(),
        ..kind.sight
    };
    let reads = sight.with_answer();
    let request = Form::load(loader, &section, sight);
    let kept = reads.without_people();
    let find = section.section("find", "`find`");
    let pages = section.section("pages", "`pages`");
    let next = section.texts("next");
    let document = (kind.name == "report")
        .then(|| section.section("document", "`document`"))
        .flatten()
        .and_then(|document| report::load(loader, &document, kept));
    let document_is_answer = document.as_ref().is_some_and(|one| one.base64.is_none());
    let step = |request| Step {
        name: name.unwrap_or_default().to_owned(),
        line: spot.line,
        when: When::load(loader, section.section("when", "`when`"), sight),
        request,
        success: match document_is_answer {
            true => When::default(),
            false => {
                let by_status = kind.name != "place" && !next.is_empty();
                success(loader, &section, reads, by_status)
            }
        },
        find: find.and_then(|find| load_find(loader, &find, reads)),
        pages: pages.and_then(|pages| pages::load(loader, &pages)),
        keep: loader.named_expressions(section.section("keep", "`keep`"), kept),
        rules: rules(loader, section.list("errors"), reads),
        next: next.iter().map(|(name, _)| (*name).to_owned()).collect(),
        reading: kind.reads.then(|| loader.reading_at(&section)).flatten(),
        catalog: (kind.name == "list")
            .then(|| CatalogForm::load(loader, &section))
            .flatten(),
        link: (kind.name == "report")
            .then(|| loader.expression_at(&section, "link", kept))
            .flatten(),
        document: document.clone(),
        unless: When::load(loader, section.section("unless", "`unless`"), reads),
    };
    // Without a request, the step's other mistakes would only follow from that.
    let step = step(request?);
    section.close();
    Some(step)
}

fn load_find(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Find> {
    section.need("in", "say where the list is: in = \".data\"");
    let line = section.line_of("several");
    let several = match section.text("several") {
        None => Several::Orders,
        Some("first") => Several::First,
        Some("blind") => Several::Blind,
        Some(other) => {
            let wrong = format!("`several` is `{other}`");
            let right =
                "\"first\" (any will do) or \"blind\" (proves nothing); left out: a person decides";
            loader.mistakes.add(line, wrong, right);
            Several::Orders
        }
    };
    let find = Find {
        lists: loader.lists_at(section, "in")?,
        wanted: When::load(loader, section.section("where", "`where`"), sight),
        several,
        blind: When::load(loader, section.section("blind", "`blind`"), sight),
    };
    section.close();
    Some(find)
}
