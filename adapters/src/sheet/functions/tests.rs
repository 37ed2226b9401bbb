//! The functions, one by one.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::contract::Context;

/// What an expression's last stage makes of `value`, with or without an order.
fn with_order(function: &str, value: Value, order: Option<&Order>) -> Result<Option<Value>, Unfit> {
    let words = super::super::expression::words(function);
    let function = Function::parse(&words).unwrap_or_else(|wrong| panic!("{wrong}"));
    let memo = BTreeMap::new();
    let settings = BTreeMap::from([("table".to_owned(), json!({"a": "1", "b": "{\"c\": 2}"}))]);
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let scope = Scope {
        order,
        ..Scope::new(&memo, &cx)
    };
    function.apply(&value, &scope)
}

fn applied(function: &str, value: Value) -> Option<Value> {
    with_order(function, value, None).expect("needs no order")
}

#[test]
fn functions_give_what_their_names_say() {
    let check = |name: &str, value: Value, expected: Value| {
        assert_eq!(applied(name, value), Some(expected), "{name}");
    };
    check("cents", json!(6500), json!("65.00"));
    check("cents", json!("6505"), json!("65.05"));
    check("decimal", json!(29.9), json!("29.90"));
    check("decimal", json!("29"), json!("29.00"));
    check("us_phone", json!("+1 (415) 555-0134"), json!("4155550134"));
    check(
        "spaced",
        json!("county_civil-search"),
        json!("county civil search"),
    );
    check("upper", json!(["a", "b"]), json!(["A", "B"]));
    check(
        "text",
        json!({"error": ["a", {"message": "b"}]}),
        json!("a; b"),
    );
    check("time", json!("1970-01-01T00:00:01Z"), json!(1000));
    check(
        "region",
        json!("us-ca"),
        json!({"country": "US", "state": "CA"}),
    );
    check("region", json!("CA"), json!({"country": "CA"}));
    check("country", json!("CA-ON"), json!("CA"));
    check("country", json!("applicant"), json!("US"));
    check("state", json!("US-CA"), json!("CA"));
    check("state", json!("new york"), json!("NY"));
    check(
        "us_phone '(###) ###-####'",
        json!("415 555 0134"),
        json!("(415) 555-0134"),
    );
    check(
        "us_phone '+1##########'",
        json!("1-415-555-0134"),
        json!("+14155550134"),
    );
    check(
        "date",
        json!(1_767_323_045_000_i64),
        json!("2026-01-02T03:04:05Z"),
    );
    check(
        "date '%m/%d/%Y %H:%M:%S'",
        json!("1767323045"),
        json!("01/02/2026 03:04:05"),
    );
    check("earlier '1m'", json!("1970-01-01T00:02:00Z"), json!(60_000));
    check(
        "later '1h'",
        json!("Thu, 01 Jan 1970 00:00:00 GMT"),
        json!(3_600_000),
    );
    check("join ','", json!([1, "b"]), json!("1,b"));
    check("split ', '", json!("a, b"), json!(["a", "b"]));
    check("part '/' 4", json!("/clients/c/orders/o"), json!("o"));
    check("after '/report/'", json!("/report/65f"), json!("65f"));
    check("strip 'x:'", json!("x:ready"), json!("ready"));
    check("replace ' ' ''", json!("a b c"), json!("abc"));
    check("slice 0 2", json!("abc"), json!("ab"));
    check("at_most 3", json!("abc"), json!("abc"));
    check("only 'yes' 'on'", json!("Yes"), json!("Yes"));
    check("map 'a' '1' 'b' '2'", json!("B"), json!("2"));
    check("map 'a' '1' 'other'", json!("z"), json!("other"));
    check("from settings.table", json!(["a", "a"]), json!(["1", "1"]));
    check("json", json!("{\"c\": 2}"), json!({"c": 2}));
    check(
        "merged",
        json!([{"a": 1}, {"b": 2}]),
        json!({"a": 1, "b": 2}),
    );
    check("first", json!([3, 4]), json!(3));
    check(
        "rel 'next'",
        json!("<a/b?page=1>; rel=\"next\", <c>; rel=\"last\""),
        json!("<a/b?page=1>; rel=\"next\""),
    );
}

#[test]
fn a_number_is_written_in_a_text_and_names_stand_in_a_table() {
    assert_eq!(applied("number", json!("42")), Some(json!(42)));
    assert_eq!(applied("number", json!(["7", " 8 "])), Some(json!([7, 8])));
    assert_eq!(applied("number", json!("2.50")), Some(json!(2.5)));
    for none in [
        json!("basic"),
        json!(""),
        json!("0x7"),
        json!(["7", "x"]),
        json!("[1]"),
    ] {
        assert_eq!(applied("number", none), None);
    }
    let errors = json!({"email": ["is invalid"], "person[zip]": []});
    assert_eq!(
        applied("keys", errors),
        Some(json!(["email", "person[zip]"]))
    );
    let element = json!({"#": "", "@code": "7", "mail": [{"#": "bad"}]});
    assert_eq!(applied("keys", element), Some(json!(["code", "mail"])));
    assert_eq!(applied("keys", json!("text")), None);
}

#[test]
fn a_function_that_cannot_make_sense_of_its_value_gives_nothing() {
    for (name, value) in [
        ("cents", json!("12.5")),
        ("cents", json!(-1)),
        ("decimal", json!("1e3")),
        ("decimal", json!("1.234")),
        ("us_phone", json!("+44 20 7946 0000")),
        ("time", json!("2026-02-30")),
        ("lower", json!({"a": 1})),
        ("at_most 2", json!("abc")),
        ("only 'yes'", json!("no")),
        ("map 'a' '1'", json!("b")),
        ("json", json!("{")),
        ("merged", json!(["a"])),
        ("part '/' 9", json!("a/b")),
        ("after '?'", json!("a")),
        ("rel 'next'", json!("<c>; rel=\"last\"")),
        ("date", json!("soon")),
        ("later '1h'", json!(i64::MAX)),
        ("state", json!("Atlantis")),
        ("state", json!("a-b c")),
        ("state", json!("Winston-Salem")),
    ] {
        assert_eq!(applied(name, value.clone()), None, "{name} {value}");
    }
}

#[test]
fn the_applicants_own_state_is_read_by_name_or_code_and_named_when_it_is_missing() {
    let mut order = crate::vocabulary::Order {
        package: String::new(),
        add_ons: Vec::new(),
        applicant: crate::vocabulary::Applicant::default(),
        hiring_manager: crate::vocabulary::HiringManager::default(),
        job_id: None,
        placed_at: 0,
    };
    let mut place = |state: &str| {
        order.applicant.state = Some(state.into());
        with_order("region", json!("applicant"), Some(&order))
    };
    let illinois = Ok(Some(json!({"country": "US", "state": "IL"})));
    assert_eq!(place("il"), illinois);
    assert_eq!(place("Illinois"), illinois);
    assert_eq!(
        place("Atlantis").map_err(|unfit| unfit.field),
        Err("applicant.state".into())
    );
    assert_eq!(
        place("").map_err(|unfit| unfit.field),
        Err("applicant.state".into())
    );
}

#[test]
fn a_field_of_the_order_joins_a_text_where_it_is_there() {
    let mut order = crate::sheet::tests::order("pkg");
    order.applicant.address_2 = Some("Apt. 9".into());
    let with = |function: &str, value: &str| with_order(function, json!(value), Some(&order));
    assert_eq!(
        with("with ', ' applicant.address_2", "1 Main"),
        Ok(Some(json!("1 Main, Apt. 9")))
    );
    assert_eq!(
        with("with ', ' applicant.id", "1 Main"),
        Ok(Some(json!("1 Main")))
    );
    assert_eq!(
        with("own applicant.city", "Austin"),
        Ok(Some(json!("Austin")))
    );
    assert_eq!(
        with("own applicant.state", "applicant"),
        Ok(Some(json!("IL")))
    );
    assert_eq!(
        with("own applicant.city", "applicant").map_err(|unfit| unfit.field),
        Err("applicant.city".to_owned())
    );
}

#[test]
fn what_is_ordered_and_stands_in_no_table_is_named() {
    let mut order = crate::sheet::tests::order("a");
    order.add_ons = vec!["b".into(), "z".into()];
    let field = |value: Value, function: &str| {
        with_order(function, value, Some(&order)).map_err(|unfit| unfit.field)
    };
    let table = "from settings.table";
    assert_eq!(
        field(json!(["a", "z"]), table),
        Err("order.add_ons".to_owned())
    );
    assert_eq!(
        field(json!("a"), "from settings.none"),
        Err("order.package".to_owned())
    );
    assert_eq!(field(json!("x"), table), Err("settings.table".to_owned()));
}

#[test]
fn a_function_that_is_written_wrongly_is_told_how() {
    for (wrong, right) in [
        ("lower 'x'", "takes no arguments"),
        ("join", "`join ','`"),
        ("us_phone '###'", "`us_phone ['(###) ###-####']`"),
        ("date '%'", "`date ['%m/%d/%Y']`"),
        ("own applicant.shoe", "`own applicant.city`"),
        ("later '5 minutes'", "`later '2m'`"),
        ("from table", "`from settings.NAME`"),
        ("loud", "is not a function (lower,"),
    ] {
        let told = Function::parse(&super::super::expression::words(wrong));
        let told = told.expect_err(wrong);
        assert!(told.contains(right), "{wrong}: {told}");
    }
}

#[test]
fn a_vendors_text_is_cut_and_loses_control_characters() {
    assert_eq!(clean("a\n\tb\u{7}c", 200), "a b c");
    assert_eq!(clean(&"x".repeat(300), 200).len(), 200);
}
