//! Templates, expressions and conditions, one by one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::order;
use crate::contract::{Context, Escape, Piece, SettingForm, Unfit};
use crate::sheet::expression::Expression;
use crate::sheet::scope::Scope;
use crate::sheet::template::Template;

/// What a template becomes, seen from a placing that has kept `candidate_id`.
fn written<T>(text: &str, write: impl Fn(&Template, &Scope<'_>) -> T) -> T {
    let template = Template::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
    let memo = BTreeMap::from([("candidate_id".to_owned(), "c/1 ü".to_owned())]);
    let settings = BTreeMap::from([
        ("place".to_owned(), json!("US-CA")),
        ("none".to_owned(), json!("")),
    ]);
    let cx = Context {
        settings: &settings,
        key: "k-1",
        base_url: "",
    };
    let mut order = order("pkg");
    order.add_ons = vec!["a".into(), "b".into()];
    let answer = json!({"n": 7, "list": [{"id": 1}, {"id": "two"}], "nothing": null, "empty": ""});
    let scope = Scope {
        order: Some(&order),
        ours: Some("our-1"),
        answer: Some(&answer),
        ..Scope::new(&memo, &cx)
    };
    write(&template, &scope)
}

fn value(text: &str) -> Result<Option<Value>, Unfit> {
    written(text, |template, scope| template.value(scope))
}

fn path(text: &str) -> Result<Option<String>, Unfit> {
    written(text, |template, scope| template.path(scope))
}

#[test]
fn a_lone_expression_keeps_its_type_and_any_other_is_text() {
    assert_eq!(value("{order.add_ons}"), Ok(Some(json!(["a", "b"]))));
    assert_eq!(value("{.n}"), Ok(Some(json!(7))));
    assert_eq!(value("no. {.n}"), Ok(Some(json!("no. 7"))));
    assert_eq!(value("{{{ours}}}"), Ok(Some(json!("{our-1}"))));
    assert_eq!(value("{.list[*].id}"), Ok(Some(json!([1, "two"]))));
    assert_eq!(value("{.list[1].id}"), Ok(Some(json!("two"))));
    assert_eq!(
        value("{settings.place | region}"),
        Ok(Some(json!({"country": "US", "state": "CA"})))
    );
}

#[test]
fn absent_null_and_empty_are_the_same_and_the_first_that_is_there_counts() {
    assert_eq!(
        value("{.nothing or .empty or settings.none or ours}"),
        Ok(Some(json!("our-1")))
    );
    assert_eq!(value("{job.id or 'no job'}"), Ok(Some(json!("no job"))));
    for absent in [
        "{.nothing?}",
        "{.empty?}",
        "{settings.none?}",
        "{job.id?}",
        "job {job.id?}",
    ] {
        assert_eq!(value(absent), Ok(None), "{absent}");
    }
}

#[test]
fn what_is_missing_and_needed_is_told_by_its_canonical_name() {
    let unfit = |text: &str| value(text).expect_err(text);
    assert_eq!(unfit("{job.id}").field, "job.id");
    assert_eq!(unfit("{job.id}").why, "is missing, and the vendor needs it");
    assert_eq!(unfit("{settings.none}").field, "settings.none");
    assert_eq!(
        unfit("{applicant.email | us_phone}").why,
        "is not in a form that this vendor accepts"
    );
}

#[test]
fn what_stands_in_a_path_is_encoded_and_cannot_climb() {
    assert_eq!(
        path("/c/{memo.candidate_id}/x"),
        Ok(Some("/c/c%2F1%20%C3%BC/x".into()))
    );
    assert!(path("/c/{'..'}/x").is_err());
    assert!(path("/c/{'.'}").is_err());
}

#[test]
fn a_secret_is_a_hole_in_the_text_around_it() {
    let pieces = written("say \"{ours}\" {secret.api_key}!", |template, scope| {
        template.pieces(scope, Escape::Json)
    });
    let hole = Piece::Secret {
        name: "api_key".into(),
        escape: Escape::Json,
    };
    let text = |text: &str| Piece::text(text);
    let expected = [
        text("say \\\""),
        text("our-1"),
        text("\\\" "),
        hole,
        text("!"),
    ];
    assert_eq!(pieces, Ok(Some(expected.to_vec())));
}

#[test]
fn texts_that_are_none_are_told() {
    for (wrong, says) in [
        ("{ours", "is not closed"),
        ("ours}", "closes nothing"),
        ("{}", "is empty"),
        ("{'open}", "no closing quote"),
        (
            "{.a[x]}",
            "none of `[0]`, `[*]`, `[name=text]` and `['name']`",
        ),
        ("{.a[0}", "a bracket that is not closed"),
        ("{memo.}", "does not end in a name"),
        ("{ours or}", "is empty"),
    ] {
        let told = Template::parse(wrong).expect_err(wrong);
        assert!(told.contains(says), "{wrong}: {told}");
    }
}

#[test]
fn settings_are_checked_by_their_form() {
    let fits = |form: &SettingForm, value: Value| form.accepts(&value);
    for good in ["US-CA", "applicant", "CA", "GB-LND"] {
        assert!(fits(&SettingForm::Region, json!(good)), "{good}");
    }
    for bad in ["US", "us-ca", "California", "US-", "-CA", "", "USA-CA"] {
        assert!(!fits(&SettingForm::Region, json!(bad)), "{bad}");
    }
    let words = SettingForm::OneOf(vec!["use".into()]);
    assert!(fits(&words, json!("use")) && !fits(&words, json!("Use")));
    assert!(fits(&SettingForm::Table, json!({"a": "b"})));
    assert!(!fits(&SettingForm::Table, json!({"a": 1})));
    assert!(!fits(&SettingForm::Text, json!(" ")));
}

#[test]
fn a_header_is_named_in_any_case() {
    let parsed = Expression::parse("header.Retry-After").expect("well formed");
    assert_eq!(parsed.sources()[0].name(), "header.retry-after");
}
