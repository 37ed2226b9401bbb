//! An order: its story, and what is done about it by hand.

use serde_json::json;

use super::{imported, place, text};
use crate::support::program::{ACCOUNT, until};

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
fn a_key_that_a_command_took_news_in_with_is_asked_for_from_then_on() {
    let cast = imported();
    let name = place(&cast, "1", "Slow");
    let (program, _sandbox, running) = cast;
    running.terminate();
    let old = "CLEARGATE__SECURITY__OLD_KEYS";
    program.set("NEW", program.done(&["key", "new"]).trim());
    let with_new = |is_new: bool| {
        let (key, others) = if is_new {
            ("env:NEW", "env:KEY")
        } else {
            ("env:KEY", "")
        };
        program.set("CLEARGATE__SECURITY__KEY", key);
        program.set(old, others);
    };
    with_new(true);
    program.done(&["order", "show", &name]);
    with_new(false);
    program.done(&["order", "show", &name]);
    with_new(true);
    program.done(&["order", "look", &name, "--now"]);
    with_new(false);
    let told = "give the key the data were sealed with";
    program.fails(&["order", "show", &name], 78, told);
}
