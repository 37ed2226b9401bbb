//! Sheets of the operator's own may extend each other and the shipped ones.

use super::{begun, with_sheets};

const CHILD: &str = "name = \"child\"\ntitle = \"Child\"\nextends = \"mother\"\n\
                     [read.order.statuses]\nlost = \"on_hold\"\n";

#[test]
fn a_sheet_extends_another_of_the_folder_whatever_its_file_is_called() {
    let mother = begun("mother");
    let program = with_sheets(&[("a.toml", CHILD), ("zz.toml", &mother)]);
    assert_eq!(program.done(&["check"]), "ok\n");
    let shown = program.json(&["vendor", "show", "child"]);
    assert_eq!(shown["title"], "Child");
    let statuses = shown["readings"][0]["statuses"].as_array().unwrap();
    assert!(
        statuses
            .iter()
            .any(|row| row["word"] == "lost" && row["is"] == "on_hold")
    );
    assert!(statuses.iter().any(|row| row["word"] == "suspended"));
}

#[test]
fn a_sheet_extends_a_shipped_one() {
    let own = "name = \"own\"\ntitle = \"Own\"\nextends = \"tazworks\"\n";
    let program = with_sheets(&[("own.toml", own)]);
    assert!(program.done(&["vendor", "list"]).contains("own "));
    program.done(&["vendor", "show", "own"]);
}

#[test]
fn a_sheet_given_as_a_file_extends_those_beside_it() {
    let program = with_sheets(&[]);
    program.write("mother.toml", &begun("mother"));
    program.write("child.toml", CHILD);
    let bare = program.bare(&["vendor", "show", "child.toml"]);
    assert_eq!((bare.code, bare.err.as_str()), (0, ""));
}

#[test]
fn a_circle_an_unknown_base_and_two_sheets_of_one_vendor_are_told() {
    let left = "name = \"left\"\nextends = \"right\"\n";
    let right = "name = \"right\"\nextends = \"left\"\n";
    let program = with_sheets(&[("left.toml", left), ("right.toml", right)]);
    program.fails(
        &["check"],
        78,
        "sheets extend each other: left, right, left",
    );
    let program = with_sheets(&[("a.toml", "name = \"a\"\nextends = \"nobody\"\n")]);
    program.fails(
        &["check"],
        78,
        "`extends` names `nobody`, and there is no such sheet",
    );
    let twice = begun("twice");
    let program = with_sheets(&[("a.toml", &twice), ("b.toml", &twice)]);
    program.fails(&["check"], 78, "the vendor `twice` has a sheet already");
}
