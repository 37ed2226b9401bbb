//! What must hold after every death, whatever happened before it. Each sentence below is a promise
//! of ARCHITECTURE.md; what it is checked against survived the death: the vendor's orders, the
//! webhooks the ATS has received, what callers were answered, and the tables.

use std::collections::HashMap;

use cleargate::app::story::Story;
use cleargate::domain::order::{Stage, result_word};
use cleargate::sandbox::Received;
use serde_json::Value;

use super::trial::Trial;

/// Checks a trial that is over. `duplicates`: how many webhooks may have arrived a second time,
/// which is how many attempts were under way at a death.
pub(crate) async fn check(trial: &Trial, duplicates: usize) {
    let mut stories = Vec::new();
    for order in trial.orders().await {
        stories.extend(trial.story(&order.background_check_id).await);
    }
    the_vendor_has_each_order_once_and_none_that_we_call_failed(trial, &stories);
    for story in &stories {
        what_the_ats_was_answered_is_true(trial, story);
        every_end_was_told_once(trial, story);
        what_was_applied_was_applied_once(trial, story);
        webhooks_came_one_at_a_time_in_their_order(trial, story);
    }
    an_answer_2xx_had_its_row(trial, &stories);
    no_callback_is_left(trial).await;
    repeats_are_the_same_bytes_and_few(trial, duplicates);
}

fn at_the_vendor(trial: &Trial, story: &Story) -> usize {
    let orders = trial.vendor.orders();
    orders
        .iter()
        .filter(|held| held.reference == story.order.our_ref.0)
        .count()
}

/// Never more than one order at the vendor for one of ours, nor one that no order of ours stands
/// for, nor one that was reported failed.
fn the_vendor_has_each_order_once_and_none_that_we_call_failed(trial: &Trial, stories: &[Story]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for held in trial.vendor.orders() {
        *counts.entry(held.reference.clone()).or_default() += 1;
        let ours = stories
            .iter()
            .find(|story| story.order.our_ref.0 == held.reference);
        let Some(story) = ours else {
            panic!(
                "{}: the vendor has an order {held:?} that no order of ours stands for",
                trial.name
            );
        };
        assert!(
            !matches!(story.order.stage, Stage::Failed | Stage::Refused),
            "{}: an order was ended as {} and the vendor has it: {story:#?}",
            trial.name,
            story.order.stage.as_str()
        );
    }
    assert!(
        counts.values().all(|count| *count == 1),
        "{}: an order was placed more than once: {counts:?}",
        trial.name
    );
}

/// Answered 201: at the vendor, or ended with a webhook, or with a person. Else: at the vendor and
/// known to be, or ended without a webhook, or with a person.
fn what_the_ats_was_answered_is_true(trial: &Trial, story: &Story) {
    let order = &story.order;
    let accepted = was_answered(trial, &order.background_check_id, 201);
    let placed = at_the_vendor(trial, story) == 1 && order.accepted && order.their_ref.is_some();
    let ended = matches!(order.stage, Stage::Failed | Stage::Refused);
    let told = !webhooks(trial, &order.background_check_id).is_empty();
    let with_a_person = order.waiting.is_some();
    assert!(
        placed || with_a_person || (ended && told == accepted),
        "{}: answered 201: {accepted}, webhook: {told}, but the order is {story:#?}",
        trial.name
    );
    assert!(
        !accepted || order.accepted,
        "{}: 201 was answered before it was committed: {story:#?}",
        trial.name
    );
}

/// Every end of an order that somebody was answered 201 for arrives, once, with the result that the
/// vendor gave; and nothing else does.
fn every_end_was_told_once(trial: &Trial, story: &Story) {
    let order = &story.order;
    let bodies: HashMap<String, Value> = webhooks(trial, &order.background_check_id)
        .iter()
        .map(|it| (webhook_id(it), serde_json::from_slice(&it.body).unwrap()))
        .collect();
    let ends: Vec<&Value> = bodies
        .values()
        .filter(|body| body["status"] != "in_progress" && body["status"] != "invited")
        .collect();
    let wanted = usize::from(order.accepted && order.stage.is_terminal());
    assert_eq!(
        ends.len(),
        wanted,
        "{}: the ends the ATS has heard of: {ends:?}; the order is {story:#?}",
        trial.name
    );
    let passed = trial
        .vendor
        .orders()
        .iter()
        .any(|held| held.reference == order.our_ref.0 && says_pass(held.result.as_deref()));
    for end in ends {
        assert_eq!(
            end["result"].as_str().unwrap().to_lowercase(),
            result_word(order.result).replace("none", ""),
            "{}: the ATS has heard of another result",
            trial.name
        );
        assert!(
            end["result"] != "Pass" || passed,
            "{}: a Pass that the vendor did not give: {story:#?}",
            trial.name
        );
    }
}

fn says_pass(result: Option<&str>) -> bool {
    matches!(result, Some("pass" | "clear"))
}

/// No callback, look or answer moves an order to the same place twice.
fn what_was_applied_was_applied_once(trial: &Trial, story: &Story) {
    let mut moves: Vec<&str> = story
        .history
        .iter()
        .filter(|line| line.kind == "moved")
        .map(|line| line.detail.split(", by").next().unwrap_or_default())
        .collect();
    let all = moves.len();
    moves.sort_unstable();
    moves.dedup();
    assert_eq!(
        moves.len(),
        all,
        "{}: a move was made twice: {story:#?}",
        trial.name
    );
}

/// First arrivals come in the order's own sequence, and no attempt overlaps another.
fn webhooks_came_one_at_a_time_in_their_order(trial: &Trial, story: &Story) {
    let arrived = webhooks(trial, &story.order.background_check_id);
    assert!(
        arrived.iter().all(|it| !it.overlapped),
        "{}: two attempts at once",
        trial.name
    );
    let sequence = |id: &str| {
        let row = story.deliveries.iter().find(|row| row.webhook_id == id);
        row.unwrap_or_else(|| panic!("{}: webhook {id} has no row: {story:#?}", trial.name))
            .sequence
    };
    let mut first_arrivals: Vec<i64> = Vec::new();
    for it in &arrived {
        let number = sequence(&webhook_id(it));
        if !first_arrivals.contains(&number) {
            first_arrivals.push(number);
        }
    }
    assert!(
        first_arrivals.is_sorted(),
        "{}: webhooks came as {first_arrivals:?}",
        trial.name
    );
    let settled = ["delivered", "dead", "superseded"];
    assert!(
        story
            .deliveries
            .iter()
            .all(|row| settled.contains(&row.state.as_str())),
        "{}: something is left to tell: {story:#?}",
        trial.name
    );
}

/// Whoever was answered 2xx has a row.
fn an_answer_2xx_had_its_row(trial: &Trial, stories: &[Story]) {
    for told in trial.told() {
        assert!(
            told.status != Some(201)
                || stories
                    .iter()
                    .any(|story| story.order.background_check_id == told.background_check_id),
            "{}: {told:?} has no row",
            trial.name
        );
    }
}

/// What was taken in was settled, each callback at most once among equals.
async fn no_callback_is_left(trial: &Trial) {
    for state in ["new", "parked"] {
        let left = trial.app.store.callbacks_in(state, 100).await.unwrap();
        let left: Vec<_> = left.iter().map(|it| (&it.id, &it.reason)).collect();
        assert!(
            left.is_empty(),
            "{}: {state} callbacks are left: {left:?}",
            trial.name
        );
    }
}

/// A webhook that comes again has its id and its bytes, and comes again only because a process died
/// between an attempt and its record.
fn repeats_are_the_same_bytes_and_few(trial: &Trial, allowed: usize) {
    let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
    let mut repeats = 0;
    for it in trial.ats.received() {
        match bodies.get(&webhook_id(&it)) {
            None => {
                bodies.insert(webhook_id(&it), it.body);
            }
            Some(body) => {
                repeats += 1;
                assert_eq!(*body, it.body, "{}: other bytes under one id", trial.name);
            }
        }
    }
    assert!(
        repeats <= allowed,
        "{}: {repeats} webhooks came twice, {allowed} may",
        trial.name
    );
}

fn was_answered(trial: &Trial, background_check_id: &str, status: u16) -> bool {
    trial
        .told()
        .iter()
        .any(|it| it.background_check_id == background_check_id && it.status == Some(status))
}

/// The webhooks of an order, as they arrived.
pub(crate) fn webhooks(trial: &Trial, background_check_id: &str) -> Vec<Received> {
    let path = format!("/hooks/{background_check_id}");
    let mut received = trial.ats.received();
    received.retain(|it| it.path() == path);
    received
}

/// The id that a webhook keeps over all its attempts.
pub(crate) fn webhook_id(received: &Received) -> String {
    received.header("webhook-id").unwrap().to_owned()
}
