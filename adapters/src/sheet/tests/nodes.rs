//! An order that is told of in several nodes: none of them is lost on the way to a verdict, however
//! odd it is, so that the good ones are never taken for all there are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tally::TALLY;
use crate::contract::{Context, FetchOrder, Found, Memo, Reply, Turn, Vendor};
use crate::sheet::load;
use crate::vocabulary::{Outcome, Standing, TheirRef};

const STATUS: &str = "status = \".state\"\n";
const RESULT: &str = "result = \".grade\"\n";

/// Tally, with other places for its words.
fn sheet(status: &str, result: &str) -> String {
    let sheet = TALLY.replacen(STATUS, &format!("status = \"{status}\"\n"), 1);
    sheet.replacen(RESULT, &format!("result = \"{result}\"\n"), 1)
}

fn loaded(sheet: &str) -> Vendor {
    load("tally.toml", sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn standing_of(vendor: &Vendor, body: &str) -> Option<Standing> {
    let settings = BTreeMap::new();
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let reply = Reply {
        status: 200,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let op = FetchOrder::Theirs(TheirRef("1".into()));
    let fetch = vendor.fetch.as_ref().expect("it fetches");
    match fetch.decode(&op, &Memo::default(), &cx, &reply) {
        Ok(Turn::Done(Found::One(progress))) => progress.standing,
        other => panic!("{other:?}"),
    }
}

const PASS: Option<Standing> = Some(Standing::Complete(Outcome::Pass));

#[test]
fn a_node_whose_word_a_function_cannot_read_is_not_left_out() {
    let functions = ["lower", "upper", "trim", "strip 'x:'", "lower | trim"];
    for function in functions {
        let vendor = loaded(&sheet(".state", &format!(".checks[*].grade | {function}")));
        let standing = |checks: Value| {
            let body = json!({"id": "1", "state": "done", "checks": checks});
            standing_of(&vendor, &body.to_string())
        };
        let good = json!({"grade": "Good"});
        assert_eq!(standing(json!([good, good])), PASS, "{function}");
        for odd in [json!({}), json!(["Good"]), json!([]), json!(null)] {
            let mixed = standing(json!([good, {"grade": odd}]));
            assert_ne!(mixed, PASS, "{function}: {odd}");
        }
        assert_ne!(standing(json!([good, "Good"])), PASS, "{function}");
    }
    let xml = format!(
        "answers = \"xml\"\n{}",
        sheet(".state", ".check[*].grade | lower")
    );
    let vendor = loaded(&xml);
    let standing = |second: &str| {
        let first = "<check><grade>Good</grade></check>";
        let body = format!("<order><id>1</id><state>done</state>{first}{second}</order>");
        standing_of(&vendor, &body)
    };
    assert_eq!(standing("<check><grade>GOOD</grade></check>"), PASS);
    for odd in ["<check><grade/></check>", "<check/>"] {
        assert_ne!(standing(odd), PASS, "{odd}");
    }
}

/// A status word that passes is worth nothing beside a result that nobody can read.
#[test]
fn a_result_that_is_no_word_is_not_the_same_as_none() {
    let passing = "statuses = { clear = \"pass\", open = ";
    for result in [
        ".grade",
        ".grade | lower",
        ".grade | strip 'x:' | trim",
        ".checks[*].grade | upper",
    ] {
        let sheet = sheet(".state", result).replacen("statuses = { open = ", passing, 1);
        let vendor = loaded(&sheet);
        let standing = |grade: Value| {
            let body =
                json!({"id": "1", "state": "clear", "grade": grade, "checks": [{"grade": grade}]});
            standing_of(&vendor, &body.to_string())
        };
        assert_eq!(standing(json!("good")), PASS, "{result}");
        assert_eq!(
            standing(json!(null)),
            PASS,
            "{result}: the status alone says so"
        );
        for odd in [
            json!({}),
            json!({"code": "good"}),
            json!(["good"]),
            json!([]),
        ] {
            let review = Some(Standing::Complete(Outcome::Review));
            assert_eq!(standing(odd.clone()), review, "{result}: {odd}");
        }
    }
}

/// A status that nobody can read holds the order where it is, beside others as well as alone.
#[test]
fn a_node_whose_status_a_function_cannot_read_is_not_left_out() {
    let vendor = loaded(&sheet(".checks[*].state | lower", ".grade"));
    let standing = |second: Value| {
        let checks = json!([{"state": "Done"}, {"state": second}]);
        let body = json!({"id": "1", "grade": "good", "checks": checks});
        standing_of(&vendor, &body.to_string())
    };
    assert_eq!(standing(json!("DONE")), PASS);
    for odd in [json!({}), json!(["done"]), json!(null)] {
        assert_eq!(standing(odd.clone()), None, "{odd}");
    }
}

/// A part that has not begun, or whose results nobody can read, has not come out well.
#[test]
fn a_node_without_results_of_its_own_is_not_left_out() {
    let vendor = loaded(&sheet(".state", ".checks[*].results[*].grade"));
    let standing = |checks: Value| {
        let body = json!({"id": "1", "state": "done", "checks": checks});
        standing_of(&vendor, &body.to_string())
    };
    let good = || json!({"results": [{"grade": "good"}]});
    assert_eq!(standing(json!([good(), good()])), PASS);
    for lack in [
        json!(null),
        json!([]),
        json!({}),
        json!("pending"),
        json!([{}]),
        json!([null]),
    ] {
        let mixed = standing(json!([good(), {"results": lack}]));
        assert_ne!(mixed, PASS, "{lack}");
        assert_ne!(standing(json!([{"results": lack}])), PASS, "{lack}");
    }
    for lack in [
        json!([good(), {}]),
        json!([good(), null]),
        json!([]),
        json!(null),
        json!("x"),
    ] {
        assert_ne!(standing(lack.clone()), PASS, "{lack}");
    }
}

/// One part's status word says that it passed, another's only that it ended.
#[test]
fn a_node_that_waits_for_its_result_is_not_passed_by_its_neighbours() {
    let statuses = "statuses = { clear = \"pass\", consider = \"review\", bad = \"fail\", open = ";
    let sheet = sheet(".parts[*].state", ".parts[*].grade");
    let vendor = loaded(&sheet.replacen("statuses = { open = ", statuses, 1));
    let standing = |parts: &[(&str, Option<&str>)]| {
        let parts: Vec<Value> = parts
            .iter()
            .map(|(state, grade)| json!({"state": state, "grade": grade}))
            .collect();
        standing_of(&vendor, &json!({"id": "1", "parts": parts}).to_string())
    };
    let is = |outcome| Some(Standing::Complete(outcome));
    assert_eq!(standing(&[("clear", None), ("clear", None)]), PASS);
    for waits in [
        [("done", None), ("clear", None)],
        [("clear", None), ("done", None)],
    ] {
        assert_eq!(standing(&waits), Some(Standing::InProgress));
    }
    let graded = Some("good");
    assert_eq!(standing(&[("done", graded), ("clear", graded)]), PASS);
    assert_eq!(
        standing(&[("done", graded), ("clear", Some("odd"))]),
        is(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", None), ("consider", None)]),
        is(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", None), ("bad", None)]),
        is(Outcome::Fail)
    );
}

/// What stands against an order is not overlooked because it is no word.
#[test]
fn a_doubt_that_maps_every_other_word_fits_what_is_no_word_too() {
    let doubt = "without_result = \"not_ready\"\ndoubts = [{ when = { \".checks[*].score | map 'CLEAR' '' 'other' | text\" = \
                 { present = true } }, is = \"review\" }]\n";
    let sheet = TALLY.replacen("without_result = \"not_ready\"\n", doubt, 1);
    let vendor = loaded(&sheet);
    let standing = |score: Value| {
        let checks = json!([{"score": "clear"}, {"score": score}]);
        let body = json!({"id": "1", "state": "done", "grade": "good", "checks": checks});
        standing_of(&vendor, &body.to_string())
    };
    assert_eq!(standing(json!("Clear")), PASS);
    assert_eq!(standing(json!(null)), PASS, "nobody has scored it");
    for odd in [
        json!("dire"),
        json!({}),
        json!([]),
        json!(["clear"]),
        json!(1),
    ] {
        let review = Some(Standing::Complete(Outcome::Review));
        assert_eq!(standing(odd.clone()), review, "{odd}");
    }
}
