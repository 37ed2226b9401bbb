//! What a sheet may not say, each refused with a sentence, and what a vendor may not answer, each a
//! named fault.

use std::collections::BTreeMap;

use crate::callback::{Incoming, Proof, Verified, verify};
use crate::contract::{Context, Fault, FetchOrder, Memo, PlaceOrder, Reply};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Private, TheirRef};

/// A change of the sheet to begin with, and what is told of it.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "a typo in a key",
        "look_first =",
        "lok_first =",
        "`lok_first` is not a key of `[policy]`",
    ),
    (
        "a typo in a table",
        "[callback]",
        "[calback]",
        "`calback` is not a key of the sheet",
    ),
    (
        "a typo in a step",
        "find = {",
        "fnd = {",
        "`fnd` is not a key of a step of `look_up`",
    ),
    (
        "a field that does not exist",
        "{applicant.email}",
        "{applicant.mail}",
        "`applicant.mail` is nothing that can be named",
    ),
    (
        "a setting that does not exist",
        "{order.package}",
        "{settings.plan or order.package}",
        "`settings.plan` is not one of `settings`",
    ),
    (
        "what was never kept",
        "{theirs}",
        "{memo.order_id or theirs}",
        "`memo.order_id` is never kept",
    ),
    (
        "a table of words without an answer to no word",
        "without_result =",
        "# without_result =",
        "does not say what complete without a result is",
    ),
    (
        "a secret in a path",
        "GET /v1/account",
        "GET /v1/{secret.api_key}",
        "`secret.api_key`: a secret may stand only in headers, bodies and `auth`",
    ),
    (
        "a secret in a query",
        "query = { reference = \"{ours}\" }",
        "query = { reference = \"{ours}\", key = \"{secret.api_key}\" }",
        "`secret.api_key`: a secret may stand only",
    ),
    (
        "somebody in a path",
        "POST /v1/orders",
        "POST /v1/{applicant.email}/orders",
        "nothing personal may stand here",
    ),
    (
        "a step that orders, and no policy for its end",
        "ambiguity =",
        "# ambiguity =",
        "say what follows an unknown end",
    ),
    (
        "a step that does not say what a copy does",
        "effect = \"once\"",
        "",
        "say what a second copy would do",
    ),
    (
        "a pass by a partial check",
        "clear = \"pass\"",
        "partial = \"pass\"",
        "the word `partial` would pass somebody",
    ),
    (
        "a pass by an unknown word",
        "clear = \"pass\"",
        "unknown = \"pass\"",
        "the word `unknown` would pass somebody",
    ),
    (
        "a pass by no word at all",
        "clear = \"pass\"",
        "\"\" = \"pass\"",
        "the word `` would pass somebody",
    ),
    (
        "a pass by any status",
        "canceled = \"canceled\"",
        "canceled = \"pass\"",
        "the word `canceled` would pass somebody",
    ),
    (
        "a result that is not the vendor's own",
        "result = \".result\"",
        "result = \".result or 'clear'\"",
        "not the vendor's own word",
    ),
    (
        "a circle",
        "name =",
        "extends = \"newvendor\"\nname =",
        "sheets extend each other: newvendor, newvendor",
    ),
    (
        "success by a status alone",
        "success = \".id\" # what",
        "success = { status = 200 } # what",
        "`success` looks at nothing in the answer",
    ),
    (
        "a hint that is applied",
        "proof = {",
        "proof = \"hint\"\nx = {",
        "`x` is not a key of `[callback]`",
    ),
];

#[test]
fn a_bad_sheet_is_refused_with_a_sentence_that_names_the_line() {
    for (what, right, wrong, told) in REFUSED {
        let sheet = crate::sheet::NEW;
        assert!(
            sheet.contains(right),
            "{what}: the sheet to begin with has no `{right}`"
        );
        let mistakes = match load("new.toml", &sheet.replacen(right, wrong, 1)) {
            Ok(_) => panic!("{what}: it loads"),
            Err(mistakes) => mistakes,
        };
        let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let found = sentences.iter().find(|sentence| sentence.contains(told));
        let found = found.unwrap_or_else(|| panic!("{what}: {sentences:#?}"));
        assert!(found.starts_with("new.toml:"), "{found}");
    }
}

/// A key or an item on the way to a key.
#[derive(Clone, Debug)]
enum Part {
    Key(String),
    Nth(usize),
}

/// What the keys of a table are.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// Those of the language.
    Language,
    /// Names and expressions of the author's own; what stands behind them has keys of the language.
    Own,
    /// The author's own all the way down.
    Free,
}

/// What the keys of the table at `key` are, which stands in a table `parent`.
fn keys_at(parent: &str, key: &str, keys: Keys) -> Keys {
    match (keys, parent, key) {
        (Keys::Free, ..) | (_, "proof", "document") => Keys::Free,
        (Keys::Own, ..) => Keys::Language,
        (_, "", "settings" | "read") => Keys::Own,
        (_, _, "statuses" | "results" | "blind" | "success" | "unless" | "when" | "where") => {
            Keys::Own
        }
        (_, _, "ignore_when") => Keys::Own,
        (_, _, "default" | "expect" | "fields" | "form" | "headers" | "json" | "keep") => {
            Keys::Free
        }
        (_, _, "memo" | "query" | "settings") => Keys::Free,
        _ => Keys::Language,
    }
}

/// The ways to all keys of the language in a sheet.
fn ways(value: &toml::Value, parent: &str, keys: Keys, way: &[Part], found: &mut Vec<Vec<Part>>) {
    let to = |part: Part| [way, &[part]].concat();
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let way = to(Part::Key(key.clone()));
                if keys == Keys::Language {
                    found.push(way.clone());
                }
                ways(value, key, keys_at(parent, key, keys), &way, found);
            }
        }
        toml::Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                ways(item, parent, keys, &to(Part::Nth(nth)), found);
            }
        }
        _ => {}
    }
}

/// The sheet with the last key of the way misspelt.
fn misspelt(sheet: &toml::Table, way: &[Part]) -> String {
    let mut bent = toml::Value::Table(sheet.clone());
    let (last, before) = way.split_last().expect("a way leads to a key");
    let mut slot = &mut bent;
    for part in before {
        slot = match part {
            Part::Key(key) => &mut slot[key.as_str()],
            Part::Nth(nth) => &mut slot[*nth],
        };
    }
    let (Part::Key(key), Some(table)) = (last, slot.as_table_mut()) else {
        panic!("the way ends in a key of a table: {way:?}");
    };
    let value = table.remove(key).expect("it is there");
    table.insert(format!("{key}x"), value);
    toml::to_string(&bent).expect("it was a sheet")
}

#[test]
fn a_typo_in_any_key_of_any_sheet_is_refused_by_its_name() {
    let shipped = crate::shipped();
    let shipped = shipped
        .iter()
        .filter_map(|vendor| crate::vendors::sheet(&vendor.name));
    let others = [
        crate::sheet::NEW,
        crate::sheet::NEW_XML,
        include_str!("../../../fixtures/ibr/sheet.toml"),
        include_str!("../../../fixtures/persona/sheet.toml"),
        super::nova::NOVA,
    ];
    let (mut tried, mut untold) = (0, Vec::new());
    for text in shipped.chain(others) {
        let sheet: toml::Table = text.parse().expect("it is TOML");
        let mut found = Vec::new();
        let whole = toml::Value::Table(sheet.clone());
        ways(&whole, "", Keys::Language, &[], &mut found);
        for way in found {
            tried += 1;
            let Some(Part::Key(key)) = way.last() else {
                continue;
            };
            let told = match load("bent.toml", &misspelt(&sheet, &way)) {
                Ok(_) => Vec::new(),
                Err(mistakes) => mistakes,
            };
            let names = |one: &crate::sheet::Mistake| {
                one.to_string().contains(&format!("`{key}x`")) && !one.right.is_empty()
            };
            if !told.iter().any(names) {
                untold.push(format!("{}: {way:?}: {told:?}", sheet["name"]));
            }
        }
    }
    assert!(
        untold.is_empty(),
        "{} of {tried}: {untold:#?}",
        untold.len()
    );
    assert!(tried > 1_500, "{tried} keys");
}

#[test]
fn a_misspelt_gate_is_not_sent_to_the_vendor_as_a_name() {
    let json = crate::sheet::NEW.replacen(
        "reference = \"{ours}\"\n",
        "reference = \"{ours}\"\nextra = { _wen = \"{order.package}\", a = 1 }\n",
        1,
    );
    let xml = crate::sheet::NEW_XML.replacen("<lastName>", "<lastName _whne=\"{ours}\">", 1);
    for (sheet, gate) in [(json, "_wen"), (xml, "_whne")] {
        let mistakes = load("new.toml", &sheet).expect_err("it is no gate");
        let told = mistakes.iter().any(|one| {
            one.wrong == format!("`{gate}` would be sent to the vendor")
                && one.right.contains("`_when`")
        });
        assert!(told, "{mistakes:?}");
    }
}

#[test]
fn a_look_up_by_person_needs_a_look_up() {
    let sheet = crate::sheet::NEW;
    let policy = "ambiguity = \"look_up\"";
    assert!(sheet.contains(policy));
    let said = sheet.replacen(policy, "ambiguity = \"person\"\nby_person = true", 1);
    let vendor = load("new.toml", &said).expect("it has a look-up");
    assert!(vendor.finds_by_person);
    let (before, rest) = said.split_once("[[look_up]]").expect("it has a look-up");
    let (_, after) = rest.split_once("[callback]").expect("callbacks follow");
    let without = format!("{before}[callback]{after}");
    let mistakes = load("new.toml", &without).expect_err("nothing is looked up");
    let told = "`by_person` says how a lost order is looked up, and there is no `[[look_up]]`";
    assert!(
        mistakes.iter().any(|one| one.wrong == told && one.line > 1),
        "{mistakes:?}"
    );
}

/// What both sheets to begin with make of `body`, placing and looking, with `status`.
fn faults(sheet: &str, status: u16, body: &[u8]) -> Vec<Fault> {
    let vendor = load("new.toml", sheet).expect("it loads");
    let settings = BTreeMap::new();
    let cx = Context {
        settings: &settings,
        key: "k",
        base_url: "",
    };
    let reply = Reply {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_vec(),
    };
    let place = PlaceOrder {
        order: super::order("P").into(),
        ours: OurRef("ours".into()),
        callback_url: String::new(),
    };
    let fetch = FetchOrder::Theirs(TheirRef("1".into()));
    let fetched = vendor.fetch.as_ref().expect("it fetches");
    let (memo, placed) = (Memo::default(), vendor.place.clone());
    [
        placed.decode(&place, &memo, &cx, &reply).map(drop),
        fetched.decode(&fetch, &memo, &cx, &reply).map(drop),
    ]
    .into_iter()
    .map(|came| came.expect_err("it is no success"))
    .collect()
}

/// Bodies that are not what their content type says, not whole, or not to be believed.
fn bad_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = 10_000;
    vec![
        (
            "a page instead of a document",
            b"<html><body>Down<br></body></html>".to_vec(),
        ),
        (
            "a document cut off",
            b"{\"id\": \"1\", \"status\": \"compl".to_vec(),
        ),
        (
            "an element cut off",
            b"<a><order number=\"1\"><status>do".to_vec(),
        ),
        ("lists nested too deep", "[".repeat(deep).into_bytes()),
        (
            "tables nested too deep",
            ("{\"a\":".repeat(deep) + "1" + &"}".repeat(deep)).into_bytes(),
        ),
        (
            "elements nested too deep",
            ("<a>".repeat(deep) + &"</a>".repeat(deep)).into_bytes(),
        ),
        (
            "elements nested too deep in a form",
            ("x=".to_owned() + &"%3Ca%3E".repeat(deep)).into_bytes(),
        ),
        (
            "a document that would grow when it is read",
            b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>".to_vec(),
        ),
        ("no text", vec![0xff, 0xfe, 0x00, 0x80]),
        ("nothing", Vec::new()),
    ]
}

#[test]
fn an_answer_that_is_not_what_it_says_is_a_named_fault() {
    let large = [b"{\"note\": \"".as_slice(), &vec![b'x'; 50 << 20], b"\"}"].concat();
    let bodies = [bad_bodies(), vec![("50 MB", large)]].concat();
    for sheet in [crate::sheet::NEW, crate::sheet::NEW_XML] {
        for (what, body) in &bodies {
            for fault in faults(sheet, 200, body) {
                let Fault::Unclear(why) = fault else {
                    panic!("{what}: {fault:?}")
                };
                assert!(
                    why.contains("answered 200 without its sign of success"),
                    "{what}: {why}"
                );
            }
        }
    }
}

/// What is not whole says nothing, whatever its beginning says: an order that is complete in the part
/// that arrived is not complete.
#[test]
fn an_answer_that_is_cut_off_anywhere_passes_nobody() {
    let json = br#"{"id": "1", "status": "complete", "result": "clear", "report_url": null}"#;
    let xml = b"<a><order number='1'><status>done</status><result>clear</result></order></a>";
    for (sheet, whole) in [
        (crate::sheet::NEW, json.as_slice()),
        (crate::sheet::NEW_XML, xml.as_slice()),
    ] {
        for length in 0..whole.len() {
            for fault in faults(sheet, 200, &whole[..length]) {
                assert!(matches!(fault, Fault::Unclear(_)), "{length}: {fault:?}");
            }
        }
    }
}

#[test]
fn a_callback_that_is_not_what_it_says_moves_no_order() {
    for vendor in crate::shipped() {
        let Some(callbacks) = &vendor.callbacks else {
            continue;
        };
        let settings = crate::sample::settings(&vendor, &BTreeMap::new());
        let cx = Context {
            settings: &settings,
            key: "",
            base_url: "https://vendor.example",
        };
        for (what, body) in bad_bodies() {
            let read = callbacks.reader.read(Verified::kept(&body), &cx);
            // A document that is none cannot be read; one that is about nothing names no order.
            let silent = read.as_ref().is_ok_and(Vec::is_empty);
            assert!(silent || read.is_err(), "{}: {what}: {read:?}", vendor.name);
            let incoming = Incoming {
                method: "POST",
                headers: &[],
                query: &[],
                body: &body,
            };
            let secrets = |_: &str| vec![Private::from("secret")];
            let believed = verify(&callbacks.proof, &incoming, &secrets, 0).is_ok();
            let is_hint = callbacks.proof == Proof::Hint;
            assert!(is_hint || !believed, "{}: {what} is believed", vendor.name);
        }
    }
}
