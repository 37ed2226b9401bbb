//! What does not load: each mistake is found, with its line, what is wrong and what would be right.

use crate::sheet::{Mistake, load};

const SANDBOX: &str = include_str!("../../../sheets/sandbox.toml");
const CHECKR: &str = include_str!("../../../sheets/checkr.toml");

/// The mistakes in a sheet in which `right` was replaced by `wrong`.
fn spoiled(sheet: &str, right: &str, wrong: &str) -> Vec<Mistake> {
    assert!(sheet.contains(right), "the sheet has no `{right}`");
    load("acme.toml", &sheet.replacen(right, wrong, 1)).expect_err(wrong)
}

/// Checks that the sandbox's sheet with that change has a mistake that says `says`, on the line of
/// the change.
#[track_caller]
fn check(right: &str, wrong: &str, says: &str) {
    check_in(SANDBOX, right, wrong, says);
}

#[track_caller]
fn check_in(sheet: &str, right: &str, wrong: &str, says: &str) {
    let at = sheet.find(right).expect("the sheet has it");
    let line = sheet[..at].matches('\n').count() + 1;
    let lines = line..=line + wrong.matches('\n').count();
    let mistakes = spoiled(sheet, right, wrong);
    let fits = |one: &Mistake| one.to_string().contains(says) && lines.contains(&one.line);
    assert!(
        mistakes.iter().any(fits),
        "line {line}, `{says}`: {mistakes:#?}"
    );
}

#[test]
fn a_mistake_names_file_line_what_is_wrong_and_what_would_be_right() {
    let mistakes = spoiled(SANDBOX, "sandbox = true", "sandbox = \"yes\"");
    let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    let expected = "acme.toml:4: `sandbox` of the sheet is a text; it is true or false";
    assert_eq!(lines, [expected]);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_lines() {
    let text = SANDBOX
        .replace("look_first = \"3s\"", "look_first = \"3\"")
        .replace("title = ", "titel = ")
        .replace("is = \"denied\"", "is = \"dennied\"");
    let mistakes = load("acme.toml", &text).expect_err("three mistakes");
    let wrong: Vec<_> = mistakes.iter().map(|one| one.wrong.as_str()).collect();
    assert_eq!(
        wrong,
        [
            "the sheet has no `title`, but `titel`",
            "`titel` is not a key of the sheet",
            "`3` is not a length of time",
            "`dennied` is not what an answer can be",
        ]
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    check("look_first = \"3s\"", "look_first = 3s", "not TOML");
    check("[errors]", "[errors", "not TOML");
}

#[test]
fn keys_and_words_that_do_not_exist_are_told_with_those_that_do() {
    check(
        "query = { reference",
        "qeury = { reference",
        "`qeury` is not a key of a step of",
    );
    check(
        "effect = \"once\"",
        "effect = \"twice\"",
        "\"harmless\", \"once\" or",
    );
    check(
        "statuses = { invited",
        "statuses = { seen = \"looked\", invited",
        "`looked` is nothing",
    );
    check(
        "invited = \"invited\"",
        "invited = \"invited\", In-Vited = \"failed\"",
        "stands twice",
    );
    check(
        "results = { pass",
        "results = { odd = \"canceled\", pass",
        "pass, review or fail",
    );
    check(
        "ambiguity = \"look_up_then_repeat\"",
        "ambiguity = \"retry\"",
        "\"look_up\", \"person\"",
    );
    check(
        "\"a-z0-9\", length = 24",
        "\"0-9\", length = 10",
        "meet by chance",
    );
    check(
        "field = \".error.field\"",
        "fields = { who = \"applicant.nmae\" }",
        "`applicant.nmae`",
    );
    check_in(
        CHECKR,
        "form = [\"ignore\", \"use\"]",
        "form = \"words\"",
        "no known `form`",
    );
    check_in(
        CHECKR,
        "default = \"ignore\"",
        "default = \"maybe\"",
        "no value of its form",
    );
}

#[test]
fn requests_are_methods_paths_and_declared_effects() {
    check(
        "request = \"POST /orders\"",
        "request = \"SEND /orders\"",
        "is not a request",
    );
    check(
        "\"GET /orders/{theirs}\"",
        "\"GET /orders?id={theirs}\"",
        "parameters stand in `query`",
    );
    check(
        "\"GET /orders/{theirs}\"",
        "\"GET orders/{theirs}\"",
        "is not a request",
    );
    check(
        "[[cancel]]\n",
        "[[cancel]]\njson = { a = 1.5 }\n",
        "a number with a fraction",
    );
    check(
        "request = \"GET /account\"",
        "request = \"GET /account\"\njson = {}",
        "a GET has a body",
    );
    let mistakes = spoiled(SANDBOX, "effect = \"once\"\n", "");
    assert_eq!(mistakes[0].wrong, "a step of `cancel` has no `effect`");
}

#[test]
fn expressions_say_only_what_can_be_there() {
    check(
        "\"{ours}\"\npackage",
        "\"{ours\"\npackage",
        "`{` is not closed",
    );
    check(
        "{applicant.phone?}",
        "{applicant.telephone?}",
        "nothing that can be named",
    );
    check(
        "{applicant.phone?}",
        "{applicant.phone? | phonetic}",
        "is not a function (lower,",
    );
    check(
        "GET /orders/{theirs}",
        "GET /orders/{ours}",
        "no order is seen here",
    );
    check(
        "GET /orders/{theirs}",
        "GET /orders/{secret.api_key}",
        "a secret may stand only",
    );
    check(
        "{ reference = \"{ours}\" }",
        "{ reference = \"{applicant.email}\" }",
        "nothing personal",
    );
    check(
        "reference = \"{ours}\"\n",
        "reference = \"{.id}\"\n",
        "no answer here yet",
    );
    check(
        "request = \"GET /packages\"",
        "request = \"GET /packages\"\nsuccess = \"{.packages}\"",
        "without braces",
    );
    check(
        "request = \"GET /packages\"",
        "request = \"GET /packages\"\nsuccess = { status = 200 }",
        "looks at nothing",
    );
    check(
        "in = \".packages\"",
        "in = \".[*].sets[*].packages\"",
        "several places",
    );
    check("\".error.field\"", "\".error..field\"", "an empty part");
    check("{said}\" }", "{ours}\" }", "no order is seen here");
    check(
        "GET /orders/{theirs}",
        "GET /orders/{memo.order}",
        "`memo.order` is never kept",
    );
}

#[test]
fn a_field_is_used_or_dropped_and_never_both() {
    let mistakes = spoiled(SANDBOX, "phone = \"{applicant.phone?}\"\n", "");
    assert_eq!(
        mistakes[0].wrong,
        "`applicant.phone` is neither used nor dropped"
    );
    let title = "title = \"Sandbox\"\n";
    for (dropped, told) in [
        ("job.id", "`job.id` is dropped and used"),
        (
            "hiring_manager",
            "`hiring_manager.email` is dropped and used",
        ),
        ("shoe", "`shoe` is not a field"),
        ("order", "`order` is not a field"),
    ] {
        let and_dropped = format!("{title}dropped = [\"{dropped}\"]\n");
        check(title, &and_dropped, told);
    }
    let without = SANDBOX.replace("add_ons = \"{order.add_ons}\"\n", "");
    let dropped = format!("{title}dropped = [\"order.add_ons\"]\n");
    let mistakes = spoiled(&without, title, &dropped);
    assert!(
        mistakes[0]
            .wrong
            .ends_with("something else would be ordered")
    );
}

#[test]
fn settings_and_secrets_are_declared_and_used() {
    check(
        "Bearer {secret.api_key}",
        "Bearer {secret.key}",
        "`secret.key` is not one of",
    );
    check(
        "[\"api_key\", ",
        "[\"api_key\", \"spare\", ",
        "`spare` of `credentials` is never used",
    );
    check_in(
        CHECKR,
        "{settings.node?}",
        "{settings.nod?}",
        "`settings.nod` is not one of",
    );
    check(
        "Authorization: Bearer {secret.api_key}",
        "X: {ours}",
        "no order is seen here",
    );
}

#[test]
fn steps_lead_forward_to_an_end() {
    let led_to = "errors = [{ status = 409, says = \"Duplicate\", step = \"known_candidate\" }]\n";
    let mistakes = spoiled(CHECKR, led_to, "");
    assert!(
        mistakes[0]
            .wrong
            .contains("`known_candidate` is never reached"),
        "{mistakes:?}"
    );
    let circle = "next = \"candidate\"\n\n# A family";
    let mistakes = spoiled(CHECKR, "next = \"invitation\"\n\n# A family", circle);
    assert!(
        mistakes
            .iter()
            .any(|one| one.wrong.contains("leads back to itself")),
        "{mistakes:?}"
    );
    let nowhere = "next = \"invite\"\n\n# A family";
    let mistakes = spoiled(CHECKR, "next = \"invitation\"\n\n# A family", nowhere);
    assert!(
        mistakes
            .iter()
            .any(|one| one.wrong.contains("which is no step")),
        "{mistakes:?}"
    );
}

#[test]
fn a_lost_order_can_be_resolved() {
    let mistakes = spoiled(
        SANDBOX,
        "reference = \"{ours}\"\n",
        "reference = \"fixed\"\n",
    );
    assert!(mistakes[0].wrong.contains("does not send our reference"));
    let mistakes = spoiled(SANDBOX, "headers = { Idempotency-Key = \"{key}\" }\n", "");
    assert!(
        mistakes[0]
            .wrong
            .contains("is repeatable and sends no `{key}`")
    );
    let from = SANDBOX.find("[[look_up]]").expect("it has one");
    let to = SANDBOX.find("[[cancel]]").expect("it has one");
    let without = SANDBOX.replace(&SANDBOX[from..to], "");
    let mistakes = load("acme.toml", &without).expect_err("no look-up");
    assert!(
        mistakes[0].wrong.contains("there is no `[[look_up]]`"),
        "{mistakes:?}"
    );
}

#[test]
fn a_callback_says_how_it_is_proved_and_which_order_it_names() {
    check(
        "proof = { hmac_timestamped",
        "proof = { hmac",
        "this is not a proof",
    );
    let mistakes = spoiled(SANDBOX, "proof = {", "# proof = {");
    assert!(
        mistakes
            .iter()
            .any(|one| one.wrong.ends_with("has no `proof`")),
        "{mistakes:?}"
    );
    check("then = \"apply\"", "then = \"trust\"", "`then` is `trust`");
    check(
        "accepted = { status = 200",
        "accepted = { status = 500",
        "accepted with 500",
    );
    check(
        "\"callback_secret\", tolerance",
        "\"other\", tolerance",
        "`secret.other` is not one of",
    );
}

#[test]
fn no_word_or_rule_passes_anybody_by_accident() {
    for word in [
        "canceled",
        "partial_clear",
        "error",
        "Unknown",
        "PEND-ING",
        "no hits",
        "incomplete",
        "not passed",
        "\"\"",
        "consider",
    ] {
        let key = if word.starts_with('"') {
            word.to_owned()
        } else {
            format!("\"{word}\"")
        };
        let wrong = format!("results = {{ {key} = \"pass\", pass");
        check("results = { pass", &wrong, "would pass somebody");
    }
    check(
        "failed = \"failed\" }",
        "failed = \"pass\" }",
        "would pass somebody",
    );
    check(
        "without_result = \"not_ready\"",
        "without_result = \"pass\"",
        "`without_result` is `pass`",
    );
    let mistakes = spoiled(SANDBOX, "without_result = \"not_ready\"\n", "");
    assert!(
        mistakes[0]
            .wrong
            .contains("does not say what complete without a result is")
    );
    check(
        "result = \".result\"\n",
        "result = \".result\"\ndefault = \"pass\"\n",
        "not a key",
    );
    let rule = |when: &str| {
        format!("rules = [{{ when = {{ {when} }}, is = \"pass\" }}]\nstatus = \".status\"")
    };
    let says = "would pass somebody without a word that says so";
    for when in [
        "\".flag\" = { present = false }",
        "\".result\" = { not = \"fail\" }",
        "\".result\" = { contains = \"clear\" }",
        "\".result\" = [\"clear\", \"canceled\"]",
        "\"status\" = 200",
        // The status alone, and tests beside it that other words fit too.
        "\".status\" = \"complete\"",
        "\".status | lower\" = \"complete\"",
        "\".status or .state\" = \"complete\"",
        "\".status\" = \"complete\", \".result\" = { not = \"fail\" }",
        "\".status\" = \"complete\", \".result\" = { contains = \"clear\" }",
        "\".status\" = \"complete\", \".result\" = { starts = \"clear\" }",
        "\".status\" = \"complete\", \".result\" = { present = true }",
        "\".status\" = \"complete\", \".parts[*].result\" = { every = { not = \"fail\" } }",
        "\".status\" = \"complete\", \".parts[*].result\" = { every = \"canceled\" }",
        "\".status\" = \"complete\", \".parts[*].result\" = { not = { every = \"fail\" } }",
        "\".status\" = \"complete\", \".result | map 'fail' 'clear'\" = \"clear\"",
        "\".result\" = \"clear\", \".status\" = { not = \"open\" }",
    ] {
        let mistakes = spoiled(SANDBOX, "status = \".status\"", &rule(when));
        assert!(
            mistakes.iter().any(|one| one.wrong.contains(says)),
            "{when}: {mistakes:?}"
        );
    }
    for when in [
        "\".result\" = [\"clear\", \"clean\"]",
        "\".status\" = \"complete\", \".result | lower\" = \"clear\"",
        "\".status\" = \"complete\", \".parts[*].result\" = { every = \"clear\" }",
    ] {
        let sheet = SANDBOX.replacen("status = \".status\"", &rule(when), 1);
        assert!(load("acme.toml", &sheet).is_ok(), "{when}");
    }
}
