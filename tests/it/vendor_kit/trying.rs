//! `vendor test`: samples, laws, fixtures beside a sheet, and one harmless call.

use std::fs;

use serde_json::Value;

use super::{begun, with_sheets};
use crate::support::program::Program;

fn law<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut laws = report["laws"].as_array().unwrap().iter();
    laws.find(|law| law["law"] == name).unwrap()
}

fn report(program: &Program, arguments: &[&str]) -> (i32, Value) {
    let arguments = [&["vendor", "test"], arguments, &["--json"]].concat();
    let done = program.run(&arguments);
    let report = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"));
    (done.code, report)
}

#[test]
fn a_shipped_vendor_passes_on_the_fixtures_in_the_program() {
    let program = Program::new();
    let (code, report) = report(&program, &["sandbox"]);
    assert_eq!((code, &report["passed"]), (0, &Value::Bool(true)));
    assert_eq!(report["fixtures"], "this program");
    assert!(
        report["laws"]
            .as_array()
            .unwrap()
            .iter()
            .all(|law| law["verdict"] == "kept")
    );
}

#[test]
fn without_fixtures_the_laws_that_need_them_are_named_as_not_tried() {
    let program = with_sheets(&[("acme.toml", &begun("acme"))]);
    let (code, report) = report(&program, &["acme"]);
    assert_eq!(code, 0);
    for (name, verdict) in [
        ("golden", "not_tried"),
        ("unmapped", "not_tried"),
        ("proof", "not_tried"),
        ("false_pass", "kept"),
        ("secrets", "kept"),
        ("used_or_dropped", "kept"),
    ] {
        assert_eq!(law(&report, name)["verdict"], verdict, "{name}");
    }
    assert!(
        law(&report, "golden")["why"][0]
            .as_str()
            .unwrap()
            .contains("no fixtures")
    );
}

#[test]
fn a_test_that_means_something_else_is_told_and_fails() {
    let sheet = begun("acme").replace("expect = \"complete/pass\"", "expect = \"complete/fail\"");
    let program = with_sheets(&[("acme.toml", &sheet)]);
    let done = program.fails(&["vendor", "test", "acme"], 1, "does not pass");
    assert!(done.out.contains("4 of 5 [[test]]s"), "{}", done.out);
    assert!(
        done.out.contains("`a clear report passes`: it means"),
        "{}",
        done.out
    );
}

#[test]
fn a_law_that_is_broken_on_samples_is_told_and_fails() {
    // An answer of 500 would count as an order that is not there.
    let rule = "read = \"order\"\nerrors = [{ when = { \".data[0]\" = { present = false } }, is = \"not_seen\" }]";
    let sheet = begun("acme");
    let (before, look_up) = sheet.split_once("[[look_up]]").unwrap();
    let look_up = look_up.replacen("read = \"order\"", rule, 1);
    let program = with_sheets(&[("acme.toml", &format!("{before}[[look_up]]{look_up}"))]);
    let (code, report) = report(&program, &["acme"]);
    let absence = law(&report, "absence");
    assert_eq!((code, &absence["verdict"]), (1, &Value::from("broken")));
    let why = absence["why"].to_string();
    assert!(
        why.contains("status 400 to 403") && why.contains("names a `status`"),
        "{why}"
    );
}

#[test]
fn fixtures_are_found_beside_the_sheet() {
    let program = Program::new();
    program.write("sandbox.toml", adapters::vendors::sheet("sandbox").unwrap());
    fs::create_dir_all(program.path("fixtures/sandbox")).unwrap();
    for (name, text) in adapters::vendors::fixtures("sandbox").unwrap() {
        program.write(&format!("fixtures/sandbox/{name}"), text);
    }
    let (code, tried) = report(&program, &["sandbox.toml"]);
    assert_eq!(
        (code, &tried["fixtures"]),
        (0, &Value::from("fixtures/sandbox"))
    );
    // What the vendor is said to send decides, not what the sheet makes of it.
    let fetch = fs::read_to_string(program.path("fixtures/sandbox/fetch.toml")).unwrap();
    program.write(
        "fixtures/sandbox/fetch.toml",
        &fetch.replace("complete/pass", "complete/fail"),
    );
    let (code, tried) = report(&program, &["sandbox.toml"]);
    assert_eq!(
        (code, &law(&tried, "golden")["verdict"]),
        (1, &Value::from("broken"))
    );
    program.write("fixtures/sandbox/fetch.toml", "[[case]]\nnom = \"x\"\n");
    program.fails(
        &["vendor", "test", "sandbox.toml"],
        78,
        "fixtures/sandbox/fetch.toml",
    );
}

#[test]
fn a_sheet_that_does_not_load_is_told_with_its_lines() {
    let sheet = begun("acme").replace("effect = \"once\"", "efect = \"once\"");
    let program = with_sheets(&[("acme.toml", &sheet)]);
    let done = program.fails(
        &["vendor", "test", "acme"],
        78,
        "a step of `place` has no `effect`, but `efect`",
    );
    assert!(done.err.contains("sheets/acme.toml:"), "{}", done.err);
    program.fails(
        &["vendor", "test", "nobody"],
        78,
        "there is no vendor `nobody`",
    );
    program.fails(&["vendor", "test", "no/such.toml"], 78, "cannot be read");
}

#[test]
fn a_live_vendor_is_asked_for_its_packages_and_told_when_it_refuses() {
    let program = Program::new();
    let _sandbox = program.sandbox();
    let import = fs::read_to_string(program.path("sandbox-import.toml")).unwrap();
    let line = import
        .lines()
        .find(|line| line.trim().starts_with("base_url"))
        .unwrap();
    let base_url = line.split('"').nth(1).unwrap();
    let live = ["vendor", "test", "sandbox", "--live", base_url];
    fn with<'a>(live: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        [live, more].concat()
    }
    let out = program.done(&with(&live, &["--tenants", "sandbox-import.toml"]));
    assert!(
        out.contains("verify and list") && out.contains("package basic"),
        "{out}"
    );
    program.set("WRONG", "no such key");
    let wrong = ["--credential", "api_key=env:WRONG"];
    let done = program.fails(&with(&live, &wrong), 1, "does not pass");
    assert!(done.out.contains("verify.account: "), "{}", done.out);
    assert!(!done.out.contains("no such key"));
    program.fails(&live, 64, "give --credential api_key=env:NAME");
}
