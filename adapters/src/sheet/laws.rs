//! What a sheet must keep to as a whole, beside being well formed.
//!
//! Each law is one function here. They are the mistakes that would otherwise show as a lost order,
//! a second order or a false pass, so they stop a sheet from loading.

use std::collections::BTreeSet;

use super::condition::{Operand, Test};
use super::expression::{Expression, Source, Word};
use super::functions::plain;
use super::loader::{Loader, Use};
use super::reading::Reading;
use super::source::Section;
use super::steps::{PAGE, SO_FAR, Several, Step, Steps};
use super::words::{Is, Verdict};
use crate::contract::{Ambiguity, Effect};
use crate::vocabulary::{Order, Outcome, Standing};

/// What the laws look at.
pub(super) struct Sheet<'s> {
    pub(super) section: &'s Section<'s>,
    pub(super) settings: Vec<&'s str>,
    pub(super) credentials: Vec<&'s str>,
    pub(super) dropped: Vec<(&'s str, usize)>,
    pub(super) unsupported: Vec<(&'s str, usize)>,
    pub(super) ambiguity: Option<Ambiguity>,
    /// The vendor has no field for our reference.
    pub(super) without_reference: bool,
    pub(super) operations: Vec<(&'static str, &'s Steps)>,
}

/// Words of which none can mean that nothing stands against an applicant. A word of a vendor that
/// contains one may not become a pass.
const NEVER_A_PASS: &[&str] = &[
    "abort",
    "adverse",
    "alert",
    "await",
    "cancel",
    "consider",
    "declin",
    "denied",
    "deny",
    "dispute",
    "error",
    "exception",
    "expire",
    "fail",
    "flag",
    "hit",
    "hold",
    "incomplete",
    "ineligible",
    "invalid",
    "missing",
    "noresult",
    "notclear",
    "notelig",
    "notpass",
    "notrun",
    "null",
    "partial",
    "paus",
    "pend",
    "progress",
    "refer",
    "reject",
    "review",
    "skip",
    "stop",
    "suspend",
    "timeout",
    "unable",
    "unclear",
    "undetermined",
    "unknown",
    "unperform",
    "unverif",
    "void",
    "withdr",
];

/// Checks every law.
pub(super) fn check(loader: &Loader<'_>, sheet: &Sheet<'_>) {
    let uses = loader.all_uses();
    every_field_is_used_or_dropped(loader, sheet, &uses);
    settings_and_secrets_are_declared_and_used(loader, sheet, &uses);
    what_is_read_from_the_memo_was_kept(loader, sheet, &uses);
    readings_are_used(loader, sheet, &uses);
    placing_can_be_resolved(loader, sheet);
    for (name, steps) in &sheet.operations {
        steps_lead_to_an_end(loader, sheet, name, steps);
        steps_end_with_what_their_operation_needs(loader, sheet, name, steps);
        keys_are_sent(loader, steps);
        errors_fit_the_operation(loader, name, steps);
    }
    for reading in loader.readings.values() {
        nothing_odd_passes(loader, reading);
    }
}

fn every_field_is_used_or_dropped(loader: &Loader<'_>, sheet: &Sheet<'_>, uses: &[Use]) {
    let line = sheet.section.line_of("dropped");
    let lists = sheet.dropped.iter().chain(&sheet.unsupported);
    for (field, line) in lists {
        if !Order::FIELDS.contains(field) {
            let wrong = format!("`{field}` is not a field of an order");
            let right = format!("it is one of: {}", Order::FIELDS.join(", "));
            loader.mistakes.add(*line, wrong, right);
        }
    }
    for field in Order::FIELDS {
        let used = uses.iter().any(|one| one.name == *field);
        let named = |list: &[(&str, usize)]| list.iter().any(|(name, _)| name == field);
        let (dropped, unsupported) = (named(&sheet.dropped), named(&sheet.unsupported));
        match (used, dropped || unsupported) {
            (false, false) => {
                let wrong = format!("`{field}` is neither used nor dropped");
                let right = "send it, or name it in `dropped` (or in `unsupported`, where an order \
                             that has it must be refused)";
                loader.mistakes.add(line, wrong, right);
            }
            (true, true) => {
                let wrong = format!("`{field}` is dropped and used");
                loader.mistakes.add(line, wrong, "do one of them");
            }
            _ => {}
        }
        if dropped && matches!(*field, "order.add_ons" | "order.package") {
            let wrong = format!("`{field}` is dropped: something else would be ordered");
            let right = "send it, or name `order.add_ons` in `unsupported`";
            loader.mistakes.add(line, wrong, right);
        }
    }
}

fn settings_and_secrets_are_declared_and_used(
    loader: &Loader<'_>,
    sheet: &Sheet<'_>,
    uses: &[Use],
) {
    let known = [
        ("settings", &sheet.settings),
        ("secret", &sheet.credentials),
    ];
    for (kind, names) in known {
        let block = if kind == "secret" {
            "credentials"
        } else {
            kind
        };
        let used = uses.iter().filter_map(|one| {
            let name = one.name.strip_prefix(kind)?.strip_prefix('.')?;
            Some((name, one.line))
        });
        let used: Vec<_> = used.collect();
        for (name, line) in &used {
            if !names.contains(name) {
                let wrong = format!("`{kind}.{name}` is not one of `{block}`");
                let right = format!("declared are: {}", names.join(", "));
                loader.mistakes.add(*line, wrong, right);
            }
        }
        for name in names {
            if !used.iter().any(|(one, _)| one == name) {
                let wrong = format!("`{name}` of `{block}` is never used");
                loader.mistakes.add(
                    sheet.section.line_of(block),
                    wrong,
                    "use it, or take it away",
                );
            }
        }
    }
}

fn what_is_read_from_the_memo_was_kept(loader: &Loader<'_>, sheet: &Sheet<'_>, uses: &[Use]) {
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    for step in sheet.operations.iter().flat_map(|(_, steps)| &steps.steps) {
        for (name, _) in &step.keep {
            kept.insert(name);
            if name == PAGE || name == SO_FAR {
                let wrong = format!("`{name}` is kept");
                let right = "that name belongs to paging; choose another";
                loader.mistakes.add(step.line, wrong, right);
            }
        }
    }
    for reading in loader.readings.values() {
        kept.extend(reading.keeps());
    }
    for one in uses {
        let Some(name) = one.name.strip_prefix("memo.") else {
            continue;
        };
        if !kept.contains(name) {
            let wrong = format!("`memo.{name}` is never kept");
            let kept: Vec<_> = kept.iter().copied().collect();
            let right = format!("keep it with `keep`; kept are: {}", kept.join(", "));
            loader.mistakes.add(one.line, wrong, right);
        }
    }
}

fn readings_are_used(loader: &Loader<'_>, sheet: &Sheet<'_>, uses: &[Use]) {
    for name in loader.readings.keys() {
        if !uses.iter().any(|one| one.name == format!("read.{name}")) {
            let wrong = format!("`[read.{name}]` is never used");
            let line = sheet.section.line_of("read");
            loader.mistakes.add(line, wrong, "use it, or take it away");
        }
    }
    let mints = loader.readings.values().any(|reading| reading.mints());
    let has_report = sheet.operations.iter().any(|(name, _)| *name == "report");
    if mints && !has_report {
        let wrong = "a report is minted, and there is no `[[report]]`";
        let line = sheet.section.line_of("read");
        loader.mistakes.add(line, wrong, "say how: [[report]]");
    }
}

fn placing_can_be_resolved(loader: &Loader<'_>, sheet: &Sheet<'_>) {
    let find = |wanted: &str| sheet.operations.iter().find(|(name, _)| *name == wanted);
    let Some((_, place)) = find("place") else {
        let wrong = "the sheet places no orders";
        loader.mistakes.add(1, wrong, "say how: [[place]]");
        return;
    };
    let looks = matches!(
        sheet.ambiguity,
        Some(Ambiguity::LookUp | Ambiguity::LookUpThenRepeat)
    );
    if looks && find("look_up").is_none() {
        let wrong = "`ambiguity` is a look-up, and there is no `[[look_up]]`";
        let line = sheet.section.line_of("policy");
        loader
            .mistakes
            .add(line, wrong, "say how an order is found by our reference");
    }
    if sheet.without_reference && matches!(sheet.ambiguity, Some(Ambiguity::WaitForCallback(_))) {
        let wrong = "no callback can name an order by a reference that the vendor never saw";
        let right = "ambiguity = \"look_up\" with a [[look_up]] by person and time, or \"person\"";
        loader
            .mistakes
            .add(sheet.section.line_of("policy"), wrong, right);
    }
    for step in &place.steps {
        let orders = step.request.effect.effect != Effect::Read;
        if orders && !sheet.without_reference && !step.request.names("ours") {
            let wrong = format!("step `{}` does not send our reference", step.name);
            let right = "send `{ours}` where the vendor keeps it, or say `reference = \"none\"` \
                         in `[policy]` and how a lost order is found without it";
            loader.mistakes.add(step.line, wrong, right);
        }
    }
}

/// Every step has its own name, can be reached, and leads to an end.
fn steps_lead_to_an_end(loader: &Loader<'_>, sheet: &Sheet<'_>, name: &str, steps: &Steps) {
    let known: Vec<&str> = steps.steps.iter().map(|step| step.name.as_str()).collect();
    for (at, step) in steps.steps.iter().enumerate() {
        if known[..at].contains(&step.name.as_str()) {
            let wrong = format!("step `{}` of `{name}` stands twice", step.name);
            loader
                .mistakes
                .add(step.line, wrong, "give it another name");
        }
        for next in leads_to(step, steps) {
            if !known.contains(&next) {
                let wrong = format!("step `{}` leads to `{next}`, which is no step", step.name);
                let right = format!("steps of `{name}` are: {}", known.join(", "));
                loader.mistakes.add(step.line, wrong, right);
            }
        }
        if circles(step, step, steps, &mut BTreeSet::new()) {
            let wrong = format!("step `{}` leads back to itself", step.name);
            loader
                .mistakes
                .add(step.line, wrong, "steps lead forward, so that they end");
        }
        let led_to = steps
            .steps
            .iter()
            .any(|other| leads_to(other, steps).contains(&known[at]));
        let begins = steps.steps[..at]
            .iter()
            .all(|earlier| !earlier.when.is_empty());
        if !led_to && !begins {
            let wrong = format!("step `{}` is never reached", step.name);
            let right = "lead to it with `next`, or give the steps before it a `when`";
            loader.mistakes.add(step.line, wrong, right);
        }
    }
    if steps.steps.iter().all(|step| !step.when.is_empty()) {
        let wrong = format!("every step of `{name}` has a `when`, so that none may begin");
        let line = sheet.section.line_of("place");
        let line = steps.steps.first().map_or(line, |step| step.line);
        loader
            .mistakes
            .add(line, wrong, "one of them begins in any case");
    }
}

pub(super) fn leads_to<'s>(step: &'s Step, steps: &'s Steps) -> Vec<&'s str> {
    let rules = step.rules.iter().chain(&steps.errors.rules);
    let by_rules = rules.filter_map(|rule| rule.step());
    step.next
        .iter()
        .map(String::as_str)
        .chain(by_rules)
        .collect()
}

fn circles<'s>(
    from: &Step,
    step: &'s Step,
    steps: &'s Steps,
    seen: &mut BTreeSet<&'s str>,
) -> bool {
    leads_to(step, steps).into_iter().any(|name| {
        let next = steps.steps.iter().find(|step| step.name == name);
        name == from.name
            || (seen.insert(name) && next.is_some_and(|next| circles(from, next, steps, seen)))
    })
}

fn steps_end_with_what_their_operation_needs(
    loader: &Loader<'_>,
    sheet: &Sheet<'_>,
    name: &str,
    steps: &Steps,
) {
    let say = |step: &Step, wrong: String, right: &str| {
        loader.mistakes.add(step.line, wrong, right);
    };
    for step in &steps.steps {
        let leads_on = step.next.iter().any(|next| {
            let next = steps.steps.iter().find(|step| step.name == *next);
            next.is_some_and(|next| next.when.is_empty())
        });
        let reads = step.reading.is_some();
        match name {
            "list" if step.catalog.is_none() && !leads_on => {
                say(
                    step,
                    format!("step `{}` reads no catalog", step.name),
                    "give it `packages`",
                );
            }
            "report" if step.link.is_none() && step.document.is_none() && !leads_on => {
                say(
                    step,
                    format!("step `{}` reads no report", step.name),
                    "link = \".url\", or document = { mime = \"application/pdf\" }",
                );
            }
            "fetch_many" if step.find.is_none() => {
                say(
                    step,
                    format!("step `{}` finds no list of orders", step.name),
                    "say where it is: find = { in = \".orders\" }",
                );
            }
            "place" | "fetch" | "fetch_many" | "look_up" | "cancel" if !reads && !leads_on => {
                let wrong = format!("step `{}` ends and reads no order", step.name);
                say(step, wrong, "read it with `read`, or lead on with `next`");
            }
            _ => {}
        }
        let several = step.find.as_ref().map(|find| find.several);
        if several == Some(Several::Orders) && !reads {
            let wrong = format!("step `{}` may find several and reads no order", step.name);
            say(
                step,
                wrong,
                "say `several = \"first\"` or \"blind\", or `read` them",
            );
        }
        if step.pages.is_some() && !matches!(name, "list" | "look_up" | "fetch") {
            say(
                step,
                format!("step `{}` has pages", step.name),
                "only lists and look-ups have",
            );
        }
        pages_are_asked_for(loader, step);
    }
    if name == "look_up" && !sheet.operations.iter().any(|(name, _)| *name == "fetch") {
        let wrong = "orders are looked up by our reference, and never by the vendor's";
        let line = sheet.section.line_of("look_up");
        loader
            .mistakes
            .add(line, wrong, "say how an order is read: [[fetch]]");
    }
}

/// A list of which always the same page is asked for never ends.
fn pages_are_asked_for(loader: &Loader<'_>, step: &Step) {
    let Some(pages) = &step.pages else {
        return;
    };
    let page = Source::Word(Word::Page);
    let in_address = step.request.in_address();
    let asked: Vec<_> = in_address
        .filter(|one| one.sources().contains(&page))
        .collect();
    if asked.is_empty() && !step.request.names("page") {
        let wrong = format!("step `{}` has pages and does not ask for one", step.name);
        let right = "send it: query = { page = \"{page}\" }";
        loader.mistakes.add(step.line, wrong, right);
    }
    if pages.by_cursor() && asked.iter().any(|one| !one.optional) {
        let wrong = format!(
            "step `{}` needs `{{page}}`, and the first page has no cursor",
            step.name
        );
        let right = "leave it out there, with `?`: query = { cursor = \"{page?}\" }";
        loader.mistakes.add(step.line, wrong, right);
    }
}

fn keys_are_sent(loader: &Loader<'_>, steps: &Steps) {
    for step in &steps.steps {
        let form = &step.request.effect;
        let repeatable = matches!(form.effect, Effect::Repeatable { .. });
        let by = form.by.as_deref().unwrap_or("key");
        if repeatable && !step.request.names(by) {
            let wrong = format!("step `{}` is repeatable and sends no `{{{by}}}`", step.name);
            let right = "send the key that the vendor dedupes on, name another with `by`, or make \
                         it \"once\"";
            loader.mistakes.add(step.line, wrong, right);
        }
    }
}

fn errors_fit_the_operation(loader: &Loader<'_>, name: &str, steps: &Steps) {
    let own = steps.steps.iter().flat_map(|step| &step.rules);
    for rule in own.chain(&steps.errors.rules) {
        if rule.is_not_seen() && !matches!(name, "fetch" | "look_up") {
            let wrong = format!("`not_seen` cannot be what `{name}` ends with");
            let right = "only `fetch` and `look_up` see or do not see; say it in their steps";
            loader.mistakes.add(rule.line, wrong, right);
        }
    }
}

/// True for a word that can never mean that nothing stands against an applicant.
pub(super) fn is_odd(word: &str) -> bool {
    let word = plain(word);
    word.is_empty() || NEVER_A_PASS.iter().any(|never| word.contains(never))
}

/// No false pass: a pass comes only from words that say so.
fn nothing_odd_passes(loader: &Loader<'_>, reading: &Reading) {
    let passes = |verdict: &Verdict| verdict.is == Is::Standing(Standing::Complete(Outcome::Pass));
    for (expression, line) in &reading.words {
        if !expression.is_a_word_of_the_answer() {
            let wrong = "a status or result is not the vendor's own word";
            let right = "read it from the answer, changed by nothing but lower, upper, trim, first \
                         and strip 'x:'; what a word means stands in `statuses` and `results`";
            loader.mistakes.add(*line, wrong, right);
        }
    }
    for (word, verdict) in reading.statuses.iter().chain(&reading.results) {
        if passes(verdict) && is_odd(word) {
            let wrong = format!("the word `{word}` would pass somebody");
            let right = "an unknown, partial, cancelled or errored check is for `review`";
            loader.mistakes.add(verdict.line, wrong, right);
        }
    }
    for rule in reading.rules.iter().filter(|rule| passes(&rule.verdict)) {
        let on_answer = rule.when.0.iter().filter(|(one, _)| one.reads_the_answer());
        let mut on_answer = on_answer.map(|(one, test)| {
            let words = words_of(test).filter(|words| !words.iter().any(|word| is_odd(word)));
            let is_word = one.is_a_word_of_the_answer() && words.is_some();
            (is_word, tells_a_result(reading, one))
        });
        let by_words = on_answer.clone().all(|(is_word, _)| is_word);
        if !by_words || !on_answer.any(|(_, tells)| tells) {
            let wrong = "this rule would pass somebody without a word that says so";
            let right = "compare members of the answer, one beside the status among them, with the \
                         words that mean a pass, and with nothing else";
            loader.mistakes.add(rule.verdict.line, wrong, right);
        }
    }
}

/// True for a member that can say how an order came out: the status alone cannot where a result
/// stands beside it.
fn tells_a_result(reading: &Reading, one: &Expression) -> bool {
    let of_status = reading.status.iter().flat_map(Expression::sources);
    let mut of_status = of_status.filter(|_| !reading.result.is_empty());
    !of_status.any(|source| one.sources().contains(source))
}

/// The words a test asks for, of one value or of every item, where it asks for nothing else.
fn words_of(test: &Test) -> Option<Vec<&str>> {
    let operands = match test {
        Test::Is(operands) => operands,
        Test::Every(test) => return words_of(test),
        _ => return None,
    };
    let words = operands.iter().map(|operand| match operand {
        Operand::Word(word) => Some(word.as_str()),
        Operand::Exactly(_) => None,
    });
    words.collect()
}
