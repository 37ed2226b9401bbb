//! Tally, a made-up vendor: two lists, pages by the vendor's own words, forms with lists, numbers for packages,
//! a session told in XML, callbacks as signed forms.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::order;
use crate::callback::{Encoding, Forged, Incoming, OrderKey, Says, Unreadable, Verified, verify};
use crate::contract::{
    Auth, Context, Fault, FetchOrder, FetchToken, Found, ListPackages, Memo, Piece, PlaceOrder,
    Reply, Turn, Vendor,
};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Outcome, Private, Standing, TheirRef};

pub(super) const TALLY: &str = r##"
name = "tally"
title = "Tally"
credentials = ["user", "password", "hook_key"]
dropped = ["applicant", "hiring_manager", "job.id"]

[auth.login]
request = "POST /session"
form = { user = "{secret.user}", password = "{secret.password}" }
token = ".key"
lifetime = ".@seconds"
default_lifetime = "10m"

[policy]
reference = { alphabet = "a-z", length = 20 }
ambiguity = "look_up"
absent_after = "10m"
look_at_most = "2h"

[errors]
text = ".error"

[read.order]
theirs = ".id"
status = ".state"
statuses = { open = "in_progress", done = "complete" }
result = ".grade"
results = { good = "pass", odd = "review" }
without_result = "not_ready"

[[list]]
step = "plans"
request = "GET /plans"
query = { cursor = "{page?}" }
pages = { cursor = ".next", most = 3 }
packages = { in = ".plans", id = ".number", name = ".name" }
next = "extras"

[[list]]
step = "extras"
request = "GET /extras"
add_ons = { in = ".extras", id = ".number", name = ".name" }

[[place]]
step = "order"
request = "POST /orders"
effect = "once"
read = "order"
form = { ref = "{ours}", plan = "{order.package | number}", "extra[]" = "{order.add_ons?}", fixed = "a b" }

[[fetch]]
step = "order"
request = "GET /orders/{theirs}"
read = "order"

[[look_up]]
step = "orders"
request = "POST /orders/search"
effect = "read"
json = { page = "{page}", ref = "{ours}" }
pages = { more = ".has_more" }
find = { in = ".orders", where = { ".ref" = "{ours}" } }
read = "order"

[callback]
format = "form"
proof = { hmac_body = { header = "X-Tally", prefix = "v1=", secret = "hook_key", encoding = "base64", text = "{header.x-tally-sent}:{body}", time = "X-Tally-Sent", tolerance = "5m" } }
accepted = { status = 200 }
theirs = ".id"
ours = ".ref"
then = "apply"
read = "order"
"##;

fn tally() -> Vendor {
    load("tally.toml", TALLY).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn seen<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let settings = BTreeMap::new();
    look(&Context {
        settings: &settings,
        key: "",
        base_url: "",
    })
}

fn answer(body: &Value) -> Reply {
    Reply {
        status: 200,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

/// What is told of the sheet with that change.
fn mistake(right: &str, wrong: &str) -> String {
    assert!(TALLY.contains(right), "{right}");
    let mistakes = load("tally.toml", &TALLY.replacen(right, wrong, 1)).expect_err(wrong);
    let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_list_goes_on_while_the_vendor_names_a_next_page_and_then_with_the_next_list() {
    let list = tally().list.expect("it lists");
    let asked = |memo: &Memo| {
        seen(|cx| list.encode(&ListPackages, memo, cx))
            .unwrap()
            .query
            .clone()
    };
    let read =
        |memo: &Memo, body: Value| seen(|cx| list.decode(&ListPackages, memo, cx, &answer(&body)));
    let page = |number: u64, next: Value| json!({"plans": [{"number": number, "name": "P"}], "next": next});
    let next = |memo: &Memo, body: Value| match read(memo, body) {
        Ok(Turn::Next(memo)) => memo,
        other => panic!("{other:?}"),
    };
    let first = Memo::default();
    assert!(asked(&first).is_empty(), "the first page has no word");
    let second = next(&first, page(1, json!("b c/=")));
    assert_eq!(asked(&second), [("cursor".to_owned(), "b c/=".to_owned())]);
    let third = next(&second, page(2, json!(77)));
    assert_eq!(asked(&third), [("cursor".to_owned(), "77".to_owned())]);
    for end in [json!(null), json!(""), json!(false)] {
        let extras = next(&third, page(3, end));
        assert!(asked(&extras).is_empty(), "another list begins");
        let body = json!({"extras": [{"number": 70, "name": "E"}]});
        let Ok(Turn::Done(catalog)) = read(&extras, body) else {
            panic!("it is the last list");
        };
        let ids: Vec<_> = catalog
            .packages
            .iter()
            .map(|it| it.vendor_id.as_str())
            .collect();
        assert_eq!(ids, ["1", "2", "3"], "of the first list");
        assert_eq!(catalog.add_ons.len(), 1, "of the second");
    }
    // A list without an end, and a word that is none, are no list.
    for endless in [json!("d"), json!({"page": 4}), json!("x".repeat(10_000))] {
        let read = read(&third, page(3, endless));
        assert!(matches!(read, Err(Fault::Unclear(_))), "{read:?}");
    }
}

#[test]
fn whether_there_is_more_may_be_said_with_true_and_false() {
    let fetch = tally().fetch.expect("it looks up");
    let op = FetchOrder::Ours {
        order: order("7").into(),
        ours: OurRef("ours".into()),
        first_sent_at: 0,
    };
    let read = |more: Value| {
        let body = json!({"orders": [{"ref": "another"}], "has_more": more});
        seen(|cx| fetch.decode(&op, &Memo::default(), cx, &answer(&body)))
    };
    let Ok(Turn::Next(memo)) = read(json!(true)) else {
        panic!("there is more");
    };
    let request = seen(|cx| fetch.encode(&op, &memo, cx)).unwrap();
    let bytes = [Piece::text(r#"{"page":2,"ref":"ours"}"#)];
    assert_eq!(request.body, bytes);
    for end in [json!(false), json!("False"), json!(null)] {
        let found = read(end);
        assert!(
            matches!(found, Ok(Turn::Done(Found::NotSeen { blind: false }))),
            "{found:?}"
        );
    }
}

#[test]
fn pages_that_are_never_asked_for_are_a_mistake() {
    let told = mistake("query = { cursor = \"{page?}\" }\n", "");
    assert!(
        told.contains("step `plans` has pages and does not ask for one"),
        "{told}"
    );
    let told = mistake("{page?}", "{page}");
    assert!(told.contains("the first page has no cursor"), "{told}");
    let told = mistake("page = \"{page}\", ", "");
    assert!(
        told.contains("step `orders` has pages and does not ask for one"),
        "{told}"
    );
    let told = mistake(
        "{ cursor = \".next\", most",
        "{ cursor = \".next\", more = \".more\", most",
    );
    assert!(
        told.contains("`pages` says in 2 ways what follows"),
        "{told}"
    );
}

#[test]
fn a_list_in_a_form_is_one_member_for_each_of_its_items() {
    let form = |add_ons: &[&str]| {
        let mut order = order("7");
        order.add_ons = add_ons.iter().map(|id| (*id).to_owned()).collect();
        let op = PlaceOrder {
            order: order.into(),
            ours: OurRef("ours".into()),
            callback_url: String::new(),
        };
        let request = seen(|cx| tally().place.encode(&op, &Memo::default(), cx));
        let Ok([Piece::Bytes(bytes)]) = request.as_ref().map(|one| one.body.as_slice()) else {
            panic!("{request:?}");
        };
        String::from_utf8(bytes.clone()).unwrap()
    };
    assert_eq!(form(&[]), "ref=ours&plan=7&fixed=a%20b");
    let two = "ref=ours&plan=7&extra%5B%5D=a%26b&extra%5B%5D=c&fixed=a%20b";
    assert_eq!(form(&["a&b", "c"]), two);
}

#[test]
fn a_session_may_be_told_in_xml() {
    let Auth::Token(login) = tally().auth else {
        panic!("it logs in");
    };
    let token = |body: &str| {
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        seen(|cx| {
            login
                .fetch
                .decode(&FetchToken, &Memo::default(), cx, &reply)
        })
    };
    let told = "<?xml version=\"1.0\"?><session seconds=\"90\"><key>s3ss10n</key></session>";
    let Ok(Turn::Done(told)) = token(told) else {
        panic!("it is a session");
    };
    assert_eq!(told.value.expose(), "s3ss10n");
    assert_eq!(told.lifetime.map(|life| life.as_secs()), Some(90));
    for bad in [
        "<session><key>s3ss10n</key>",
        "<session/>",
        "<a>".repeat(10_000).as_str(),
    ] {
        assert!(token(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_signed_form_is_believed_and_read_by_its_fields() {
    let callbacks = tally().callbacks.expect("it calls back");
    let body: &[u8] = b"id=ord%2D7&ref=ours&state=done&grade=good";
    let signature = Encoding::Base64.written(b"key", &[b"1767225600", b":", body]);
    let believed = |sent: &str, now| {
        let headers = [
            ("x-tally".to_owned(), format!("v1={signature}")),
            ("x-tally-sent".to_owned(), sent.to_owned()),
        ];
        let incoming = Incoming {
            method: "POST",
            headers: &headers,
            query: &[],
            body,
        };
        let secrets = |_: &str| vec![Private::from("key")];
        verify(&callbacks.proof, &incoming, &secrets, now).map(drop)
    };
    let now = 1_767_225_600_000;
    assert_eq!(believed("1767225600", now), Ok(()));
    assert_eq!(believed("1767225601", now), Err(Forged::Mismatch));
    assert_eq!(believed("1767225600", now + 300_001), Err(Forged::Stale));

    let notes = seen(|cx| callbacks.reader.read(Verified::kept(body), cx)).expect("it is a form");
    let [note] = notes.as_slice() else {
        panic!("{notes:?}");
    };
    let keys = [
        OrderKey::Theirs(TheirRef("ord-7".into())),
        OrderKey::Ours(OurRef("ours".into())),
    ];
    assert_eq!(note.order, keys);
    let Says::Progress(progress) = &note.says else {
        panic!("{note:?}");
    };
    assert_eq!(progress.standing, Some(Standing::Complete(Outcome::Pass)));
    // A word that comes twice is no word.
    let twice = b"id=1&state=done&grade=odd&grade=good";
    let notes = seen(|cx| callbacks.reader.read(Verified::kept(twice), cx)).expect("it is a form");
    let Says::Progress(progress) = &notes[0].says else {
        panic!("{notes:?}");
    };
    assert_ne!(progress.standing, Some(Standing::Complete(Outcome::Pass)));
}

#[test]
fn a_signature_that_leaves_out_the_body_or_the_time_is_a_mistake() {
    for wrong in [
        "{header.x-tally-sent}",
        "{body}",
        "{ours}:{body}",
        "{header.x-tally-sent | lower}{body}",
    ] {
        let told = mistake("{header.x-tally-sent}:{body}", wrong);
        assert!(
            told.contains("`text`") || told.contains("no order is seen here"),
            "{told}"
        );
    }
    let told = mistake(", tolerance = \"5m\"", "");
    assert!(told.contains("has no `tolerance`"), "{told}");
    let told = mistake("encoding = \"base64\"", "encoding = \"base32\"");
    assert!(
        told.contains("`encoding` is `base32`; it is \"hex\" or \"base64\""),
        "{told}"
    );
}

#[test]
fn one_callback_may_tell_of_several_orders() {
    let sheet = crate::sheet::NEW.replacen(
        "theirs = \".order.id\"",
        "in = \".events\"\ntheirs = \".order.id\"\n\
         ignore_when = [{ \".kind\" = \"invoice\" }, { \".batch\" = \"empty\" }]",
        1,
    );
    // Its own samples are of another shape.
    let (sheet, _) = sheet.split_once("[[test]]").expect("it has samples");
    let vendor = load("new.toml", sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let callbacks = vendor.callbacks.expect("it calls back");
    let read = |body: Value| {
        let body = body.to_string();
        let notes = seen(|cx| callbacks.reader.read(Verified::kept(body.as_bytes()), cx))?;
        let keys = notes.into_iter().flat_map(|note| note.order);
        Ok::<_, Unreadable>(keys.collect::<Vec<_>>())
    };
    let theirs = |id: &str| OrderKey::Theirs(TheirRef(id.to_owned()));
    let two =
        json!({"events": [{"order": {"id": "1"}}, {"kind": "invoice"}, {"order": {"id": "2"}}]});
    assert_eq!(read(two), Ok(vec![theirs("1"), theirs("2")]));
    assert_eq!(read(json!({"batch": "empty"})), Ok(Vec::new()));
    assert_eq!(read(json!({"events": []})), Ok(Vec::new()));
    for bad in [json!({"order": {"id": "1"}}), json!({"events": [{}, 7]})] {
        assert!(read(bad).is_err());
    }
}

/// What cannot be read comes last and names no order, so that the callback is kept for a person.
#[test]
fn an_item_of_a_callback_that_makes_no_sense_does_not_silence_the_others() {
    let callback = "format = \"form\"\n";
    let sheet = TALLY.replacen(callback, "in = \".events\"\nat = \".order\"\n", 1);
    let vendor = load("tally.toml", &sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let callbacks = vendor.callbacks.expect("it calls back");
    let read = |body: Value| {
        let body = body.to_string();
        seen(|cx| callbacks.reader.read(Verified::kept(body.as_bytes()), cx))
    };
    let event = |id: &str| json!({"id": id, "order": {"id": id, "state": "open"}});
    for bad in [
        json!({}),
        json!("x"),
        json!({"id": "2"}),
        json!({"id": "2", "order": {"state": "open"}}),
    ] {
        let notes = read(json!({"events": [bad, event("1"), event("3")]})).expect("two are whole");
        let told: Vec<_> = notes.iter().map(|note| note.order.as_slice()).collect();
        let theirs = |id: &str| [OrderKey::Theirs(TheirRef(id.to_owned()))];
        assert_eq!(told, [&theirs("1")[..], &theirs("3"), &[]], "{bad}");
        assert!(matches!(notes[0].says, Says::Progress(_)));
        assert_eq!(notes[2].says, Says::Look);
    }
    assert_eq!(
        read(json!({"events": [event("1")]})).map(|notes| notes.len()),
        Ok(1)
    );
    assert!(read(json!({"events": [{"id": "2"}]})).is_err());
}

#[test]
fn add_ons_may_stand_within_their_packages() {
    let nested = "add_ons = { in = \".plans[*].extras\", id = \".number\", name = \".name\", \
                  only_with = \".number\" }";
    let flat = "add_ons = { in = \".extras\", id = \".number\", name = \".name\" }";
    let vendor = load("tally.toml", &TALLY.replacen(flat, nested, 1));
    let list = vendor
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
        .list;
    let memo = Memo {
        step: "extras".to_owned(),
        ..Memo::default()
    };
    let read = |body: Value| {
        let list = list.as_ref().expect("it lists");
        match seen(|cx| list.decode(&ListPackages, &memo, cx, &answer(&body))) {
            Ok(Turn::Done(catalog)) => catalog.add_ons,
            other => panic!("{other:?}"),
        }
    };
    let extra = |number: u64| json!({"number": number, "name": "E"});
    let told = read(json!({"plans": [
        {"number": 1, "extras": [extra(70), extra(71)]}, {"number": 2, "extras": [extra(70)]}, {"number": 3}
    ]}));
    let told: Vec<_> = told
        .iter()
        .map(|one| (one.vendor_id.as_str(), one.only_with.join(",")))
        .collect();
    assert_eq!(told, [("70", "1,2".to_owned()), ("71", "1".to_owned())]);
    assert!(read(json!({"plans": []})).is_empty());
    assert!(read(json!({"plans": [{"number": 3}]})).is_empty());
    let told = mistake(".extras\", id", ".plans[*].extras[*]\", id");
    assert!(told.contains("names several places"), "{told}");
}

#[test]
fn of_several_places_every_one_may_be_asked() {
    let right = "without_result = \"not_ready\"\n";
    let doubts = |test: &str| {
        let when = format!("{{ when = {{ \".parts[*].state\" = {test} }}, is = \"review\" }}");
        let none = "{ when = { \".parts[*].state\" = { present = false } }, is = \"review\" }";
        format!("{right}doubts = [{when}, {none}]\n")
    };
    let every = doubts("{ not = { every = \"DONE\" } }");
    let vendor = load("tally.toml", &TALLY.replacen(right, &every, 1));
    let fetch = vendor
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
        .fetch
        .expect("it fetches");
    let standing = |parts: Value| {
        let op = FetchOrder::Theirs(TheirRef("1".into()));
        let body = json!({"id": "1", "state": "done", "grade": "good", "parts": parts});
        match seen(|cx| fetch.decode(&op, &Memo::default(), cx, &answer(&body))) {
            Ok(Turn::Done(Found::One(progress))) => progress.standing,
            other => panic!("{other:?}"),
        }
    };
    let is = |outcome| Some(Standing::Complete(outcome));
    let done = || json!({"state": "done"});
    assert_eq!(standing(json!([done(), done()])), is(Outcome::Pass));
    for doubtful in [
        json!([done(), {"state": "error"}]),
        json!([done(), {}]),
        json!([{}]),
        json!(null),
    ] {
        assert_eq!(standing(doubtful), is(Outcome::Review));
    }
    for wrong in ["\"DONE\"", "{ not = \"DONE\" }", "{ starts = \"D\" }"] {
        let told = mistake(right, &doubts(wrong));
        assert!(
            told.contains("`.parts[*].state` stands in several places and is compared as one"),
            "{told}"
        );
    }
}
