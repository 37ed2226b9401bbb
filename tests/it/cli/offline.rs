//! Commands that need no database: the demo, new keys and secrets, `check`, and which vendors there
//! are.

use std::fs;

use crate::support::program::{Program, entries};

#[test]
fn the_demo_tells_an_order_from_the_package_list_to_the_result_page() {
    let program = Program::new();
    fs::create_dir(program.path("tmp")).unwrap();
    program.set("TMPDIR", program.path("tmp").to_str().unwrap());
    // The demo is the same whatever the environment says.
    program.set("CLEARGATE__STORE__URL", "sqlite://elsewhere.db");
    let done = program.bare(&["demo"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    let mut rest = done.out.as_str();
    for told in [
        "PKG003  Deluxe Package, 69.99",
        "gateway -> vendor   POST /orders",
        "ATS <- gateway      201",
        "invited to in_progress, by a callback",
        "gateway -> ATS      POST /yourco_webhooks",
        "\"result\": \"Pass\"",
        "a page that says \"Complete: pass\"",
    ] {
        let (_, after) = rest
            .split_once(told)
            .unwrap_or_else(|| panic!("{told}: {}", done.out));
        rest = after;
    }
    assert_eq!(entries(&program.path("tmp")), 0, "it leaves nothing behind");
    assert!(!program.path("elsewhere.db").exists());
}

#[test]
fn a_new_key_and_a_new_secret_are_printed_and_nothing_else() {
    let program = Program::new();
    for (command, prefix) in [("key", "cgk_"), ("secret", "cgs_")] {
        let (first, second) = (
            program.done(&[command, "new"]),
            program.done(&[command, "new"]),
        );
        assert!(
            first.starts_with(prefix) && first.len() == 4 + 43 + 1,
            "{first}"
        );
        assert_ne!(first, second);
    }
}

#[test]
fn check_tells_every_mistake_of_settings_sheets_and_tenants_on_a_line_of_its_own() {
    let program = Program::new();
    assert_eq!(program.done(&["check"]), "ok\n");
    program.write("bad.toml", "[http]\nbody_limit = 1\nheader_timeout = 1\n");
    let done = program.bare(&["check", "--config", "bad.toml"]);
    // There is no key either.
    assert_eq!((done.code, done.err.lines().count()), (78, 3), "{done:?}");
    program.write(
        "tenants.toml",
        "[[tenant]]\naccount_id = \"a b\"\nname = \"A\"\nrequests_per_second = 0\n",
    );
    let done = program.fails(
        &["check", "--tenants", "tenants.toml"],
        78,
        "without blanks",
    );
    assert_eq!(done.err.lines().count(), 2, "{done:?}");
    program.fails(
        &["check", "--tenants", "none.toml"],
        78,
        "none.toml cannot be read",
    );
    fs::create_dir(program.path("sheets")).unwrap();
    program.write("sheets/mine.toml", "name = \"mine\"\n");
    program.set("CLEARGATE__VENDORS__DIR", "sheets");
    program.fails(
        &["check"],
        78,
        "sheets/mine.toml:1: the sheet has no `title`",
    );
    program.fails(&["vendor", "list"], 78, "sheets/mine.toml:1");
}

#[test]
fn the_sandbox_is_a_vendor_only_where_it_is_allowed() {
    let program = Program::new();
    let listed = |wanted: &str| {
        let vendors = program.json(&["vendor", "list"]);
        let vendors = vendors.as_array().unwrap().clone();
        vendors.iter().any(|vendor| vendor["name"] == wanted)
    };
    assert!(listed("sandbox"));
    program.set("CLEARGATE__VENDORS__ALLOW_SANDBOX", "false");
    assert!(!listed("sandbox"));
}
