//! What vendors, proxies and attackers send that makes no sense, and the law that it harms nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::super::bench::{Bench, Ran, Stop};
use super::super::leaves::Document;
use crate::contract::Reply;

/// Bodies that are whole and say nothing.
pub(super) const SENSELESS: &[&str] = &[
    "",
    "{}",
    "[]",
    "null",
    "\"\"",
    "OK",
    "<html><body>Service unavailable</body></html>",
    "<?xml version=\"1.0\"?><ok/>",
    "{\"error\":\"senseless\"}",
    "{\"errors\":[\"senseless\"]}",
];

/// Bodies that break parsers.
fn broken_bodies() -> Vec<Vec<u8>> {
    let deep = 10_000;
    let mut bodies: Vec<Vec<u8>> = vec![
        b"\0\0\0\0".to_vec(),
        b"{\"id\":\"\\u0000\"}".to_vec(),
        b"\xff\xfe{\x00}".to_vec(),
        b"{\"id\":\"\xc3\x28\"}".to_vec(),
        b"{\"id\":".to_vec(),
        b"{\"id\":\"\\ud800\"}".to_vec(),
        b"{\"id\":1e999999,\"status\":-0.0,\"n\":123456789012345678901234567890}".to_vec(),
        b"{\"id\":null,\"id\":[],\"id\":{}}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"<a><b></a></b>".to_vec(),
        b"<!DOCTYPE a [<!ENTITY b \"&b;&b;\">]><a>&b;</a>".to_vec(),
        b"a=%&b=%zz&=&&%00".to_vec(),
        "[".repeat(deep).into_bytes(),
        "{\"data\":".repeat(deep).into_bytes(),
        "<a>".repeat(deep).into_bytes(),
        vec![b'9'; 20_000],
    ];
    bodies.extend(SENSELESS.iter().map(|body| body.as_bytes().to_vec()));
    bodies
}

/// A sound body, cut, with bytes changed, and with each leaf as something else.
pub(super) fn mutations(body: &[u8]) -> Vec<Vec<u8>> {
    // Some forty places to cut at, however long the body is.
    let mut mutations: Vec<Vec<u8>> = (0..body.len())
        .step_by((body.len() / 40).max(1))
        .map(|at| body[..at].to_vec())
        .collect();
    // A fixed sequence, so that a failure is seen again: Marsaglia's xorshift.
    let mut state: u32 = 0x9e37_79b9;
    for _ in 0..64 {
        let mut changed = body.to_vec();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let [low, high, byte, _] = state.to_le_bytes();
            if !changed.is_empty() {
                let at = usize::from(u16::from_le_bytes([low, high])) % changed.len();
                changed[at] = byte;
            }
        }
        mutations.push(changed);
    }
    let document = Document::parse(body);
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.0e300),
        json!(""),
        json!("é\u{1F600}\u{202e}".repeat(300)),
        json!([[]]),
        json!({"": {}}),
    ];
    for (place, _) in document.leaves() {
        mutations.extend(values.iter().map(|value| document.with(&place, value)));
    }
    mutations.extend(document.lacking().into_iter().map(|(_, body)| body));
    mutations
}

/// Law `survives`.
pub(super) fn survives(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut swept = Vec::new();
    for ran in bench.all() {
        for stop in &ran.stops {
            let mut replies = bent_replies(stop);
            // These are the same for every case of a step, so once is enough.
            let step = (ran.operation, &stop.exchange.step);
            if !swept.contains(&step) {
                swept.push(step);
                replies.extend(odd_replies(stop));
            }
            broken.extend(panic_at(&ran, stop, replies));
        }
    }
    broken.extend(panic_of_reader(bench));
    broken
}

fn panic_of_reader(bench: &Bench<'_>) -> Option<String> {
    bench.vendor.callbacks.as_ref()?;
    let mut bodies = broken_bodies();
    for case in &bench.fixtures.callbacks {
        bodies.extend(mutations(case.body.as_bytes()));
    }
    let panics = |body: &&Vec<u8>| catch_unwind(AssertUnwindSafe(|| bench.read(body))).is_err();
    let body = bodies.iter().find(panics)?;
    Some(format!("reading the callback `{}` panics", shown(body)))
}

/// The sound answer, bent.
fn bent_replies(stop: &Stop<'_>) -> Vec<(u16, Vec<u8>)> {
    let mutations = mutations(&stop.reply.body).into_iter();
    mutations.map(|body| (stop.reply.status, body)).collect()
}

/// Every status, and every body that breaks parsers.
fn odd_replies(stop: &Stop<'_>) -> Vec<(u16, Vec<u8>)> {
    let mut replies = Vec::new();
    // Every status once; which body it comes with goes round.
    let bodies = [
        Vec::new(),
        stop.reply.body.clone(),
        b"{\"errors\":[{\"code\":7}]}".to_vec(),
    ];
    let statuses = (100..600).zip(bodies.iter().cycle());
    replies.extend(statuses.map(|(status, body)| (status, body.clone())));
    for status in [stop.reply.status, 200, 204, 404, 429, 500] {
        replies.extend(broken_bodies().into_iter().map(|body| (status, body)));
    }
    replies
}

fn odd_headers() -> Vec<(String, String)> {
    let headers = [
        ("retry-after", "99999999999999999999"),
        ("link", "<://>; rel=\"next\", <"),
        ("location", "\u{1F600}"),
        ("x-ratelimit-reset", "9999-99-99T99:99:99Z"),
    ];
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(own).collect()
}

fn panic_at(ran: &Ran<'_>, stop: &Stop<'_>, replies: Vec<(u16, Vec<u8>)>) -> Option<String> {
    // Sound and odd headers take turns.
    let headers = [stop.reply.headers.clone(), odd_headers()];
    for ((status, body), headers) in replies.into_iter().zip(headers.iter().cycle()) {
        let reply = Reply {
            status,
            headers: headers.clone(),
            body,
        };
        let decode = AssertUnwindSafe(|| ran.run.decode(&stop.memo, &reply));
        if catch_unwind(decode).is_err() {
            let at = ran.at(&stop.exchange.step);
            return Some(format!(
                "{at}: status {status} with `{}` panics",
                shown(&reply.body)
            ));
        }
    }
    None
}

/// The beginning of a body, for messages. Bodies here are made up.
fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned()
}
