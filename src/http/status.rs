//! Where an order stands and how it got there, for the ATS that placed it: its own words and ours,
//! nothing of how a vendor is called, no reference but its own, no address.

use std::sync::Arc;

use adapters::vocabulary::Millis;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use super::auth::Caller;
use super::error::ApiError;
use crate::app::App;
use crate::app::story::{NextStep, Story, What};
use crate::domain::order::{HistoryRow, Stage, result_word};

/// Where an order stands.
#[derive(Serialize)]
struct Status {
    background_check_id: String,
    tracking_id: String,
    package_id: String,
    add_on_package_ids: Vec<String>,
    stage: Stage,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    waiting_for_a_person: bool,
    placed_at: String,
    /// When the vendor was last asked about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    result_link_url: String,
    history: Vec<Event>,
    webhooks: Vec<Webhook>,
    next: Vec<Next>,
}

/// Something that happened.
#[derive(Serialize)]
struct Event {
    /// RFC 3339, UTC, as all times here.
    at: String,
    kind: String,
    detail: String,
}

/// An update that was to be sent.
#[derive(Serialize)]
struct Webhook {
    webhook_id: String,
    created_at: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct Attempt {
    at: String,
    took_ms: i64,
    outcome: String,
}

/// Something that will happen.
#[derive(Serialize)]
struct Next {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    what: &'static str,
}

/// `GET /v1/orders/{background_check_id}`.
pub(super) async fn order_status(
    State(app): State<Arc<App>>,
    Caller(tenant): Caller,
    Path(background_check_id): Path<String>,
) -> Result<Response, ApiError> {
    let order = app.tenant_order(&tenant.id, &background_check_id).await?;
    let story = app.story(order).await?;
    let link = app.result_link(&story.order);
    Ok(Json(status(story, link)).into_response())
}

fn status(story: Story, result_link_url: String) -> Status {
    let order = story.order;
    let attempts = story.attempts;
    let webhooks = story.deliveries.into_iter().map(|delivery| {
        let own = attempts
            .iter()
            .filter(|attempt| attempt.sequence == delivery.sequence);
        let own = own.map(|attempt| Attempt {
            at: time(attempt.at),
            took_ms: attempt.took_ms,
            outcome: outcome(&attempt.outcome),
        });
        Webhook {
            attempts: own.collect(),
            webhook_id: delivery.webhook_id,
            created_at: time(delivery.created_at),
            state: delivery.state,
            reason: delivery.reason,
        }
    });
    Status {
        webhooks: webhooks.collect(),
        history: story.history.into_iter().filter_map(event).collect(),
        next: story.next.into_iter().map(next).collect(),
        stage: order.stage,
        result: result_word(order.result),
        detail: order.detail,
        waiting_for_a_person: order.waiting.is_some(),
        placed_at: time(order.created_at),
        asked_at: order.looked_at.map(time),
        ended_at: order.ended_at.map(time),
        background_check_id: order.background_check_id,
        tracking_id: order.tracking_id,
        package_id: order.package_id,
        add_on_package_ids: order.add_on_ids,
        result_link_url,
    }
}

/// What its own server did, and which rule its address breaks; how a connection failed may name
/// what is behind us.
fn outcome(told: &str) -> String {
    let is_for_tenants = told.starts_with("answered ") || told.starts_with("address refused: ");
    let told = if is_for_tenants { told } else { "no answer" };
    told.to_owned()
}

/// A line of the history as the ATS may read it. What a line says for operators is kept only where
/// it is made of stages and members of the ATS's own order.
fn event(line: HistoryRow) -> Option<Event> {
    let detail = match line.kind.as_str() {
        "received" => "the order arrived",
        "accepted" => "the order was taken while it was still being placed",
        "moved" | "refused" => &line.detail,
        "not_placed" => "the screening provider could not take it",
        "unconfirmed" => "the screening provider did not confirm that it has the order",
        "found" => "the screening provider has the order",
        "absent" => "the screening provider does not have the order, so it is placed again",
        "failed" => "it could not be placed",
        "waiting" => "it waits for a person",
        "resolved" => "a person has cleared it up",
        "cancel" => "canceling was asked for",
        _ => return None,
    };
    Some(Event {
        at: time(line.at),
        detail: detail.to_owned(),
        kind: line.kind,
    })
}

fn next(step: NextStep) -> Next {
    let what = match step.what {
        What::BeingPlaced | What::Place => "the order is placed at the screening provider",
        What::FindOut => "it is found out whether the screening provider has the order",
        What::Look => "the screening provider is asked how far it is",
        What::BeingDelivered | What::Deliver { .. } => "the webhook is sent",
        What::Decide(_) => "a person clears it up with the screening provider",
    };
    Next {
        at: step.at.map(time),
        what,
    }
}

fn time(at: Millis) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
