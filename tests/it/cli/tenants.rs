//! Tenants: imported, rotated, disabled, shown.

use serde_json::Value;

use super::{imported, text};
use crate::support::program::{ACCOUNT, Program, until};

#[test]
fn an_import_prints_a_made_secret_once_and_the_callback_urls() {
    let (program, _sandbox, running) = imported();
    program.write(
        "made.toml",
        "[[tenant]]\naccount_id = \"B\"\nname = \"B\"\n",
    );
    let first = program.done(&["tenant", "import", "made.toml"]);
    assert!(
        first.contains("tenant B created") && first.contains("cgs_"),
        "{first}"
    );
    let second = program.done(&["tenant", "import", "made.toml"]);
    assert!(
        second.contains("tenant B changed") && !second.contains("cgs_"),
        "{second}"
    );
    let again = program.done(&["tenant", "import", "sandbox-import.toml"]);
    let shown = program.json(&["connection", "show", ACCOUNT, "main"]);
    let url = text(&shown, "callback_url");
    assert!(
        url.starts_with(&format!("http://{}/callbacks/sandbox/", running.public())),
        "{url}"
    );
    assert!(again.contains(url), "{again}");
    let accounts = program.json(&["tenant", "list"]);
    assert_eq!(
        (
            text(&accounts[0], "account_id"),
            text(&accounts[1], "account_id")
        ),
        (ACCOUNT, "B")
    );
    program.write(
        "bad.toml",
        "[[tenant]]\naccount_id = \"C\"\nname = \"C\"\napi_secret = \"env:NO\"\n",
    );
    program.fails(
        &["tenant", "import", "bad.toml"],
        78,
        "tenant `C`: `api_secret`: `env:NO`",
    );
    program.fails(
        &["tenant", "show", "C"],
        1,
        "there is no tenant with account `C`",
    );
}

#[test]
fn old_secrets_do_not_outlive_a_new_one_by_more_than_a_year() {
    let program = Program::new();
    for overlap in ["366d", "106751991167d", "18446744073709551s"] {
        let command = ["tenant", "rotate", ACCOUNT, "--overlap", overlap];
        program.fails(&command, 64, "365d at most");
    }
}

#[test]
fn a_rotated_secret_ends_after_its_overlap_and_the_new_one_works() {
    let (program, _sandbox, running) = imported();
    let status = |secret: &str| running.ask("GET", "/v1/packages", secret, None).0;
    let rotated = program.run(&["tenant", "rotate", ACCOUNT, "--overlap", "1500ms"]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert!(
        rotated.err.contains("the old ones work until"),
        "{rotated:?}"
    );
    let new = rotated.out.trim();
    until("the new secret works", || {
        (status(new) == 200).then_some(())
    });
    until("the old secret ends", || {
        (status(&program.api_secret()) == 401).then_some(())
    });
    until("the new secret still works", || {
        (status(new) == 200).then_some(())
    });
    let secrets = program.json(&["tenant", "show", ACCOUNT])["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1, "{secrets}");
}

#[test]
fn a_disabled_tenant_and_a_retired_connection_are_seen_by_the_serving_process() {
    let (program, _sandbox, running) = imported();
    let secret = program.api_secret();
    let packages = || running.ask("GET", "/v1/packages", &secret, None);
    program.done(&["tenant", "disable", ACCOUNT]);
    until("the tenant is refused", || {
        (packages().0 == 401).then_some(())
    });
    program.done(&["tenant", "disable", ACCOUNT, "--enable"]);
    until("the tenant is served", || {
        (packages().0 == 200).then_some(())
    });
    let told = program.done(&["connection", "retire", ACCOUNT, "main"]);
    assert!(told.contains("0 orders of it are still open"), "{told}");
    until("nothing is offered", || {
        (!packages().1.contains("PKG001")).then_some(())
    });
    assert_eq!(program.json(&["connection", "list"])[0]["retired"], true);
    program.fails(&["connection", "show", ACCOUNT, "x"], 1, "(it has: main)");
}

#[test]
fn a_tenant_is_shown_with_what_its_secrets_are_known_by() {
    let (program, _sandbox, running) = imported();
    let digest = cleargate::seal::digest(program.api_secret().as_bytes());
    assert_eq!(running.terminate().code(), Some(0));
    let secrets = program.json(&["tenant", "show", ACCOUNT])["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1, "{secrets}");
    let shown = text(&secrets[0], "digest");
    assert!(
        shown.len() == 8 && digest.as_str().starts_with(shown),
        "{secrets}"
    );
    assert_eq!(
        (&secrets[0]["works_until"], &secrets[0]["last_used_at"]),
        (&Value::Null, &Value::Null)
    );
    let told = program.done(&["tenant", "show", ACCOUNT]);
    let told = told
        .lines()
        .find(|line| line.contains("API Secret"))
        .unwrap();
    assert!(
        told.contains(shown) && told.ends_with("works until it is rotated, not used yet"),
        "{told}"
    );
}
