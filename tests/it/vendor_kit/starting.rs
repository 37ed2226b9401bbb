//! `vendor new` and `vendor guide`: the binary alone is enough to begin.

use std::fs;

use super::with_sheets;
use crate::support::program::Program;

#[test]
fn a_new_sheet_loads_and_passes_as_it_is() {
    let program = Program::new();
    for kind in [&["acme"][..], &["acme", "--xml"]] {
        let text = program.done(&[&["vendor", "new"], kind].concat());
        assert!(text.contains("name = \"acme\"") && text.contains("FILL IN"));
        assert!(!text.contains("newvendor"), "{text}");
        program.write("acme.toml", &text);
        let tried = program.done(&["vendor", "test", "acme.toml"]);
        assert!(tried.ends_with("acme passes\n"), "{tried}");
    }
}

#[test]
fn a_new_sheet_goes_into_the_folder_and_over_nothing() {
    let program = with_sheets(&[]);
    let path = program.done(&["vendor", "new", "acme"]);
    assert_eq!(path, "sheets/acme.toml\n");
    assert_eq!(program.done(&["check"]), "ok\n");
    program.write("sheets/acme.toml", "mine");
    program.fails(&["vendor", "new", "acme"], 78, "is there already");
    assert_eq!(
        fs::read_to_string(program.path("sheets/acme.toml")).unwrap(),
        "mine"
    );
    assert!(
        program
            .done(&["vendor", "new", "other", "--print"])
            .contains("[[place]]")
    );
}

#[test]
fn a_vendor_is_named_as_settings_can_name_it() {
    let program = Program::new();
    for name in ["Acme", "../acme", "a b", ""] {
        program.fails(&["vendor", "new", name], 64, "lower-case letters");
    }
}

#[test]
fn the_guide_is_in_the_binary_with_the_reference() {
    let guide = Program::new().done(&["vendor", "guide"]);
    for part in [
        "vendor new",
        "vendor explain",
        "# The sheet language",
        "tenant import",
    ] {
        assert!(guide.contains(part), "{part}");
    }
}
