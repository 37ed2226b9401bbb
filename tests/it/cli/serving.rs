//! What has to be right before a gateway serves, and what it says of itself then.

use serde_json::{Value, json};

use super::imported;
use crate::support::program::Program;

#[test]
fn what_has_to_be_changed_before_it_starts_is_said_in_a_sentence_with_code_78() {
    let program = Program::new();
    let serve = |told: &str| {
        let done = program.fails(&["serve"], 78, told);
        let plain = done.err.lines().filter(|line| !line.starts_with('{'));
        assert_eq!(plain.count(), 1, "{done:?}");
    };
    program.set("CLEARGATE__SECURITY__KEY", "");
    serve("`cleargate key new` prints one");
    program.set("CLEARGATE__SECURITY__KEY", "env:MISSING");
    serve(
        "`security.key` in the variable CLEARGATE__SECURITY__KEY: `env:MISSING` refers to a variable that is not set, or holds no text",
    );
    program.set("CLEARGATE__SECURITY__KEY", "file:settings.toml");
    serve("not of the form that `cleargate key new` prints");
    program.set("CLEARGATE__SECURITY__KEY", "env:KEY");
    program.set("CLEARGATE__STORE__URL", "sqlite:///nowhere/gate.db");
    serve("`store.url`");
    program.write("text.db", "this is no database, whatever it is called");
    program.set("CLEARGATE__STORE__URL", "sqlite://text.db");
    serve("text.db: cannot be opened as a SQLite database");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    program.set("CLEARGATE__HTTP__PUBLIC_ADDR", &address);
    serve("`http.public_addr` chooses another address");
}

#[test]
fn serving_says_where_it_listens_in_json_and_ends_well_when_it_is_asked_to() {
    let program = Program::new();
    let running = program.serve();
    assert!(!running.public().ends_with(":0"), "{}", running.public());
    assert_eq!(running.ask("GET", "/v1/logo.png", "", None).0, 200);
    program.fails(&["serve"], 78, "another process serves this file");
    assert_eq!(running.terminate().code(), Some(0));
}

#[test]
fn a_database_is_opened_with_its_own_key_only() {
    let (program, _sandbox, running) = imported();
    assert_eq!(running.terminate().code(), Some(0));
    program.set("KEY", program.done(&["key", "new"]).trim());
    for command in [&["serve"][..], &["tenant", "list"]] {
        program.fails(command, 78, "give the key the data were sealed with");
    }
}

#[test]
fn a_database_that_is_not_there_is_made_by_migrate_and_by_no_look_at_it() {
    let program = Program::new();
    program.fails(
        &["tenant", "list"],
        78,
        "gate.db: there is no such database",
    );
    assert!(!program.path("gate.db").exists());
    let schema = format!(
        "the database has schema {}\n",
        cleargate::store::SCHEMA_VERSION
    );
    assert_eq!(program.done(&["migrate"]), schema);
    assert_eq!(program.json(&["tenant", "list"]), json!([]));
}

#[test]
fn the_time_that_an_answer_took_is_a_number_in_the_log() {
    let program = Program::new();
    program.set("CLEARGATE__LOG__LEVEL", "debug");
    let running = program.serve();
    assert_eq!(running.ask("GET", "/v1/logo.png", "", None).0, 200);
    let lines = running.log().into_iter();
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let answered = lines.find(|line| line["message"] == "answered").unwrap();
    assert!(answered["took_us"].is_u64(), "{answered}");
}
