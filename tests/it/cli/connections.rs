//! Connections: whether their vendor knows them, and what it offers.

use std::fs;

use serde_json::{Value, json};

use super::{imported, text};
use crate::support::program::{ACCOUNT, Program, until};

#[test]
fn a_connection_is_tried_when_it_is_imported_and_when_somebody_asks() {
    let program = Program::new();
    let sandbox = program.sandbox();
    let import = ["tenant", "import", "sandbox-import.toml"];
    let _running = program.serve();
    let good = "connection main: Sandbox knows these credentials\n";
    let told = program.done(&import);
    assert!(told.ends_with(&format!("  {good}")), "{told}");
    let told = program.done(&import);
    assert!(!told.contains("knows"), "nothing has changed: {told}");
    let verify = ["connection", "verify", ACCOUNT, "main"];
    assert_eq!(program.done(&verify), good);
    let shown = program.json(&verify);
    assert_eq!(
        (&shown["is_good"], text(&shown, "verdict")),
        (&json!(true), "good")
    );

    program.set("SANDBOX_API_KEY", "guess");
    let quiet = program.done(&[&import[..], &["--no-verify"]].concat());
    assert!(quiet.contains("changed"), "{quiet}");
    let failed = program.fails(&verify, 1, "does not know these credentials (api_key");
    assert!(!failed.err.contains("guess"), "{failed:?}");
    let failed = program.run(&[&verify[..], &["--json"]].concat());
    let shown: Value = serde_json::from_str(&failed.out).expect("JSON also where it fails");
    assert_eq!(
        (failed.code, text(&shown, "verdict")),
        (1, "credentials"),
        "{failed:?}"
    );

    program.set("SANDBOX_API_KEY", "another guess");
    let warned = program.run(&import);
    assert_eq!(warned.code, 0, "the import is done: {warned:?}");
    let warning = "warning: tenant ACCT123, connection main: Sandbox does not know";
    assert!(warned.err.contains(warning), "{warned:?}");

    drop(sandbox);
    program.fails(&verify, 1, "cannot be asked now: nobody answers at http://");
}

#[test]
fn a_connection_shows_what_its_vendor_has_changed_and_what_is_not_offered() {
    let (program, _sandbox, running) = imported();
    let file = fs::read_to_string(program.path("sandbox-import.toml")).unwrap();
    running.ask("GET", "/v1/packages", &program.api_secret(), None);
    program.write("second.toml", &file.replace("\"main\"", "\"second\""));
    program.done(&["tenant", "import", "second.toml"]);
    let show = ["connection", "show", ACCOUNT, "second"];
    let shown = until("both lists are fetched", || {
        running.ask("GET", "/v1/packages", &program.api_secret(), None);
        let shown = program.json(&show);
        (shown["catalog_fetched_at"].is_string()).then_some(shown)
    });
    assert_eq!(shown["clashes"].as_array().unwrap().len(), 5, "{shown}");
    assert_eq!(text(&shown["clashes"][0], "belongs_to"), "main");
    program.execute(
        "INSERT INTO catalog_changes SELECT id, 1, 1, 0, 'gone', 'package', 'gold', 'Gold' FROM connections",
    );
    let told = program.done(&show);
    assert!(
        told.contains("1970-01-01T00:00:00.000Z  gone  package gold  Gold"),
        "{told}"
    );
    assert!(
        told.contains("PKG001  package basic") && told.contains("means basic of connection main"),
        "{told}"
    );
}
