//! Several things at once: orders, pages, nodes of one order, a connection's own words; and what
//! stands in for a reference or a link.

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

const NOVA: &str = r##"
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

fn nova() -> Vendor {
    load("nova.toml", NOVA).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

fn seen<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
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

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.into(),
    }
}

fn answer(body: &Value) -> Reply {
    reply(
        200,
        &[("date", "Fri, 02 Jan 2026 00:00:00 GMT")],
        body.to_string(),
    )
}

fn body(request: &Request) -> Value {
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

fn fetched(body: &Value) -> Progress {
    let fetch = nova().fetch.expect("it fetches");
    let op = FetchOrder::Theirs(TheirRef("1".into()));
    match seen(|cx| fetch.decode(&op, &Memo::default(), cx, &answer(body))) {
        Ok(Turn::Done(Found::One(progress))) => progress,
        other => panic!("{other:?}"),
    }
}

fn standing(parts: &[(&str, Option<&str>)]) -> Option<Standing> {
    let parts: Vec<Value> = parts
        .iter()
        .map(|(state, result)| json!({"state": state, "result": result}))
        .collect();
    fetched(&json!({"id": "1", "parts": parts})).standing
}

#[test]
fn an_order_is_as_far_as_its_slowest_part_and_as_good_as_its_worst() {
    let complete = |outcome| Some(Standing::Complete(outcome));
    let ok = ("done", Some("ok"));
    assert_eq!(standing(&[ok, ok]), complete(Outcome::Pass));
    assert_eq!(
        standing(&[ok, ("done", Some("look"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[ok, ("run", None), ("hold", None)]),
        Some(Standing::InProgress)
    );
    assert_eq!(
        standing(&[ok, ("void", Some("ok"))]),
        complete(Outcome::Review)
    );
    assert_eq!(standing(&[("void", None)]), Some(Standing::Canceled));
    assert_eq!(standing(&[ok, ("gremlins", Some("ok"))]), None);
    assert_eq!(
        standing(&[ok, ("done", Some("gremlins"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[ok, ("done", None)]),
        Some(Standing::InProgress),
        "one part lacks its result"
    );
    assert_eq!(standing(&[]), None);
    let overall = |word: &str, parts: Value| {
        fetched(&json!({"id": "1", "overall": word, "parts": parts})).standing
    };
    let one = |result: Value| json!([{"state": "done", "result": result}]);
    assert_eq!(overall("ok", one(json!("ok"))), complete(Outcome::Pass));
    assert_eq!(overall("look", one(json!("ok"))), complete(Outcome::Review));
    assert_eq!(overall("odd", one(json!("ok"))), complete(Outcome::Review));
    assert_eq!(
        overall("ok", one(json!(null))),
        Some(Standing::InProgress),
        "the first of the words is not there"
    );
    let lacking =
        json!({"id": "1", "parts": [{"state": "done", "result": "ok"}, {"result": "ok"}]});
    assert_eq!(fetched(&lacking).standing, None);
    let lacking =
        json!({"id": "1", "parts": [{"state": "done", "result": "ok"}, {"state": "done"}]});
    assert_eq!(fetched(&lacking).standing, Some(Standing::InProgress));
}

#[test]
fn a_doubt_makes_a_complete_order_worse_and_no_other() {
    let read = |state: &str, result: &str, more: (&str, Value)| {
        let (name, value) = more;
        let progress = fetched(
            &json!({"id": "1", "parts": [{"state": state, "result": result}], name: value}),
        );
        (progress.standing, progress.detail)
    };
    let complete = |outcome| Some(Standing::Complete(outcome));
    let partial = Some("partial".to_owned());
    for odd in [json!(true), json!("no"), json!({}), json!(1)] {
        assert_eq!(
            read("done", "ok", ("partial", odd)),
            (complete(Outcome::Review), partial.clone())
        );
    }
    let none = (complete(Outcome::Pass), None);
    assert_eq!(read("done", "ok", ("partial", json!(false))), none);
    assert_eq!(read("done", "ok", ("partial", json!(null))), none);
    assert_eq!(
        read("done", "bad", ("partial", json!(true))).0,
        complete(Outcome::Review),
        "the account's own words say review for bad"
    );
    assert_eq!(
        read("done", "ok", ("held", json!(true))),
        (Some(Standing::OnHold), None)
    );
    assert_eq!(
        read("run", "ok", ("partial", json!(true))).0,
        Some(Standing::InProgress)
    );
}

#[test]
fn an_answer_without_a_word_says_that_the_order_was_taken() {
    let op = place(&[]).0;
    let decoded = seen(|cx| {
        nova()
            .place
            .decode(&op, &Memo::default(), cx, &answer(&json!({"id": "7"})))
    });
    let Ok(Turn::Done(progress)) = decoded else {
        panic!("{decoded:?}");
    };
    assert_eq!(progress.standing, Some(Standing::Invited));
    assert_eq!(progress.detail.as_deref(), Some("taken"));
}

#[test]
fn a_connections_own_words_come_first_and_pass_nobody_by_an_odd_one() {
    let complete = |outcome| Some(Standing::Complete(outcome));
    assert_eq!(standing(&[("done", Some("FINE"))]), complete(Outcome::Pass));
    assert_eq!(
        standing(&[("done", Some("bad"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", Some("partial"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", Some("odd"))]),
        complete(Outcome::Review)
    );
}

#[test]
fn a_date_in_the_answer_is_compared_with_the_vendors_own_clock() {
    let ends = |at: Value| fetched(&json!({"id": "1", "parts": [{"state": "new"}], "ends": at}));
    for passed in [
        json!(1_767_225_600_000_i64),
        json!("2026-01-01T23:59:59Z"),
        json!(1_767_225_600),
    ] {
        assert_eq!(
            ends(passed.clone()).standing,
            Some(Standing::Expired),
            "{passed}"
        );
    }
    for not_yet in [json!("2026-01-02T00:00:00Z"), json!("soon"), json!(null)] {
        assert_eq!(
            ends(not_yet.clone()).standing,
            Some(Standing::Invited),
            "{not_yet}"
        );
    }
}

#[test]
fn several_orders_are_read_from_one_answer_and_those_that_are_not_in_it_are_not_seen() {
    let many = nova().fetch_many.expect("it reads many");
    let theirs = ["1", "2", "3", "4"].map(|one| TheirRef(one.into()));
    let op = FetchMany {
        theirs: theirs.to_vec(),
    };
    let request = seen(|cx| many.encode(&op, &Memo::default(), cx)).expect("it fits");
    assert_eq!(body(&request), json!({"ids": "1,2,3,4"}));
    let item = |id: &str, state: &str| json!({"id": id, "parts": [{"state": state}]});
    let items = json!([
        item("2", "new"),
        item("4", "run"),
        item("9", "new"),
        item("4", "void")
    ]);
    for answered in [json!({ "orders": items }), items] {
        let found = match seen(|cx| many.decode(&op, &Memo::default(), cx, &answer(&answered))) {
            Ok(Turn::Done(found)) => found,
            other => panic!("{other:?}"),
        };
        let invited = Progress::new(theirs[1].clone(), Some(Standing::Invited));
        let not_seen = |blind| Found::NotSeen { blind };
        assert_eq!(
            found,
            [
                (theirs[0].clone(), not_seen(false)),
                (theirs[1].clone(), Found::One(invited)),
                (theirs[2].clone(), not_seen(false)),
                (theirs[3].clone(), not_seen(true)),
            ]
        );
    }
}

fn place(add_ons: &[&str]) -> (PlaceOrder, Request) {
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

#[test]
fn a_body_is_made_of_what_is_ordered() {
    let (_, request) = place(&["mvr"]);
    assert_eq!(request.effect, Effect::Once, "the check is off");
    assert_eq!(
        body(&request),
        json!({
            "email": "dana.reyes@mailbox.dev", "name": "Dana Reyes",
            "checks": {"ID": {}, "MVR": {"deep": true}},
            "extras": [{"type": "mvr"}], "plain": ["mvr"], "at": "20260102",
        })
    );
    let bare = body(&place(&[]).1);
    assert_eq!((bare.get("extras"), bare.get("plain")), (None, None));
    let unknown = PlaceOrder {
        order: Arc::new(order("unheard-of")),
        ours: OurRef("ours".into()),
        callback_url: String::new(),
    };
    let unfit = seen(|cx| nova().place.encode(&unknown, &Memo::default(), cx));
    assert_eq!(
        unfit.map_err(|unfit| unfit.field).err().as_deref(),
        Some("order.package")
    );
}

#[test]
fn an_order_that_a_later_step_cannot_say_is_refused_before_the_first() {
    let two = NOVA
        .replace(
            "[[place]]\nstep = \"order\"",
            "[[place]]\nstep = \"person\"\nrequest = \"POST /people\"\neffect = \"harmless\"\n\
             success = \".id\"\nkeep = { person = \".id\" }\nnext = \"order\"\n\
             json = { name = \"{applicant.last_name}\" }\n\n[[place]]\nstep = \"order\"",
        )
        .replace("plain =", "person = \"{memo.person}\"\nplain =");
    let vendor = load("nova.toml", &two).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let encoded = |order| {
        let op = PlaceOrder {
            order: Arc::new(order),
            ours: OurRef("ours".into()),
            callback_url: String::new(),
        };
        let request = seen(|cx| vendor.place.encode(&op, &Memo::default(), cx));
        request
            .map(|request| request.step.clone())
            .map_err(|unfit| unfit.field)
    };
    assert_eq!(encoded(order("basic")), Ok("person".to_owned()));
    let without = order("basic").without("applicant.email");
    assert_eq!(encoded(without), Err("applicant.email".to_owned()));
}

#[test]
fn a_success_that_speaks_of_somebody_else_is_none() {
    let op = place(&[]).0;
    let decoded = |body: Value| {
        let answer = answer(&body);
        seen(|cx| nova().place.decode(&op, &Memo::default(), cx, &answer))
    };
    let mine = json!({"id": "7", "email": "dana.reyes@mailbox.dev", "parts": [{"state": "new"}]});
    assert!(matches!(decoded(mine), Ok(Turn::Done(_))));
    let silent = json!({"id": "7", "parts": [{"state": "new"}]});
    assert!(matches!(decoded(silent), Ok(Turn::Done(_))));
    let other = json!({"id": "7", "email": "other@mailbox.dev", "kind": "old"});
    assert_eq!(decoded(other), Err(Fault::Duplicate(TheirRef("7".into()))));
}

#[test]
fn an_order_without_a_reference_is_found_by_person_and_time() {
    let vendor = nova();
    assert!(vendor.finds_ours && vendor.finds_by_person);
    assert!(vendor.dropped.iter().any(|name| name == "reference"));
    let fetch = vendor.fetch.expect("it fetches");
    let op = FetchOrder::Ours {
        order: Arc::new(order("basic")),
        ours: OurRef("ours".into()),
        first_sent_at: 1_767_323_045_000,
    };
    let request = seen(|cx| fetch.encode(&op, &Memo::default(), cx)).expect("it fits");
    let query: Vec<_> = request
        .query
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        query,
        ["dana.reyes@mailbox.dev", "2026-01-02T03:02:05Z", "0"]
    );
    let item = |id: &str, made: &str| json!({"id": id, "email": "dana.reyes@mailbox.dev", "made": made, "parts": [{"state": "new"}]});
    let look = |memo: &Memo, items: Value| seen(|cx| fetch.decode(&op, memo, cx, &answer(&items)));
    let first = look(
        &Memo::default(),
        json!([
            item("1", "2026-01-02T03:02:04Z"),
            item("a", "2026-01-02T03:04:05Z")
        ]),
    );
    let Ok(Turn::Next(memo)) = first else {
        panic!("the page is full: {first:?}");
    };
    assert_eq!(memo.values.get("page").map(String::as_str), Some("2"));
    let found = look(&memo, json!([item("5", "2026-01-02T03:02:05Z")]));
    assert!(matches!(found, Ok(Turn::Done(Found::One(progress))) if progress.theirs.0 == "5"));
    let none = look(&memo, json!([]));
    assert_eq!(none, Ok(Turn::Done(Found::NotSeen { blind: false })));
    let full = json!([
        item("a", "2026-01-02T03:04:05Z"),
        item("b", "2026-01-02T03:04:05Z")
    ]);
    let Ok(Turn::Next(third)) = look(&memo, full.clone()) else {
        panic!("three pages are allowed");
    };
    assert_eq!(
        look(&third, full),
        Ok(Turn::Done(Found::NotSeen { blind: true }))
    );
}

#[test]
fn a_list_goes_on_while_its_header_names_a_next_page() {
    let list = nova().list.expect("it lists");
    let page = |link: &str| {
        let reply = reply(200, &[("link", link)], r#"[{"name": "A La Carte"}]"#);
        seen(|cx| list.decode(&ListPackages, &Memo::default(), cx, &reply))
    };
    let next = page("<api.nova.example/packages?page=1>; rel=\"next\", <x>; rel=\"last\"");
    assert!(matches!(next, Ok(Turn::Next(memo)) if memo.values["page"] == "1"));
    for last in ["", "<x?page=0>; rel=\"last\""] {
        match page(last) {
            Ok(Turn::Done(catalog)) => assert_eq!(catalog.packages[0].vendor_id, "A La Carte"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_report_may_be_bytes_and_an_answer_of_another_kind_is_none() {
    let report = nova().report.expect("it has reports");
    let op = ReportLink {
        theirs: TheirRef("1".into()),
    };
    let first = answer(&json!({"report": "https://nova.example/report/r1"}));
    let next = seen(|cx| report.decode(&op, &Memo::default(), cx, &first));
    let Ok(Turn::Next(memo)) = next else {
        panic!("{next:?}", next = next.is_ok());
    };
    let request = seen(|cx| report.encode(&op, &memo, cx)).expect("it fits");
    assert_eq!(request.path, "/report/r1");
    let bytes = |mime: &str, body: &[u8]| {
        let reply = reply(200, &[("content-type", mime)], body);
        seen(|cx| report.decode(&op, &memo, cx, &reply))
    };
    match bytes("Application/PDF; charset=binary", b"%PDF-1.7\xff") {
        Ok(Turn::Done(MintedReport::Document { mime, bytes })) => {
            assert_eq!(
                (mime.as_str(), bytes.expose().as_slice()),
                ("application/pdf", &b"%PDF-1.7\xff"[..])
            );
        }
        _ => panic!("no document"),
    }
    assert!(matches!(
        bytes("text/html", b"<html>"),
        Err(Fault::Unclear(_))
    ));
    assert!(matches!(
        bytes("application/pdf", b""),
        Err(Fault::Unclear(_))
    ));
}

#[test]
fn what_would_pass_somebody_by_changing_a_word_is_refused() {
    let spoiled = |from: &str, to: &str| {
        assert!(NOVA.contains(from), "{from}");
        let mistakes = load("nova.toml", &NOVA.replacen(from, to, 1)).expect_err(to);
        mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    for laundered in [
        "result = \".result or 'ok'\"",
        "result = \".result | map 'bad' 'ok'\"",
        "result = \".result | after 'not '\"",
        "result = \".result | slice 0 2\"",
        "result = \".result | strip 'not'\"",
        "result = \"settings.dedupe\"",
        "result = \"status\"",
    ] {
        let told = spoiled("result = [\".parts[*].result\", \".overall\"]", laundered);
        assert!(
            told.contains("not the vendor's own word"),
            "{laundered}: {told}"
        );
    }
    let told = spoiled("is = \"invited\"", "is = \"pass\"");
    assert!(told.contains("ends without a word"), "{told}");
    let told = spoiled("is = \"invited\"", "is = \"invited\"\nstatus = \".a\"");
    assert!(told.contains("has words and says `is`"), "{told}");
    let told = spoiled("is = \"review\", detail", "is = \"pass\", detail");
    assert!(told.contains("a doubt makes nothing worse"), "{told}");
    let told = spoiled("look_up\"\n", "look_up\"\nlook_frist = \"1s\"\n");
    assert_eq!(told.matches("absent_after").count(), 1, "{told}");
    let told = spoiled(
        "ambiguity = \"look_up\"",
        "ambiguity = { wait_for_callback = \"1h\" }",
    );
    assert!(told.contains("that the vendor never saw"), "{told}");
    let told = spoiled("by = \"applicant.email\"", "by = \"ours\"");
    assert!(told.contains("sends no `{ours}`"), "{told}");
    let told = spoiled("more = \"header.link | rel 'next'\"", "most = 2");
    assert!(told.contains("in 0 ways"), "{told}");
    let told = spoiled(
        "own_results = \"settings.words\"",
        "own_results = \"words\"",
    );
    assert!(told.contains("it names a setting"), "{told}");
}
