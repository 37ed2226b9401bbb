//! The commands of the real program: what they print, what they change in a gateway that serves
//! beside them, and how they fail.

use std::fs;

use serde_json::{Value, json};

use crate::support::program::{ACCOUNT, Program, Running, Sandbox, entries, until};

/// A program that serves, with a sandbox whose tenant was imported.
fn imported() -> (Program, Sandbox, Running) {
    let program = Program::new();
    let sandbox = program.sandbox();
    let running = program.serve();
    program.done(&["tenant", "import", "sandbox-import.toml"]);
    until("the tenant is known", || {
        let (status, _) = running.ask("GET", "/v1/packages", &program.api_secret(), None);
        (status == 200).then_some(())
    });
    (program, sandbox, running)
}

/// Places an order; its internal way of being named by commands.
fn place(
    (program, sandbox, running): &(Program, Sandbox, Running),
    id: &str,
    last_name: &str,
) -> String {
    let order = sandbox.order(id, last_name);
    let (status, body) = running.ask("POST", "/v1/orders", &program.api_secret(), Some(&order));
    assert_eq!(status, 201, "{body}");
    format!("{ACCOUNT}/{id}")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}

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
fn a_wrong_command_line_is_64_and_help_is_not_an_error() {
    let program = Program::new();
    program.fails(&["nope"], 64, "nope");
    program.fails(
        &["sandbox", "--vendor", "nope"],
        64,
        "one of sandbox, checkr",
    );
    program.fails(
        &["tenant", "rotate", "A", "--overlap", "5"],
        64,
        "needs a unit",
    );
    program.fails(
        &["order", "resolve", "ord_1", "--not-placed"],
        64,
        "--place-again",
    );
    assert!(program.done(&["--help"]).contains("serve"));
}

#[test]
fn check_tells_every_mistake_of_settings_sheets_and_tenants_on_a_line_of_its_own() {
    let program = Program::new();
    assert_eq!(program.done(&["check"]), "ok\n");
    program.write("bad.toml", "[http]\nbody_limit = 1\nheader_timeout = 1\n");
    let done = program.bare(&["check", "--config", "bad.toml"]);
    assert_eq!((done.code, done.err.lines().count()), (78, 2), "{done:?}");
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
    serve("`env:MISSING` refers to a variable that is not set, or holds no text (`security.key`)");
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

#[test]
fn an_orders_story_is_shown_under_all_its_names_and_without_the_applicant() {
    let cast = imported();
    let program = &cast.0;
    let name = place(&cast, "1", "Canary");
    let story = until("the webhook is delivered", || {
        let story = program.json(&["order", "show", &name]);
        (story["deliveries"][0]["state"] == "delivered").then_some(story)
    });
    assert_eq!(
        (text(&story, "stage"), text(&story, "result")),
        ("complete", "pass")
    );
    assert_eq!(story["holds_applicant_data"], false);
    assert_eq!(
        story["contact_counts"],
        json!({"callback": 2}),
        "{}",
        story["contacts"]
    );
    assert_eq!(text(&story["calls"][0], "effect"), "repeatable");
    assert!(story["calls"][0]["took_ms"].is_u64(), "{}", story["calls"]);
    assert_eq!(story["next"], json!([]));
    assert_eq!(
        story["deliveries"][0]["attempts"][0]["outcome"],
        "answered 200"
    );
    for other in [text(&story, "id"), text(&story, "tracking_id")] {
        assert_eq!(program.json(&["order", "show", other]), story);
    }
    let told = program.done(&["order", "show", &name]);
    assert!(
        told.contains("in_progress to complete (pass), by a callback"),
        "{told}"
    );
    for section in [
        "\nhistory\n",
        "\ncalls that placed it\n",
        "\ncallbacks\n",
        "\nwebhooks to the ATS\n",
    ] {
        assert!(told.contains(section), "{section}: {told}");
    }
    assert!(told.contains("applied: complete (pass)"), "{told}");
    assert!(!told.contains("Canary") && !story.to_string().contains("Canary"));
    program.fails(&["order", "show", "ord_0"], 1, "there is no order `ord_0`");
    program.fails(
        &["order", "resolve", &name, "--not-placed", "--end"],
        1,
        "is complete",
    );
    assert_eq!(program.json(&["order", "waiting"]), json!([]));
    let applied = program.json(&["callback", "list", "--state", "settled"]);
    assert_eq!(applied[0]["reason"], "applied", "{applied}");
    program.fails(
        &["callback", "retry", "cbk_0"],
        1,
        "no parked callback `cbk_0`",
    );
}

#[test]
fn an_order_is_looked_at_and_canceled_from_the_command_line_and_that_is_written_down() {
    let cast = imported();
    let program = &cast.0;
    let name = place(&cast, "1", "Slow");
    let story = program.json(&["order", "show", &name]);
    let id = text(&story, "id");
    let told = program.done(&["order", "look", &name]);
    assert!(told.contains("the serving process looks"), "{told}");
    let told = program.done(&["order", "look", &name, "--now"]);
    assert!(told.contains(" is in"), "invited or in progress: {told}");
    let told = program.done(&["order", "cancel", &name]);
    assert!(told.contains("is canceled"), "{told}");
    program.fails(&["order", "cancel", &name], 1, "ended already");
    let done = [
        ("tenant import", ACCOUNT),
        ("order look", id),
        ("order look", id),
        ("order cancel", id),
    ];
    assert_eq!(
        program.audited(),
        done.map(|(what, target)| (what.into(), target.into()))
    );
}

#[test]
fn a_webhook_that_was_given_up_is_listed_and_sent_again() {
    let cast = imported();
    let (program, sandbox, _) = &cast;
    sandbox.answer_webhooks(&json!({"path": "/hooks", "times": 1, "status": 410}));
    let name = place(&cast, "1", "Doe");
    let dead = until("the webhook is given up", || {
        let dead = program.json(&["delivery", "list"]);
        (dead != json!([])).then_some(dead)
    });
    assert_eq!(
        (text(&dead[0], "state"), text(&dead[0], "reason")),
        ("dead", "gone")
    );
    program.done(&["delivery", "redeliver", &name]);
    until("the webhook is delivered", || {
        let delivered = program.json(&["delivery", "list", "--state", "delivered"]);
        (delivered != json!([])).then_some(())
    });
    program.fails(
        &["delivery", "redeliver", &name],
        1,
        "nothing to send again",
    );
    program.fails(
        &["delivery", "discard", &name],
        1,
        "there is nothing to discard",
    );
    assert_eq!(
        program.done(&["delivery", "redeliver", "--all"]),
        "0 webhooks are sent again\n"
    );
}

#[test]
fn a_webhook_that_was_given_up_is_discarded_for_good_and_that_is_written_down() {
    let cast = imported();
    let (program, sandbox, _) = &cast;
    sandbox.answer_webhooks(&json!({"path": "/hooks", "times": 1, "status": 410}));
    let name = place(&cast, "1", "Doe");
    let dead = until("the webhook is given up", || {
        let dead = program.json(&["delivery", "list"]);
        (dead != json!([])).then_some(dead)
    });
    let note = "the account was closed";
    let told = program.done(&["delivery", "discard", &name, "--note", note]);
    assert!(told.contains("is never sent (webhooks: 1)"), "{told}");
    assert_eq!(program.json(&["delivery", "list"]), json!([]));
    let discarded = program.json(&["delivery", "list", "--state", "discarded"]);
    assert_eq!(discarded[0]["webhook_id"], dead[0]["webhook_id"]);
    program.fails(
        &["delivery", "redeliver", &name],
        1,
        "nothing to send again",
    );
    let audited = program.audited();
    let order = text(&dead[0], "order_id").to_owned();
    assert_eq!(
        audited.last(),
        Some(&("delivery discard".to_owned(), order))
    );
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

/// The commands at the ends of all paths, as the help tells them.
fn commands(program: &Program, path: &[String]) -> Vec<Vec<String>> {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = program.done(&arguments);
    let Some((_, below)) = help.split_once("\nCommands:\n") else {
        return vec![path.to_vec()];
    };
    let below = below.lines().take_while(|line| line.starts_with("  "));
    let names = below.filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    let paths = names.filter(|name| *name != "help").map(|name| {
        let name = name.to_owned();
        path.iter().cloned().chain([name]).collect::<Vec<_>>()
    });
    paths.flat_map(|path| commands(program, &path)).collect()
}

#[test]
fn every_listing_prints_a_list_of_json_and_every_help_fits_a_terminal() {
    let (program, _sandbox, _running) = imported();
    let commands = commands(&program, &[]);
    assert!(commands.len() > 20, "{commands:?}");
    let mut listings = 0;
    for path in commands {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = program.done(&[&path[..], &["--help"]].concat());
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{path:?}: {line}");
        }
        if matches!(path.last(), Some(&("list" | "waiting"))) {
            assert!(program.json(&path).is_array(), "{path:?}");
            let columns = program.done(&path);
            assert!(
                columns
                    .lines()
                    .next()
                    .is_some_and(|line| line == line.to_uppercase())
            );
            listings += 1;
        }
    }
    assert_eq!(listings, 6);
}

#[test]
fn parked_callbacks_are_listed_and_tried_again_one_or_all() {
    let (program, _sandbox, running) = imported();
    let shown = program.json(&["connection", "show", ACCOUNT, "main"]);
    let url = text(&shown, "callback_url").to_owned();
    let parked = |number: usize| {
        until("the callbacks are parked", || {
            let parked = program.json(&["callback", "list"]);
            (parked.as_array().unwrap().len() == number).then_some(parked)
        })
    };
    for number in ["1", "2"] {
        let body = format!("{{\"event\":\"e\",\"order\":{{\"id\":\"sbx_nobodys_{number}\"}}}}");
        running.call_back(&url, &program.callback_secret(), &body);
    }
    let found = parked(2);
    let id = text(&found[0], "id").to_owned();
    let told = program.done(&["callback", "retry", &id]);
    assert_eq!(told, "the serving process applies 1 callbacks again\n");
    parked(2);
    let told = program.done(&["callback", "retry", "--all"]);
    assert_eq!(told, "the serving process applies 2 callbacks again\n");
    parked(2);
    let audited = program.audited();
    let retried = audited.iter().filter(|(what, _)| what == "callback retry");
    assert_eq!(
        retried
            .map(|(_, target)| target.as_str())
            .collect::<Vec<_>>(),
        [&id, "all"]
    );
}
