//! Nova, a made-up vendor that does several things at once: orders, pages, nodes of one order, a
//! connection's own words; and what stands in for a reference or a link.

mod answers;
mod meanings;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::order;
use crate::contract::{
    Context, Effect, Fault, FetchMany, FetchOrder, Found, ListPackages, Memo, MintedReport, Piece,
    PlaceOrder, Reply, ReportLink, Request, Turn, Vendor,
};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Outcome, Progress, Standing, TheirRef};

pub(super) const NOVA: &str = r##"
name = "nova"
title = "Nova"
credentials = ["key"]
auth = { header = "Authorization: Key {secret.key}" }
dropped = [
  "applicant.id", "applicant.phone", "applicant.address", "applicant.address_2", "applicant.city", "applicant.state", "applicant.zip",
  "hiring_manager.id", "hiring_manager.first_name", "hiring_manager.last_name", "hiring_manager.email", "job.id",
]

[settings.words]
meaning = "The account's own result words."
form = "table"
example = "{ Fine = \"pass\" }"
default = {}

[settings.checks]
meaning = "What each package orders, as JSON."
form = "table"
example = "{ basic = '{\"ID\": {}}' }"

[settings.dedupe]
meaning = "Whether Nova's duplicate check is on."
form = ["on", "off"]
example = "on"
default = "off"

[policy]
reference = "none"
ambiguity = "look_up"
absent_after = "5m"
look_first = "1m"
look_at_most = "1h"

[errors]
text = ".error"
rules = [
  { when = { ".kind" = "old" }, is = "duplicate", theirs = ".id" },
  { status = 404, is = "not_ready" },
]

[read.order]
theirs = ".id"
status = ".parts[*].state"
statuses = { new = "invited", run = "in_progress", hold = "on_hold", done = "complete", void = "canceled" }
result = [".parts[*].result", ".overall"]
own_results = "settings.words"
results = { ok = "pass", look = "review", bad = "fail" }
without_result = "not_ready"
rules = [{ when = { ".ends" = { before = "{header.date}" } }, is = "expired" }]
doubts = [{ when = { ".partial" = { not = false } }, is = "review", detail = "partial" }, { when = { ".held" = true }, is = "on_hold" }]

[read.taken]
theirs = ".id"
is = "invited"
detail = "taken"

[[place]]
step = "order"
request = "POST /orders"
effect = { repeatable = "30d", by = "applicant.email", when = { "settings.dedupe" = "on" } }
success = ".id"
unless = { ".email" = { not = "{applicant.email}" } }
read = "taken"

[place.json]
email = "{applicant.email}"
name = "{applicant.first_name} {applicant.last_name}"
checks = "{order.items | from settings.checks | json | merged}"
extras = [{ _each = "{order.add_ons?}", type = "{item}" }]
plain = "{order.add_ons?}"
at = "{order.placed_at | date '%Y%m%d'}"

[[fetch]]
step = "order"
request = "GET /orders/{theirs}"
success = ".id"
read = "order"

[[fetch_many]]
step = "orders"
request = "POST /states"
effect = "read"
json = { ids = "{theirs | join ','}" }
success = "."
find = { in = [".orders", "."] }
read = "order"

[[look_up]]
step = "orders"
request = "GET /orders"
query = { email = "{applicant.email}", after = "{first_sent_at | earlier '2m' | date}", page = "{page}" }
personal = true
pages = { first = 0, step = 2, most = 3, full = { in = ".", size = 2 } }
success = "."
find = { in = ".", where = { ".email" = "{applicant.email}", ".made" = { after = "{first_sent_at | earlier '2m'}" }, ".id" = { not = { among = "a,b" } } } }
read = "order"

[[list]]
step = "packages"
request = "GET /packages"
query = { page = "{page}" }
pages = { first = 0, more = "header.link | rel 'next'" }
success = { status = 200, "." = { present = true } }
packages = { in = ".", id = ".name", name = ".name" }

[[report]]
step = "order"
request = "GET /orders/{theirs}"
success = ".report"
keep = { report = ".report | after '/report/'" }
next = "bytes"

[[report]]
step = "bytes"
request = "GET /report/{memo.report}"
document = { mime = "application/pdf" }

[callback]
proof = "hint"
accepted = { status = 200 }
theirs = ".id"
then = "look"
"##;

pub(super) fn nova() -> Vendor {
    load("nova.toml", NOVA).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

pub(super) fn seen<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let settings = BTreeMap::from([
        (
            "words".to_owned(),
            json!({"Fine": "pass", "bad": "review", "Partial": "pass", "odd": "splendid"}),
        ),
        (
            "checks".to_owned(),
            json!({"basic": "{\"ID\": {}}", "mvr": "{\"MVR\": {\"deep\": true}}"}),
        ),
        ("dedupe".to_owned(), json!("off")),
    ]);
    look(&Context {
        settings: &settings,
        key: "k",
        base_url: "https://nova.example",
    })
}

pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.into(),
    }
}

pub(super) fn answer(body: &Value) -> Reply {
    reply(
        200,
        &[("date", "Fri, 02 Jan 2026 00:00:00 GMT")],
        body.to_string(),
    )
}

pub(super) fn body(request: &Request) -> Value {
    let bytes: Vec<u8> = request
        .body
        .iter()
        .flat_map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Secret { .. } => panic!("no secret belongs there"),
        })
        .collect();
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(super) fn fetched(body: &Value) -> Progress {
    let fetch = nova().fetch.expect("it fetches");
    let op = FetchOrder::Theirs(TheirRef("1".into()));
    match seen(|cx| fetch.decode(&op, &Memo::default(), cx, &answer(body))) {
        Ok(Turn::Done(Found::One(progress))) => progress,
        other => panic!("{other:?}"),
    }
}

pub(super) fn standing(parts: &[(&str, Option<&str>)]) -> Option<Standing> {
    let parts: Vec<Value> = parts
        .iter()
        .map(|(state, result)| json!({"state": state, "result": result}))
        .collect();
    fetched(&json!({"id": "1", "parts": parts})).standing
}

pub(super) fn place(add_ons: &[&str]) -> (PlaceOrder, Request) {
    let mut order = order("basic");
    order.add_ons = add_ons.iter().map(|one| (*one).to_owned()).collect();
    let op = PlaceOrder {
        order: Arc::new(order),
        ours: OurRef("ours".into()),
        callback_url: String::new(),
    };
    let request = seen(|cx| nova().place.encode(&op, &Memo::default(), cx)).expect("it fits");
    (op, request)
}
