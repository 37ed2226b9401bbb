//! Webhooks, one for each type of event (Yardstik, section 6).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Yardstik, account, refusal};
use crate::callback::hmac_sha256_hex;
use crate::simulator::outbox::Schedule;
use crate::simulator::{Outgoing, Response, wire};
use crate::vocabulary::Millis;

/// Unverified: that a failure is tried again is documented, how often is not.
pub(super) const RETRIES: Schedule = &[(3, Duration::from_mins(5))];

/// The types there are; a type's id is its number.
const TYPES: [&str; 6] = [
    "account.updated",
    "candidate.created",
    "report.created",
    "report.updated",
    "report.submitted",
    "report.completed",
];

/// Where one type of event goes.
pub(super) struct Webhook {
    id: String,
    url: String,
    kind: &'static str,
    enabled: bool,
}

impl Webhook {
    fn shown(&self) -> Value {
        json!({
            "id": self.id, "url": self.url, "enabled": self.enabled,
            "webhook_type": {"id": type_id(self.kind), "name": self.kind},
        })
    }
}

fn type_id(kind: &str) -> String {
    let number = TYPES.iter().position(|known| *known == kind);
    format!("wht-{}", number.unwrap_or_default())
}

pub(super) fn list_types() -> Response {
    let types = TYPES.iter();
    let shown: Vec<Value> = types
        .map(|kind| json!({"id": type_id(kind), "name": kind}))
        .collect();
    Response::json(200, &shown.into())
}

impl Yardstik {
    pub(super) fn register_all(&mut self, url: &str) {
        self.webhooks.clear();
        for kind in TYPES {
            self.register(url, kind);
        }
    }

    fn register(&mut self, url: &str, kind: &'static str) {
        let webhook = Webhook {
            id: self.next_id("3b00c7d4"),
            url: url.to_owned(),
            kind,
            enabled: true,
        };
        self.webhooks.push(webhook);
    }

    pub(super) fn create_webhook(&mut self, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let wanted = text("webhook_type_id");
        let kind = TYPES.iter().find(|kind| type_id(kind) == wanted);
        let kind = kind.ok_or_else(|| refusal(422, "webhook_type_id is invalid"))?;
        if !text("url").starts_with("http") {
            return Err(refusal(422, "url is invalid"));
        }
        self.register(text("url"), kind);
        let webhook = &self.webhooks[self.webhooks.len() - 1];
        Ok(Response::json(201, &webhook.shown()))
    }

    /// A bare array.
    pub(super) fn list_webhooks(&self) -> Response {
        let shown: Vec<Value> = self.webhooks.iter().map(Webhook::shown).collect();
        Response::json(200, &shown.into())
    }

    pub(super) fn show_webhook(&self, id: &str) -> Answer {
        let found = self.webhooks.iter().find(|known| known.id == id);
        let webhook = found.ok_or_else(|| refusal(404, "Not found"))?;
        Ok(Response::json(200, &webhook.shown()))
    }

    pub(super) fn change_webhook(&mut self, id: &str, body: &Value) -> Answer {
        let found = self.webhooks.iter_mut().find(|known| known.id == id);
        let webhook = found.ok_or_else(|| refusal(404, "Not found"))?;
        if let Some(enabled) = body["enabled"].as_bool() {
            webhook.enabled = enabled;
        }
        if let Some(url) = body["url"].as_str() {
            webhook.url = url.to_owned();
        }
        Ok(Response::json(200, &webhook.shown()))
    }

    pub(super) fn announce_report(&mut self, index: usize, verb: &str, at: Millis) {
        let report = &self.reports[index];
        let external_id = report.external_id(&self.candidates).to_owned();
        let event = json!({
            "resource_id": report.id,
            "resource_type": "report",
            "resource_url": format!("https://api.yardstik.com/reports/{}", report.id),
            "status": report.status,
        });
        self.announce(&format!("report.{verb}"), event, &external_id, at);
    }

    pub(super) fn announce_candidate(&mut self, index: usize, at: Millis) {
        let candidate = &self.candidates[index];
        let external_id = candidate.text("external_id").to_owned();
        let event = json!({
            "resource_id": candidate.id,
            "resource_type": "candidate",
            "resource_url": format!("https://api.yardstik.com/candidates/{}", candidate.id),
        });
        self.announce("candidate.created", event, &external_id, at);
    }

    /// Sends an event to the webhooks of its type. `event` is its verb alone.
    fn announce(&mut self, kind: &str, mut event: Value, external_id: &str, at: Millis) {
        let (_, verb) = kind.split_once('.').unwrap_or_default();
        event["id"] = json!(self.next_id("1c9c9a51"));
        event["event"] = json!(verb);
        event["account_id"] = json!(account::ID);
        event["account_name"] = json!(account::NAME);
        event["timestamp"] = json!(wire::iso8601(at));
        if self.account.echoes_external_id && !external_id.is_empty() {
            event["external_id"] = json!(external_id);
        }
        let body = event.to_string().into_bytes();
        let wanted = self.webhooks.iter().filter(|webhook| webhook.enabled);
        let wanted = wanted.filter(|webhook| webhook.kind == kind);
        let urls: Vec<String> = wanted.map(|webhook| webhook.url.clone()).collect();
        for url in urls {
            self.outbox.hold(&url, &body, at, &mut self.faults);
        }
    }

    pub(super) fn send_webhooks(&mut self, now: Millis) -> Vec<Outgoing> {
        let key = self.account.webhook_signature.as_deref();
        self.outbox.due(now, &|body, _| {
            let signature = key.map(|key| hmac_sha256_hex(key.as_bytes(), &[body]));
            let header = "x-yardstik-webhook-signature".to_owned();
            signature.map(|hex| (header, hex)).into_iter().collect()
        })
    }
}
