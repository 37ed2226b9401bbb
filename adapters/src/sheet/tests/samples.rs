//! Samples in a sheet: they are tried, and those that mean something else are told.

use crate::sample::failures;
use crate::sheet::load;

fn tried(samples: &str) -> Result<Vec<String>, String> {
    let sheet = crate::vendors::sheet("sandbox").expect("it ships");
    match load("sandbox.toml", &format!("{sheet}\n{samples}")) {
        Ok(vendor) => Ok(failures(&vendor)),
        Err(mistakes) => Err(mistakes[0].to_string()),
    }
}

#[test]
fn a_sample_is_told_where_it_means_something_else() {
    let samples = r#"
[[test]]
name = "a pass"
of = "fetch.order"
body = '{"id": "1", "status": "complete", "result": "pass"}'
expect = "complete/pass"

[[test]]
name = "gone"
of = "fetch.order"
status = 404
body = ""
expect = "not_seen"

[[test]]
name = "a callback"
of = "callback"
body = '{"order": {"id": "1", "status": "invited"}}'
expect = "invited"

[[test]]
name = "a pass that is none"
of = "look_up.orders"
body = '{"orders": []}'
expect = { is = "complete/pass" }
"#;
    let told = tried(samples).expect("the sheet is right");
    assert_eq!(
        told,
        [r#"`a pass that is none`: it means {"is":"not_seen"}, not {"is":"complete/pass"}"#]
    );
}

#[test]
fn one_note_of_a_callback_may_stand_without_its_list() {
    let sample = r#"
[[test]]
name = "a callback"
of = "callback"
body = '{"order": {"id": "1", "status": "invited"}}'
expect = { is = "invited", order = ["theirs:1"] }
"#;
    assert_eq!(tried(sample), Ok(Vec::new()));
}

#[test]
fn a_sample_of_a_step_that_is_none_is_a_mistake() {
    for of in ["fetch.report", "fetch", "report.order", "callback.order"] {
        let sample =
            format!("[[test]]\nname = \"a\"\nof = \"{of}\"\nbody = \"\"\nexpect = \"look\"");
        let told = tried(&sample);
        match of {
            "callback.order" => assert!(told.is_ok(), "{told:?}"),
            _ => assert!(
                told.expect_err(of).contains("is no step of this sheet"),
                "{of}"
            ),
        }
    }
}

#[test]
fn a_sample_has_our_reference_where_it_says_so() {
    let samples = r#"
[[test]]
name = "found"
of = "look_up.orders"
body = '{"orders": [{"id": "1", "reference": "{ours}", "status": "invited"}]}'
expect = { is = "invited", theirs = "1" }

[[test]]
name = "another's"
of = "look_up.orders"
body = '{"orders": [{"id": "1", "reference": "x{ours}", "status": "invited"}]}'
expect = "not_seen"

[[test]]
name = "a callback"
of = "callback"
body = '{"order": {"id": "1", "reference": "{ours}", "status": "invited"}}'
expect = { is = "invited", order = ["theirs:1", "ours:{ours}"] }
"#;
    assert_eq!(tried(samples), Ok(Vec::new()));
}
