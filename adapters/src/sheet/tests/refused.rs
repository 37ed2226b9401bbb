//! What a sheet may not say, each refused with a sentence, and what a vendor may not answer, each a
//! named fault.

use std::collections::BTreeMap;

use crate::contract::{Context, Fault, FetchOrder, Memo, PlaceOrder, Reply};
use crate::sheet::load;
use crate::vocabulary::{OurRef, TheirRef};

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

#[test]
fn an_answer_that_is_not_what_it_says_is_a_named_fault() {
    let deep = 10_000;
    let large = [b"{\"note\": \"".as_slice(), &vec![b'x'; 50 << 20], b"\"}"].concat();
    let bodies: [(&str, Vec<u8>); 7] = [
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
        ("50 MB", large),
    ];
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
