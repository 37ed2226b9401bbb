//! `cleargate check` tells every mistake at once, each with where it stands, and holds nothing against
//! anybody that only follows from another mistake.

use crate::support::program::{Done, Program};

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
