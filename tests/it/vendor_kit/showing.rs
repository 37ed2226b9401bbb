//! `vendor show`: what a sheet can do, in words.

use super::{begun, with_sheets};
use crate::support::program::Program;

#[test]
fn a_sheet_is_shown_with_everything_that_an_operator_must_know() {
    let program = Program::new();
    let shown = program.done(&["vendor", "show", "accio"]);
    for told in [
        "Accio Data (accio), from accio.toml",
        "credentials   account, username",
        "unknown end   a callback is waited for, 2h; then a person decides",
        "reopening     a finished order is still looked at for 30d",
        "job_state: a text, such as TX; left out: \"\"",
        "place.order    POST /c/p/researcherxml  a second copy might order again",
        "no hits                                          review",
        "the connection's own words come first: settings.results",
        "HTTP Basic with `callback_user` and `callback_password`",
        "what its author remarks",
    ] {
        assert!(shown.contains(told), "{told}:\n{shown}");
    }
}

#[test]
fn every_shipped_vendor_is_shown_in_words_and_as_json() {
    let program = Program::new();
    for vendor in adapters::shipped() {
        let name = vendor.name.as_str();
        program.done(&["vendor", "show", name]);
        let shown = program.json(&["vendor", "show", name]);
        assert_eq!(shown["name"], name);
        assert!(!shown["operations"].as_array().unwrap().is_empty());
    }
}

#[test]
fn comments_are_told_with_their_lines_and_what_they_stand_beside() {
    let sheet = begun("acme") + "\n# A trap: the list lags.\n";
    let program = with_sheets(&[("acme.toml", &sheet)]);
    let shown = program.json(&["vendor", "show", "acme"]);
    let last = shown["remarks"].as_array().unwrap().last().unwrap();
    assert_eq!(last["text"], "A trap: the list lags.");
    assert_eq!(last["line"], sheet.lines().count());
}
