//! Six vendors whose sheets were written by hand from the guide: two each of JSON with a login call,
//! pages and signed callbacks (one with fixtures), of XML that is polled, and of OAuth with forms and
//! an order in three steps. No socket is opened: the laws drive them.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::program::Program;

/// What samples cannot show of a vendor that signs its callbacks.
const WITHOUT_PROOF: [&str; 5] = [
    "complete_fixtures",
    "golden",
    "required",
    "unmapped",
    "proof",
];

fn sheet(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/vendor_kit/sheets");
    folder.join(name).to_str().unwrap().to_owned()
}

/// What `vendor test` says of a sheet that passes: its laws with their verdicts.
fn passes(name: &str) -> Vec<(String, String)> {
    let report = Program::new().json(&["vendor", "test", &sheet(name)]);
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    let laws = report["laws"].as_array().unwrap().iter();
    let text = |law: &Value, key: &str| law[key].as_str().unwrap().to_owned();
    laws.map(|law| (text(law, "law"), text(law, "verdict")))
        .collect()
}

fn not_tried(laws: &[(String, String)]) -> Vec<&str> {
    let skipped = laws.iter().filter(|(_, verdict)| verdict == "not_tried");
    skipped.map(|(law, _)| law.as_str()).collect()
}

#[test]
fn a_vendor_with_a_login_call_pages_and_signed_callbacks_obeys_every_law_on_its_fixtures() {
    assert!(not_tried(&passes("harbor.toml")).is_empty());
}

#[test]
fn a_vendor_that_writes_xml_and_is_polled_obeys_the_laws_on_its_own_tests() {
    for sheet in ["quarry.toml", "granite.toml"] {
        let without_fixtures = ["complete_fixtures", "golden", "required", "unmapped"];
        assert_eq!(not_tried(&passes(sheet)), without_fixtures, "{sheet}");
    }
}

#[test]
fn a_vendor_with_oauth_forms_and_three_steps_obeys_the_laws_on_its_own_tests() {
    for sheet in ["lattice.toml", "solstice.toml"] {
        assert_eq!(not_tried(&passes(sheet)), WITHOUT_PROOF, "{sheet}");
    }
}

#[test]
fn a_vendor_with_numbers_for_ids_and_a_signature_over_a_header_obeys_the_laws_on_its_own_tests() {
    assert_eq!(not_tried(&passes("meridian.toml")), WITHOUT_PROOF);
}

/// The guide's worked example is whole: its parts, put together as it says, are a sheet that passes.
#[test]
fn the_parts_of_the_guide_are_a_sheet_that_passes() {
    let guide = adapters::sheet::GUIDE;
    let (_, worked) = guide.split_once("## A worked example").unwrap();
    let (worked, _) = worked.split_once("### Run it").unwrap();
    let parts = worked.split("```toml\n").skip(1);
    let parts: Vec<&str> = parts
        .map(|part| part.split("```").next().unwrap())
        .collect();
    let program = Program::new();
    program.write("harbor.toml", &parts.concat());
    let tried = program.done(&["vendor", "test", "harbor.toml"]);
    assert!(
        tried.contains("7 of 7 [[test]]s") && tried.ends_with("harbor passes\n"),
        "{tried}"
    );
    program.write(
        "reply.json",
        r#"{"check_id": "chk_71", "state": "finished", "verdict": "greenish", "links": {}}"#,
    );
    let explain = ["vendor", "explain", "harbor.toml", "--reply", "reply.json"];
    let told = program.done(&[&explain[..], &["--setting", "branch=B-17"]].concat());
    assert!(
        told.ends_with("unknown = [\"result=greenish\"]\n"),
        "{told}"
    );
}
