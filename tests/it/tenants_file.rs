//! Every mistake in a tenants file is told with its line, what is wrong and what would be right, by
//! `check` without asking anybody and by `tenant import` in the same words.

use crate::support::program::Program;

/// Mistakes, each followed by a part of the sentence it must be told with.
const WRONG: &str = r##"
[[tenant]]
account_id = "A"
name = "A"
requests_per_second = 0 #! `requests_per_second` is 0; it has to be at least 1
[tenant.webhook]
hosts = [
  "hooks.example.com",
  "https://hooks.example.com/x", #! `https://hooks.example.com/x`, which is not a host name
]
ports = [9443, 0] #! `webhook.ports` has 0
[tenant.words.status]
failed = "" #! `words.status.failed` is empty
[tenant.words.result]
review = "pass" #! `words.result.review` is `pass`, as `words.result.pass` is
fail = " " #! `words.result.fail` is empty
maybe = "Maybe" #! `words.result` has `maybe`; results are pass, review, fail and none

[[tenant.connection]]
name = "main"
vendor = "sandbox"
base_url = "ftp://sandbox" #! `base_url` is `ftp://sandbox`; it has to begin with https://
credentials.api_key = "env:SANDBOX_API_KEY" #! `credentials.callback_secret` is missing; Sandbox needs it
credentials.pin = "env:PIN" #! has no credential `pin` (it has: api_key, callback_secret)
settings.speed = "high" #! has no setting `speed` (it has: none)

  [[tenant.connection.offer]]
  vendor_id = "basic"
  id = "PKG001"
  price = "12,50" #! `price` is `12,50`; it has to be a decimal number as text, such as "29.99"
  [[tenant.connection.offer]]
  vendor_id = "basic" #! it stands in the connection twice, first in line 28
  [[tenant.connection.offer]]
  vendor_id = "deluxe"
  id = "PKG001" #! its `id` is `PKG001`, as that of the offer in line 29

[[tenant.connection]] #! as that of the other connection to `sandbox` in line 19
name = "main" #! the connection stands in the tenant twice, first in line 20
vendor = "sandbox"
base_url = "http://127.0.0.1:1?x" #! it may have no ? and no #
credentials = { api_key = "env:A", callback_secret = "env:B" }

[[tenant.connection]]
name = "a b" #! a connection's `name` is made of letters, digits, - and _
vendor = "nobody" #! there is no vendor `nobody` (there are: accio, accurate
base_url = "https://u:canary@nobody.dev" #! credentials belong into `credentials`
prefix = "x y" #! `prefix` is `x y`; it has to be at most 32 characters without blanks

[[tenant.connection]]
name = "third"
vendor = "checkr"
base_url = "https://api.checkr.com"
credentials = { api_key = "env:CHECKR_KEY" }
settings = { work_location = "Illinois" } #! `settings.work_location` is "Illinois"; it has to be a state or region

[[tenant.connection]]
name = "unlisted"
vendor = "certn"
base_url = "https://api.certn.co"
credentials = { api_key = "env:A", webhook_secret = "env:B" }
  [[tenant.connection.offer]] #! `name` is missing; Certn has no list of packages to take it from
  vendor_id = "bare"
  [[tenant.connection.offer]] #! `description` is missing
  kind = "add_on"
  vendor_id = "extra"
  name = "Extra"
  price = "1.00"

[[tenant.connection]] #! it offers nothing: Certn has no list of packages to read
name = "empty"
vendor = "certn"
prefix = "e-"
base_url = "https://api.certn.co"
credentials = { api_key = "env:A", webhook_secret = "env:B" }

[[tenant]]
account_id = "A" #! the account stands in the file twice, first in line 3
name = "B"

[[tenant]]
account_id = "a:b" #! an `account_id` has 1 to 255 characters, without blanks and colons
name = "C"
"##;

/// The sentences that a file asks for: each a line and a part of what is told.
fn expected(file: &str) -> Vec<(String, &str)> {
    let lines = (1..).zip(file.lines());
    let wrong = lines.filter_map(|(number, line)| Some((number, line.split_once("#! ")?.1)));
    wrong
        .map(|(number, told)| (format!("tenants.toml:{number}: tenant "), told))
        .collect()
}

/// What was told, one mistake a line, without the program's name before it.
fn told(err: &str) -> Vec<String> {
    let lines = err.lines();
    lines
        .map(|line| line.trim_start_matches("cleargate: ").to_owned())
        .collect()
}

#[test]
fn every_mistake_of_meaning_is_told_with_its_line() {
    let program = Program::new();
    program.write("tenants.toml", WRONG);
    let done = program.run(&["check", "--tenants", "tenants.toml"]);
    assert_eq!(done.code, 78, "{done:?}");
    let (told, expected) = (told(&done.err), expected(WRONG));
    for (place, phrase) in &expected {
        let is_told = told
            .iter()
            .any(|line| line.starts_with(place) && line.contains(phrase));
        assert!(is_told, "{place}... {phrase}\n{}", done.err);
    }
    assert_eq!(told.len(), expected.len(), "{}", done.err);
    assert!(!done.err.contains("canary"), "{}", done.err);
    let lines = told.iter().map(|line| {
        let number = line.split(':').nth(1).unwrap();
        number.parse().unwrap()
    });
    let lines: Vec<usize> = lines.collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn an_import_tells_the_same_mistakes_in_the_same_words_and_changes_nothing() {
    let program = Program::new();
    program.write("tenants.toml", WRONG);
    let checked = program.run(&["check", "--tenants", "tenants.toml"]);
    let imported = program.run(&["tenant", "import", "tenants.toml"]);
    assert_eq!(imported.code, 78, "{imported:?}");
    let imported_told = told(&imported.err);
    for line in told(&checked.err) {
        assert!(imported_told.contains(&line), "{line}\n{}", imported.err);
    }
    // Only an import looks the secrets up.
    assert!(
        imported.err.contains(
            "tenants.toml:24: tenant `A`, connection `main`: `credentials.pin`: `env:PIN`"
        )
    );
    assert_eq!(program.json(&["tenant", "list"]), serde_json::json!([]));
}

#[test]
fn a_mistake_of_form_is_told_with_its_line_too() {
    let program = Program::new();
    for (text, told) in [
        (
            "[[tenant]]\nname = \"A\"\n",
            "tenants.toml:1: missing field `account_id`",
        ),
        (
            "[[tenant]]\naccount_id = 7\n",
            "tenants.toml:2: invalid type: integer `7`",
        ),
        (
            "\n[[tenant]]\nacount = \"A\"\n",
            "tenants.toml:3: unknown field `acount`",
        ),
        ("a = \n", "tenants.toml:1: "),
        (
            "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\nwords = { status = { finished = \"x\" } }\n",
            "tenants.toml:4: `finished` is not a stage",
        ),
    ] {
        program.write("tenants.toml", text);
        program.fails(&["check", "--tenants", "tenants.toml"], 78, told);
        program.fails(&["tenant", "import", "tenants.toml"], 78, told);
    }
}

#[test]
fn a_secret_that_is_written_out_is_told_and_never_repeated() {
    let program = Program::new();
    let file = "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\napi_secret = \"cgs_canary\"\n\
         [tenant.webhook]\nsigning_secret = \"whsec_canary\"\n";
    program.write("tenants.toml", file);
    for arguments in [
        ["check", "--tenants", "tenants.toml"],
        ["tenant", "import", "tenants.toml"],
    ] {
        let done = program.fails(&arguments, 78, "tenants.toml:4: tenant `A`: `api_secret`: ");
        assert!(
            done.err
                .contains("tenants.toml:6: tenant `A`: `webhook.signing_secret`: ")
        );
        assert!(!done.err.contains("canary"), "{done:?}");
    }
}

#[test]
fn a_signing_secret_that_could_sign_nothing_is_refused_at_the_import() {
    let program = Program::new();
    let file =
        "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\nwebhook.signing_secret = \"env:SIGNS\"\n";
    program.write("tenants.toml", file);
    for wrong in ["canary", "whsec_canary", "whsec_Y2FuYXJ5", "whsec_"] {
        program.set("SIGNS", wrong);
        let told = "tenants.toml:4: tenant `A`: `webhook.signing_secret` refers to a text that is not a signing secret: whsec_ and the base64 of 24 to 64 bytes";
        let done = program.fails(&["tenant", "import", "tenants.toml"], 78, told);
        assert!(!done.err.contains("canary"), "{done:?}");
    }
    program.set("SIGNS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    program.done(&["check", "--tenants", "tenants.toml"]);
    assert_eq!(program.run(&["tenant", "import", "tenants.toml"]).code, 0);
}

#[test]
fn the_tenants_file_of_the_sandbox_has_no_mistake() {
    let program = Program::new();
    let _sandbox = program.sandbox();
    program.done(&["check", "--tenants", "sandbox-import.toml"]);
}
