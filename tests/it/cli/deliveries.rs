//! Webhooks that were given up.

use serde_json::{Value, json};

use super::{imported, place, text};
use crate::support::program::{Program, Running, Sandbox, until};

/// Places an order whose ATS wants no more webhooks: its name for commands, and the listing of what
/// was given up.
fn given_up(cast: &(Program, Sandbox, Running)) -> (String, Value) {
    let (program, sandbox, _) = cast;
    sandbox.answer_webhooks(&json!({"path": "/hooks", "times": 1, "status": 410}));
    let name = place(cast, "1", "Doe");
    let dead = until("the webhook is given up", || {
        let dead = program.json(&["delivery", "list"]);
        (dead != json!([])).then_some(dead)
    });
    (name, dead)
}

#[test]
fn a_webhook_that_was_given_up_is_listed_and_sent_again() {
    let cast = imported();
    let program = &cast.0;
    let (name, dead) = given_up(&cast);
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
    let program = &cast.0;
    let (name, dead) = given_up(&cast);
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
