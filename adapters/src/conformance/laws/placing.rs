//! Laws on placing, the operation that costs money: it ends, it is recognised again, and it has
//! happened only where the vendor says so.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::super::answer::fault_word;
use super::super::bench::{Bench, Ran, Stop, reply};
use super::super::leaves::Document;
use super::super::wire;
use super::nasty::SENSELESS;
use crate::contract::{Ambiguity, Effect, Fault, Memo, Turn};

/// Law `reference`.
pub(super) fn reference(bench: &Bench<'_>) -> Vec<String> {
    let vendor = bench.vendor;
    let mut broken = Vec::new();
    let declared_absent = vendor.dropped.iter().any(|name| name == "reference");
    for ran in bench.cases("place") {
        if !matches!(ran.end(), Some(Ok(_))) {
            continue;
        }
        let travels = ran.stops.iter().any(|stop| holds(stop, &bench.ours));
        if travels == declared_absent {
            let name = &ran.case.name;
            broken.push(if travels {
                format!("case `{name}` sends our reference, but `reference` is named as dropped")
            } else {
                format!("case `{name}` sends our reference in no request")
            });
        }
    }
    let looks_up = matches!(
        vendor.policy.ambiguity,
        Ambiguity::LookUp | Ambiguity::LookUpThenRepeat
    );
    if looks_up && !vendor.finds_ours {
        broken.push("an unclear placing is looked up, but no look-up by ours exists".to_owned());
    }
    if declared_absent && matches!(vendor.policy.ambiguity, Ambiguity::WaitForCallback(_)) {
        broken.push("no callback can name an order that does not know our reference".to_owned());
    }
    broken
}

fn holds(stop: &Stop<'_>, ours: &str) -> bool {
    let everything = wire::everything(&stop.request);
    let decoded = percent_decode_str(&everything).decode_utf8_lossy();
    everything.contains(ours) || decoded.contains(ours)
}

/// Law `turns`: from every memo that any known answer leads to, any known answer may come next.
pub(super) fn turns(bench: &Bench<'_>) -> Vec<String> {
    /// More memos than any honest vendor has; a set that grows past it does not end either.
    const MOST_MEMOS: usize = 2_000;
    let cases = bench.cases("place");
    let replies: Vec<_> = cases.iter().flat_map(answers).collect();
    let most = bench.vendor.policy.most_turns;
    let mut broken = Vec::new();
    for ran in &cases {
        let mut memos = vec![
            ran.stops
                .first()
                .map(|s| s.memo.clone())
                .unwrap_or_default(),
        ];
        for _ in 0..most {
            let mut next: Vec<Memo> = Vec::new();
            for memo in &memos {
                for (_, reply) in &replies {
                    if let Ok(Turn::Next(memo)) = ran.run.decode(memo, reply)
                        && !next.contains(&memo)
                        && next.len() < MOST_MEMOS
                    {
                        next.push(memo);
                    }
                }
            }
            memos = next;
        }
        if let Some(memo) = memos.first() {
            broken.push(format!(
                "case `{}`: after {most} turns (`most_turns`) placing can still go on to `{}`",
                ran.case.name, memo.step
            ));
        }
    }
    broken
}

/// The replies of a case and of its faults, with their steps.
pub(super) fn answers<'r>(ran: &'r Ran<'_>) -> Vec<(&'r str, crate::Reply)> {
    let exchanges = ran.case.exchanges.iter();
    let mut answers: Vec<_> = exchanges
        .map(|exchange| (exchange.step.as_str(), exchange.reply()))
        .collect();
    for fault in &ran.case.faults {
        for status in fault.reply_status.list() {
            let reply = reply(status, &fault.reply_headers, &fault.reply_body);
            answers.push((fault.step.as_str(), reply));
        }
    }
    answers
}

/// Law `unmapped`.
pub(super) fn unmapped(bench: &Bench<'_>) -> Vec<String> {
    let cases = bench.cases("place");
    let declared: Vec<(&str, u16, String)> = cases.iter().flat_map(declared).collect();
    let mut broken = Vec::new();
    let mut swept: Vec<&str> = Vec::new();
    for ran in &cases {
        for stop in &ran.stops {
            let step = stop.exchange.step.as_str();
            // What a step's failures mean does not depend on the case that came to it.
            if stop.request.effect == Effect::Read || swept.contains(&step) {
                continue;
            }
            swept.push(step);
            // By what the status means, so that a range of them is one sentence.
            let mut wrong: BTreeMap<String, Vec<u16>> = BTreeMap::new();
            for status in (100..200).chain(300..600) {
                for body in SENSELESS {
                    let reply = reply(status, &BTreeMap::new(), body);
                    let meaning = match ran.run.decode(&stop.memo, &reply) {
                        Err(Fault::Unclear(_)) => continue,
                        Err(fault) => fault_word(&fault),
                        Ok(Turn::Next(Memo { step, .. })) => format!("next, {step}"),
                        Ok(Turn::Done(_)) => "success".to_owned(),
                    };
                    let known = (step, status, meaning);
                    if !declared.contains(&known) {
                        wrong.entry(known.2).or_default().push(status);
                    }
                }
            }
            for (meaning, mut statuses) in wrong {
                statuses.dedup();
                broken.push(format!(
                    "{}: {} with a senseless body means `{meaning}`; no fault of place.toml \
                     declares that, so it must be unclear",
                    ran.at(step),
                    ranges(&statuses)
                ));
            }
        }
    }
    broken
}

/// What the faults of a case declare: step, status and word.
fn declared<'r>(ran: &'r Ran<'_>) -> Vec<(&'r str, u16, String)> {
    let word = |expect: &serde_json::Value| {
        let word = expect.as_str().or_else(|| expect["is"].as_str());
        word.unwrap_or_default().to_owned()
    };
    let mut declared = Vec::new();
    for fault in &ran.case.faults {
        for status in fault.reply_status.list() {
            declared.push((fault.step.as_str(), status, word(&fault.expect)));
        }
    }
    // A case that itself ends in a fault declares it too.
    if let (Some(last), Some(Err(_))) = (ran.stops.last(), ran.end()) {
        let exchange = last.exchange;
        declared.push((
            &exchange.step,
            exchange.reply_status,
            word(&ran.case.expect),
        ));
    }
    declared
}

/// `400 to 403, 410`.
pub(super) fn ranges(statuses: &[u16]) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in statuses {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *status => *last = *status,
            _ => ranges.push((*status, *status)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match first == last {
        true => format!("status {first}"),
        false => format!("status {first} to {last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// Law `positive_sign`.
pub(super) fn positive_sign(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for ran in &bench.cases("place") {
        for (at, stop) in ran.stops.iter().enumerate() {
            broken.extend(placed_without_sign(ran, stop));
            broken.extend(placed_without_id(ran, at));
        }
    }
    broken
}

/// The first senseless answer with the status of a success that counts as placed.
fn placed_without_sign(ran: &Ran<'_>, stop: &Stop<'_>) -> Option<String> {
    let step = &stop.exchange.step;
    let errors = errors_of(ran, step);
    for status in [stop.reply.status, 200, 201, 202, 203, 204, 206] {
        for body in SENSELESS.iter().chain(&errors) {
            let reply = reply(status, &BTreeMap::new(), body);
            if let Ok(Turn::Done(_)) = ran.run.decode(&stop.memo, &reply) {
                return Some(format!(
                    "{}: status {status} with the body `{body}` counts as placed; a success \
                     shows the order's id",
                    ran.at(step)
                ));
            }
        }
    }
    None
}

/// The bodies of declared failures, which a vendor may also send with a 2xx.
fn errors_of<'r>(ran: &'r Ran<'_>, step: &str) -> Vec<&'r str> {
    let faults = ran.case.faults.iter().filter(|fault| fault.step == step);
    faults
        .filter(|fault| {
            fault
                .reply_status
                .list()
                .iter()
                .all(|status| *status >= 400)
        })
        .map(|fault| fault.reply_body.as_str())
        .collect()
}

/// Answers that lack something, and count as placed under another reference or none.
fn placed_without_id(ran: &Ran<'_>, at: usize) -> Vec<String> {
    let Some(Ok(said)) = ran.end() else {
        return Vec::new();
    };
    let Some(placed) = said.progress.first() else {
        return Vec::new();
    };
    let stop = &ran.stops[at];
    let document = Document::parse(&stop.reply.body);
    let mut broken = Vec::new();
    for (place, body) in document.lacking() {
        let mut reply = stop.reply.clone();
        reply.body = body;
        let Some(Ok(said)) = ran.replay(at, &reply) else {
            continue;
        };
        if said.progress.iter().any(|now| now.theirs != placed.theirs) {
            broken.push(format!(
                "{}: without {place} the order counts as placed, but its id is another",
                ran.at(&stop.exchange.step)
            ));
        }
    }
    broken
}
