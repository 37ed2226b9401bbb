//! What the language can say and neither shipped sheet does, in a vendor that does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::order;
use crate::callback::{Proof, Says, Verified};
use crate::contract::{
    Ambiguity, Auth, Context, Escape, Fault, FetchOrder, Found, Memo, MintedReport, Piece,
    PlaceOrder, Reply, ReportLink, Turn, Vendor,
};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Progress, Report, Standing, TheirRef};

const ACME: &str = r#"
name = "acme"
title = "Acme"
credentials = ["user", "password"]
auth = "none"
unsupported = ["order.add_ons"]
dropped = [
  "order.placed_at", "applicant.id", "applicant.phone", "applicant.address", "applicant.address_2", "applicant.city",
  "applicant.state", "applicant.zip", "hiring_manager.id", "hiring_manager.first_name", "hiring_manager.last_name",
  "hiring_manager.email", "job.id",
]

[policy]
reference = { alphabet = "0-9", length = 15 }
ambiguity = { wait_for_callback = "2h" }
absent_after = "1m"
look_first = "1m"
look_at_most = "1h"

[errors]
text = ".failure"
field = ".failure.at"
fields = { mail = "applicant.email" }
rules = [
  { when = { ".failure.kind" = "again" }, is = "duplicate", theirs = ".failure.order" },
  { status = "5xx", is = "unclear" },
  { says = "not you", is = "denied" },
  { when = { ".failure.kind" = { not = ["odd", "lost"] } }, is = "refused", message = "Acme says: {said}" },
]

[read.order]
theirs = ".number"
status = ".state"
statuses = { open = "invited", done = "complete" }
result = ".outcome"
results = { good = "pass", bad = { is = "fail", detail = "bad" } }
without_result = "review"
report = "minted"

[[place]]
step = "order"
request = "POST /orders"
effect = "once"
success = { status = [200, 202], ".number" = { present = true } }
read = "order"
json = { login = { user = "{secret.user}", password = "x{secret.password}" }, product = "{order.package}", ref = "{ours}", who = ["{applicant.first_name}", "{applicant.last_name}", "{applicant.email}"], at = { gate = 7, none = "{settings.gate?}" } }

[settings.gate]
meaning = "A gate."
form = "text"
example = "north"
default = ""

[[fetch]]
step = "order"
request = "GET /orders/{theirs}"
success = ".number"
read = "order"

[[report]]
step = "ticket"
request = "POST /orders/{theirs}/tickets"
effect = "once"
success = ".url"
link = ".url"

[callback]
methods = ["GET", "POST"]
proof = "hint"
challenge = "hello"
accepted = { status = 204 }
ours = ".ref"
then = "look"
ignore_when = [{ ".kind" = "newsletter" }]
"#;

fn acme() -> Vendor {
    load("acme.toml", ACME).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn placing(add_ons: &[&str]) -> PlaceOrder {
    let mut order = order("gold");
    order.add_ons = add_ons.iter().map(|id| (*id).to_owned()).collect();
    PlaceOrder {
        order: Arc::new(order),
        ours: OurRef("123456789012345".into()),
        callback_url: String::new(),
    }
}

fn seen<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let settings = BTreeMap::from([("gate".to_owned(), json!(""))]);
    look(&Context {
        settings: &settings,
        key: "key",
        base_url: "",
    })
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

fn placed(status: u16, body: &Value) -> Result<Turn<Progress>, Fault> {
    let reply = reply(status, body);
    seen(|cx| {
        acme()
            .place
            .decode(&placing(&[]), &Memo::default(), cx, &reply)
    })
}

#[test]
fn blocks_become_the_vendors_record() {
    let vendor = acme();
    assert!(matches!(vendor.auth, Auth::None));
    assert_eq!(vendor.policy.reference.alphabet, "0123456789");
    let two_hours = std::time::Duration::from_secs(7200);
    assert_eq!(
        vendor.policy.ambiguity,
        Ambiguity::WaitForCallback(two_hours)
    );
    assert!(!vendor.finds_ours && vendor.list.is_none() && vendor.cancel.is_none());
    let callbacks = vendor.callbacks.expect("it has them");
    assert_eq!(callbacks.proof, Proof::Hint);
    assert_eq!(callbacks.challenge.as_deref(), Some("hello"));
}

#[test]
fn credentials_in_a_document_are_holes_and_empty_tables_are_left_out() {
    let request =
        seen(|cx| acme().place.encode(&placing(&[]), &Memo::default(), cx)).expect("fits");
    let secret = |name: &str| Piece::Secret {
        name: name.to_owned(),
        escape: Escape::Json,
    };
    let last = "\"},\"product\":\"gold\",\"ref\":\"123456789012345\",\
                \"who\":[\"Dana\",\"Reyes\",\"dana.reyes@mailbox.dev\"],\"at\":{\"gate\":7}}";
    let expected = [
        Piece::text("{\"login\":{\"user\":\""),
        secret("user"),
        Piece::text("\",\"password\":\"x"),
        secret("password"),
        Piece::text(last),
    ];
    assert_eq!(request.body, expected);
}

#[test]
fn an_order_with_what_the_vendor_cannot_take_is_refused_before_it_is_sent() {
    let unfit = seen(|cx| {
        acme()
            .place
            .encode(&placing(&["drug"]), &Memo::default(), cx)
    });
    assert_eq!(unfit.expect_err("has add-ons").field, "order.add_ons");
}

#[test]
fn an_order_is_placed_where_its_number_is_and_nothing_is_wrong() {
    let done = placed(202, &json!({"number": 4711, "state": "open"}));
    let Ok(Turn::Done(progress)) = done else {
        panic!("{done:?}");
    };
    assert_eq!(progress.theirs, TheirRef("4711".into()));
    assert_eq!(progress.standing, Some(Standing::Invited));
    assert_eq!(progress.report, Some(Report::Minted));
    for (status, body) in [
        (201, json!({"number": 1, "state": "open"})),
        (
            200,
            json!({"number": 1, "state": "open", "failure": {"kind": "odd"}}),
        ),
        (200, json!({"number": "", "state": "open"})),
        (200, json!({"number": "a b", "state": "open"})),
        (200, json!({"number": "..", "state": "open"})),
        (200, json!([])),
    ] {
        assert!(
            matches!(placed(status, &body), Err(Fault::Unclear(_))),
            "{status} {body}"
        );
    }
}

#[test]
fn the_first_rule_that_fits_decides_what_a_failure_is() {
    let failed = |kind: &str, more: Value| {
        let mut failure = json!({"kind": kind, "message": "no\u{7} such"});
        failure
            .as_object_mut()
            .expect("a table")
            .extend(more.as_object().cloned().unwrap_or_default());
        placed(400, &json!({"failure": failure})).expect_err("it failed")
    };
    let again = failed("again", json!({"order": "77"}));
    assert_eq!(again, Fault::Duplicate(TheirRef("77".into())));
    assert!(matches!(failed("again", json!({})), Fault::Unclear(_)));
    assert_eq!(
        failed("who", json!({"message": "It is NOT YOU"})),
        Fault::Denied
    );
    let refused = |field: Option<&str>| Fault::Refused {
        code: "refused_by_vendor".into(),
        field: field.map(str::to_owned),
        message: "Acme says: no such".into(),
    };
    assert_eq!(
        failed("bad", json!({"at": "Mail"})),
        refused(Some("applicant.email"))
    );
    assert_eq!(
        failed("bad", json!({"at": "applicant.zip"})),
        refused(Some("applicant.zip"))
    );
    assert_eq!(failed("bad", json!({"at": "shoe"})), refused(None));
    assert!(matches!(failed("lost", json!({})), Fault::Unclear(_)));
    let down = placed(502, &json!({"failure": {"kind": "bad"}}));
    assert!(matches!(down, Err(Fault::Unclear(_))));
}

#[test]
fn of_a_status_and_a_result_the_worse_counts() {
    let vendor = load(
        "acme.toml",
        &ACME.replace(
            "done = \"complete\"",
            "done = \"complete\", fine = \"pass\", awful = \"fail\"",
        ),
    );
    let fetch = vendor.expect("it loads").fetch.expect("it has it");
    let theirs = FetchOrder::Theirs(TheirRef("1".into()));
    let standing = |state: &str, outcome: Value| {
        let reply = reply(
            200,
            &json!({"number": 1, "state": state, "outcome": outcome}),
        );
        match seen(|cx| fetch.decode(&theirs, &Memo::default(), cx, &reply)) {
            Ok(Turn::Done(Found::One(progress))) => (progress.standing, progress.detail),
            other => panic!("{other:?}"),
        }
    };
    use crate::vocabulary::Outcome::{Fail, Pass, Review};
    let complete = |outcome| Some(Standing::Complete(outcome));
    assert_eq!(standing("fine", Value::Null), (complete(Pass), None));
    assert_eq!(
        standing("fine", json!("BAD")),
        (complete(Fail), Some("bad".into()))
    );
    assert_eq!(standing("fine", json!("odd")), (complete(Review), None));
    assert_eq!(standing("awful", json!("good")), (complete(Fail), None));
    assert_eq!(standing("Do-ne", json!("good")), (complete(Pass), None));
    assert_eq!(standing("done", json!(["good"])), (complete(Review), None));
    assert_eq!(
        standing("done", Value::Null),
        (complete(Review), Some("no_result".into()))
    );
    assert_eq!(standing("odd", json!("good")), (None, None));
}

#[test]
fn a_report_is_minted_for_a_click_where_the_answer_has_a_link() {
    let report = acme().report.expect("it has it");
    let op = ReportLink {
        theirs: TheirRef("47/11".into()),
    };
    let request = seen(|cx| report.encode(&op, &Memo::default(), cx)).expect("fits");
    assert_eq!(request.path, "/orders/47%2F11/tickets");
    let minted = |url: &str| {
        let reply = reply(200, &json!({"url": url}));
        seen(|cx| report.decode(&op, &Memo::default(), cx, &reply))
    };
    let Ok(Turn::Done(MintedReport::Link(link))) = minted("https://acme.example/r?t=1") else {
        panic!("no link");
    };
    assert_eq!(link.expose(), "https://acme.example/r?t=1");
    for none in [
        "javascript:alert(1)",
        "https://",
        "https://a b",
        "//acme.example",
    ] {
        assert!(minted(none).is_err(), "{none}");
    }
}

#[test]
fn a_hint_names_its_order_and_a_newsletter_none() {
    let reader = acme().callbacks.expect("it has them").reader;
    let read = |body: &Value| {
        let body = body.to_string().into_bytes();
        seen(|cx| reader.read(Verified::kept(&body), cx))
    };
    let notes = read(&json!({"ref": "123", "kind": "done"})).expect("readable");
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].says, Says::Look);
    assert_eq!(
        read(&json!({"kind": "newsletter", "ref": "1"})),
        Ok(Vec::new())
    );
    assert!(read(&json!({"kind": "done"})).is_err());
    assert!(read(&json!(null)).is_err());
}
