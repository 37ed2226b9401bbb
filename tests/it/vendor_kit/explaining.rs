//! `vendor explain`: which line gave which meaning.

use serde_json::json;

use super::{begun, with_sheets};
use crate::support::program::Program;

fn acme() -> Program {
    with_sheets(&[("acme.toml", &begun("acme"))])
}

/// Explains `body` as the kind of thing that `how` says.
fn explained(program: &Program, body: &str, how: &[&str]) -> String {
    program.write("body", body);
    let (flag, how) = match how {
        ["--callback", rest @ ..] => ("--callback", rest),
        rest => ("--reply", rest),
    };
    program.done(&[&["vendor", "explain", "acme", flag, "body"], how].concat())
}

#[test]
fn a_result_is_led_back_to_the_line_of_its_table() {
    let program = acme();
    let body = r#"{"id": "o1", "status": "complete", "result": "consider"}"#;
    let told = explained(&program, body, &[]);
    let sheet = begun("acme");
    let line = sheet
        .lines()
        .position(|line| line.starts_with("results = "))
        .unwrap()
        + 1;
    assert!(told.starts_with("fetch.order\n"), "{told}");
    assert!(told.contains("`.result` is `consider`: review"), "{told}");
    assert!(
        told.contains(&format!("sheets/acme.toml:{line}: results = {{ clear")),
        "{told}"
    );
    assert!(told.contains("means: complete/review\n"), "{told}");
}

#[test]
fn a_word_that_no_table_knows_is_told() {
    let program = acme();
    let told = explained(&program, r#"{"id": "o1", "status": "frozen"}"#, &[]);
    assert!(
        told.contains("`.status` is `frozen`, which no table knows: it moves nothing"),
        "{told}"
    );
    assert!(told.contains("means: unknown"), "{told}");
    let body = r#"{"id": "o1", "status": "complete"}"#;
    let told = explained(&program, body, &[]);
    assert!(
        told.contains("no result at `.result`: `without_result` says not_ready"),
        "{told}"
    );
    assert!(told.contains("means: in_progress"), "{told}");
}

#[test]
fn an_answer_that_is_no_success_is_led_back_to_its_rule() {
    let program = acme();
    let body = r#"{"message": "No such package"}"#;
    let told = explained(&program, body, &["--operation", "place", "--status", "422"]);
    assert!(told.starts_with("place.order\n"), "{told}");
    assert!(
        told.contains("{ status = [400, 422], is = \"refused\""),
        "{told}"
    );
    assert!(
        told.contains("message = \"The vendor refused the order: No such package\""),
        "{told}"
    );
    let told = explained(
        &program,
        "{}",
        &["--status", "429", "--header", "Retry-After: 30"],
    );
    assert!(told.contains("means: busy\n  after = 30"), "{told}");
    let told = explained(&program, "<html>", &[]);
    assert!(
        told.contains("not in the form that `answers` names"),
        "{told}"
    );
    assert!(
        told.contains("no error rule fits") && told.contains("means: unclear"),
        "{told}"
    );
}

#[test]
fn a_callback_is_told_with_its_notes() {
    let program = acme();
    let told = explained(&program, r#"{"order": {"id": "o1"}}"#, &["--callback"]);
    assert!(
        told.contains("`.order.id` is `o1` names the order"),
        "{told}"
    );
    assert!(
        told.contains("means: look\n  order = [\"theirs:o1\"]"),
        "{told}"
    );
    let told = explained(&program, "{}", &["--callback"]);
    assert!(told.contains("means: unreadable"), "{told}");
}

#[test]
fn own_words_of_a_connection_are_given_as_a_setting() {
    let program = Program::new();
    let body = "<ScreeningResults><completeOrder number=\"1\" remote_number=\"2\"><status>odd</status>\
                <order_state>All done</order_state></completeOrder></ScreeningResults>";
    program.write("body", body);
    let explain = ["vendor", "explain", "accio", "--reply", "body", "--json"];
    let own = [
        "--setting",
        "order_states={ 'All done' = \"on_hold\" }",
        "--theirs",
        "2",
    ];
    let told = program.run(&[&explain[..], &own[..]].concat());
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert!(
        told.to_string().contains("by the connection's own table"),
        "{told:#}"
    );
    assert_eq!(told["means"]["is"], json!("on_hold"));
}

#[test]
fn a_step_or_setting_that_is_not_there_is_told_with_those_that_are() {
    let program = acme();
    program.write("body", "{}");
    let explain = ["vendor", "explain", "acme", "--reply", "body"];
    let fails = |more: &[&str], told: &str| {
        program.fails(&[&explain[..], more].concat(), 64, told);
    };
    fails(
        &["--step", "nope"],
        "`fetch` has no step `nope` (it has: order)",
    );
    fails(&["--operation", "cancel"], "has no operation `cancel`");
    fails(&["--setting", "region=us"], "no setting `region`");
    program.fails(&["vendor", "explain", "acme"], 64, "--reply");
}
