//! `cleargate check` tells every mistake at once, each with where it stands, and holds nothing against
//! anybody that only follows from another mistake.

use std::fs;

use crate::support::program::{Done, Program};

/// Settings with mistakes, each followed by a part of the sentence it must be told with.
const SETTINGS: &str = r##"
[http]
logo = "none.png" #! `http.logo` is `none.png`
body_limit = 1 #! `http.body_limit` is `1`
[store]
url = "postgres://u:canary@h:port/db" #! `store.url` in
[cache]
url = "redis://u:canary@h:99999" #! `cache.url` in
[security]
key = "env:NO_KEY" #! `security.key` in
old_keys = ["env:NO_OLD_KEY", "file:no-old-key"] #! `env:NO_OLD_KEY` refers to #! `file:no-old-key` refers to
[vendors]
allow_sandbox = "perhaps" #! `vendors.allow_sandbox` is `perhaps`
dir = "sheets"
[vendors.calls]
authorities = "file:no-roots" #! `vendors.calls.authorities` in
[vendors.of.checkr]
client_certificate = "file:no-chain" #! `vendors.of.checkr.client_certificate` in
client_key = "file:not-pem" #!
[vendors.of.sterling]
client_certificate = "file:not-pem" #! `vendors.of.sterling.client_certificate` in
client_key = "file:not-pem"
[vendors.of.chekr]
rate = "1/s" #! `[vendors.of.chekr]` in
[vendors.of.mine]
rate = "1/s"
"##;

/// A tenants file with what only right settings and right sheets could find wrong, and more.
const TENANTS: &str = r##"
[[tenant]]
account_id = "A"
name = "A"
  [[tenant.connection]]
  name = "sandbox"
  vendor = "sandbox"
  base_url = "http://127.0.0.1:1"
  credentials = { api_key = "env:A", callback_secret = "env:B" }
  [[tenant.connection]]
  name = "mine"
  vendor = "mine"
  base_url = "https://mine.example"
  credentials = { any = "env:A" }
  [[tenant.connection]]
  name = "nobody"
  vendor = "nobody" #! there is no vendor `nobody`
  base_url = "https://nobody.example"
"##;

/// The line and the phrase of every mistake in a file.
fn expected(file: &str) -> Vec<(usize, &str)> {
    let lines = (1..).zip(file.lines());
    let told = lines.flat_map(|(number, line)| {
        let phrases = line.split("#!").skip(1).map(str::trim);
        phrases.map(move |phrase| (number, phrase))
    });
    told.filter(|(_, phrase)| !phrase.is_empty()).collect()
}

/// Expects each mistake with its place, and no other.
#[track_caller]
fn tells(done: &Done, expected: &[(String, &str)]) {
    assert_eq!(done.code, 78, "{done:?}");
    let told: Vec<&str> = done.err.lines().collect();
    for (place, phrase) in expected {
        let is_told = |line: &&str| line.contains(place.as_str()) && line.contains(phrase);
        assert!(told.iter().any(is_told), "{place} {phrase}\n{}", done.err);
    }
    assert_eq!(told.len(), expected.len(), "{}", done.err);
    assert!(!done.err.contains("canary"), "{}", done.err);
}

#[test]
fn no_mistake_hides_another_one_and_none_is_told_that_only_follows_from_it() {
    let program = Program::new();
    fs::create_dir(program.path("sheets")).unwrap();
    program.write(
        "sheets/mine.toml",
        "name = \"mine\"\ntitle = \"Mine\"\nspeed = 1\n",
    );
    program.write("sheets/other.toml", "name = 1\n");
    program.write("not-pem", "neither a certificate nor a key\n");
    program.write("check.toml", SETTINGS);
    program.write("tenants.toml", TENANTS);
    program.set("CLEARGATE__EGRESS__ALLOW_HTTP", "true");
    let arguments = [
        "check",
        "--config",
        "check.toml",
        "--tenants",
        "tenants.toml",
    ];
    let mut done = program.bare(&arguments);
    let sheets = ["sheets/mine.toml", "sheets/other.toml"];
    for sheet in sheets {
        assert!(done.err.contains(sheet), "{}", done.err);
    }
    let others = done.err.lines().filter(|line| !line.starts_with("sheets/"));
    done.err = others.map(|line| format!("{line}\n")).collect();
    let settings = expected(SETTINGS).into_iter();
    let settings = settings.map(|(line, told)| (format!("check.toml, line {line}"), told));
    let tenants = expected(TENANTS).into_iter();
    let tenants = tenants.map(|(line, told)| (format!("tenants.toml:{line}: "), told));
    tells(&done, &settings.chain(tenants).collect::<Vec<_>>());
}

#[test]
fn a_settings_file_that_cannot_be_read_does_not_hide_the_form_of_a_tenants_file() {
    let program = Program::new();
    program.write("check.toml", "[http\n");
    program.write(
        "tenants.toml",
        "[[tenant]]\naccount = \"A\"\naccount_id = \"A\"\nname = \"A\"\n",
    );
    let arguments = [
        "check",
        "--config",
        "check.toml",
        "--tenants",
        "tenants.toml",
    ];
    let told = [
        ("check.toml, line 1".to_owned(), ""),
        ("tenants.toml:2: ".to_owned(), "unknown field `account`"),
    ];
    tells(&program.bare(&arguments), &told);
}

/// Mistakes of form.
const FORM: &str = r##"
[[tenant]] #! missing field `name`
acount_id = "A" #! unknown field `acount_id`
account_id = 7 #! invalid type: integer `7`
when_unavailable = "wait" #! unknown variant `wait`
[tenant.webhook]
ports = [9443, "any", 70000] #! invalid type: string "any" #! invalid value: integer `70000`
update = true #! unknown field `update`
updates = "yes" #! invalid type: string "yes"
[tenant.words.status]
finished = "x" #! `finished` is not a stage
begun = "x" #! `begun` is not a stage
[[tenant.connection]] #! missing field `base_url` #! missing field `vendor`
name = "main"
credentials = { api_key = 5 } #! invalid type: integer `5`
  [[tenant.connection.offer]]
  vendor_id = "a"
  kind = "addon" #! unknown variant `addon`
[[tenants]] #! unknown field `tenants`
account_id = "B"
"##;

#[test]
fn every_mistake_of_form_in_a_tenants_file_is_told_at_once() {
    let program = Program::new();
    program.write("tenants.toml", FORM);
    let told = expected(FORM).into_iter();
    let told = told.map(|(line, told)| (format!("tenants.toml:{line}: "), told));
    let told: Vec<_> = told.collect();
    tells(&program.run(&["check", "--tenants", "tenants.toml"]), &told);
    tells(&program.run(&["tenant", "import", "tenants.toml"]), &told);
}

#[test]
fn an_offer_without_a_kind_is_the_same_as_one_of_either_kind() {
    let program = Program::new();
    let file = |first: &str, second: &str| {
        format!(
            "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\n[[tenant.connection]]\nname = \"main\"\n\
             vendor = \"checkr\"\nbase_url = \"https://api.checkr.com\"\n\
             credentials = {{ api_key = \"env:A\" }}\nsettings = {{ work_location = \"US-CA\" }}\n\
             [[tenant.connection.offer]]\nvendor_id = \"x\"\n{first}\n\
             [[tenant.connection.offer]]\nvendor_id = \"x\"\n{second}\n"
        )
    };
    let (package, add_on) = ("kind = \"package\"", "kind = \"add_on\"");
    for (first, second) in [
        ("", package),
        (package, ""),
        ("", add_on),
        (add_on, add_on),
        ("", ""),
    ] {
        program.write("tenants.toml", &file(first, second));
        let told = "tenants.toml:14: tenant `A`, connection `main`, offer `x`: it stands in the connection twice, first in line 11";
        program.fails(&["check", "--tenants", "tenants.toml"], 78, told);
    }
    program.write("tenants.toml", &file(package, add_on));
    program.done(&["check", "--tenants", "tenants.toml"]);
}
