//! Do the fixtures show enough, and does the vendor do what they show?

use serde_json::{Value, json};

use super::super::answer::{fault_words, fits};
use super::super::bench::{Bench, Ran, Stop, reply};
use super::super::wire;
use super::words::subjects;
use crate::contract::{Memo, Request, Turn};

/// Law `complete_fixtures`.
pub(super) fn complete(bench: &Bench<'_>) -> Vec<String> {
    let vendor = bench.vendor;
    let operations = [
        ("place", true),
        ("list", vendor.list.is_some()),
        ("fetch", vendor.fetch.is_some()),
        ("fetch_many", vendor.fetch_many.is_some()),
        ("cancel", vendor.cancel.is_some()),
        ("report", vendor.report.is_some()),
        ("verify", vendor.verify.is_some()),
    ];
    let mut broken = Vec::new();
    for (operation, has) in operations {
        let succeeds = |ran: &Ran<'_>| matches!(ran.end(), Some(Ok(_)));
        if has && !bench.cases(operation).iter().any(succeeds) {
            broken.push(format!(
                "no case in {operation}.toml ends in success: write one down"
            ));
        }
        if !has && bench.fixtures.cases.contains_key(operation) {
            broken.push(format!(
                "there is a {operation}.toml, but the vendor lacks that operation"
            ));
        }
    }
    broken.extend(lookup_by_ours(bench));
    broken.extend(steps_never_seen(bench));
    let calls_back = vendor.callbacks.is_some();
    if calls_back == bench.fixtures.callbacks.is_empty() {
        broken.push(if calls_back {
            "the vendor sends callbacks, but callbacks.toml shows none".to_owned()
        } else {
            "there is a callbacks.toml, but the vendor sends no callbacks".to_owned()
        });
    }
    broken.extend(no_pass_or_nothing_else(bench));
    broken
}

fn lookup_by_ours(bench: &Bench<'_>) -> Option<String> {
    let by_ours = bench
        .cases("fetch")
        .iter()
        .any(|ran| ran.case.theirs.is_none() && matches!(ran.end(), Some(Ok(_))));
    (by_ours != bench.vendor.finds_ours).then(|| {
        if by_ours {
            "fetch.toml looks up by our reference, but the vendor says that it cannot".to_owned()
        } else {
            "the vendor finds orders by our reference, but no case in fetch.toml (one without \
             `theirs`) shows how"
                .to_owned()
        }
    })
}

fn steps_never_seen(bench: &Bench<'_>) -> Vec<String> {
    let cases = bench.cases("place");
    let seen = |step: &&String| {
        let mut stops = cases.iter().flat_map(|ran| &ran.stops);
        stops.any(|stop| stop.request.step == **step)
    };
    let steps = bench.vendor.placing_steps.iter();
    steps
        .filter(|step| !seen(step))
        .map(|step| format!("no case in place.toml goes through the step `{step}`"))
        .collect()
}

/// The laws on passes compare a pass with what is none, so there must be both.
fn no_pass_or_nothing_else(bench: &Bench<'_>) -> Option<String> {
    let subjects = subjects(bench);
    // A vendor whose standing is read nowhere has no pass to be wrong about.
    let reads = bench.vendor.fetch.is_some() || bench.vendor.fetch_many.is_some();
    let passes = subjects.iter().any(|subject| subject.passes() > 0);
    let others = subjects
        .iter()
        .any(|subject| subject.is_reading() && subject.passes() == 0);
    (reads && !(passes && others)).then(|| {
        "the fixtures must show an order that passes (`complete/pass`) and one that does not, in \
         fetch.toml, fetch_many.toml or callbacks.toml"
            .to_owned()
    })
}

/// Law `golden`.
pub(super) fn golden(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for ran in bench.all() {
        for stop in &ran.stops {
            broken.extend(wrong_request(&ran, stop));
        }
        broken.extend(wrong_end(&ran));
        broken.extend(wrong_faults(&ran));
    }
    broken.extend(wrong_notes(bench));
    broken
}

fn wrong_request(ran: &Ran<'_>, stop: &Stop<'_>) -> Vec<String> {
    let (request, exchange) = (&stop.request, stop.exchange);
    let at = ran.at(&exchange.step);
    let mut broken = Vec::new();
    if request.step != exchange.step {
        broken.push(format!("{at}: the vendor is at step `{}`", request.step));
    }
    let line = wire::request_line(request);
    if let Some(expected) = exchange
        .request
        .as_ref()
        .filter(|expected| **expected != line)
    {
        broken.push(format!("{at}: the request is `{line}`, not `{expected}`"));
    }
    if let Some(expected) = &exchange.request_headers {
        let headers = request.headers.iter();
        let headers = headers
            .map(|(name, value)| (name.to_lowercase(), wire::rendered(value)))
            .collect();
        if *expected != headers {
            broken.push(format!(
                "{at}: the request has the headers {headers:?}, not {expected:?}"
            ));
        }
    }
    if let Some(expected) = &exchange.request_body {
        let body = wire::rendered(&request.body);
        if !same_body(request, expected, &body) {
            broken.push(format!(
                "{at}: the request's body is `{body}`, not `{expected}`"
            ));
        }
    }
    broken
}

fn same_body(request: &Request, expected: &str, body: &str) -> bool {
    let is_json = request
        .mime
        .as_ref()
        .is_some_and(|mime| mime.contains("json"));
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (parse(expected), parse(body)) {
        (Some(expected), Some(body)) if is_json => expected == body,
        _ => expected.trim() == body.trim(),
    }
}

fn wrong_end(ran: &Ran<'_>) -> Option<String> {
    let last = ran.stops.last().map_or("", |stop| &stop.exchange.step);
    let at = ran.at(last);
    if let Some(unfit) = &ran.unfit {
        return Some(format!(
            "{at}: the next request cannot be made, because {unfit}"
        ));
    }
    let said = match ran.end() {
        None => return Some(format!("{at}: the case is over, but the vendor goes on")),
        Some(Ok(said)) => said.words.clone(),
        Some(Err(fault)) => fault_words(fault),
    };
    if ran.stops.len() < ran.case.exchanges.len() {
        return Some(format!(
            "{at}: the vendor ends here ({said}), but the case goes on"
        ));
    }
    let expect = &ran.case.expect;
    (!fits(expect, &said)).then(|| format!("{at}: it means {said}, not {expect}"))
}

fn wrong_faults(ran: &Ran<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for fault in &ran.case.faults {
        let at = ran.at(&fault.step);
        let stop = ran
            .stops
            .iter()
            .find(|stop| stop.exchange.step == fault.step);
        let Some(Stop { memo, .. }) = stop else {
            broken.push(format!(
                "{at}: has a fault, but the case does not come to that step"
            ));
            continue;
        };
        for status in fault.reply_status.list() {
            let reply = reply(status, &fault.reply_headers, &fault.reply_body);
            let said = match ran.run.decode(memo, &reply) {
                Ok(Turn::Done(said)) => said.words,
                Ok(Turn::Next(Memo { step, .. })) => json!({"is": format!("next, {step}")}),
                Err(fault) => fault_words(&fault),
            };
            if !fits(&fault.expect, &said) {
                let expect = &fault.expect;
                broken.push(format!("{at}: status {status} means {said}, not {expect}"));
            }
        }
    }
    broken
}

fn wrong_notes(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for case in &bench.fixtures.callbacks {
        let at = format!("callback `{}`", case.name);
        let expect = Value::Array(case.expect.clone());
        match bench.read(case.body.as_bytes()) {
            Some(Ok(said)) if !fits(&expect, &said.words) => {
                broken.push(format!("{at}: it says {}, not {expect}", said.words));
            }
            Some(Err(unreadable)) => broken.push(format!("{at}: cannot be read: {unreadable}")),
            _ => {}
        }
    }
    broken
}
