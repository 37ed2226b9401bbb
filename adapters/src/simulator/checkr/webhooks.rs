//! Events to the account's webhook (Checkr, section 6).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Checkr, account, iso8601};
use crate::callback::hmac_sha256_hex;
use crate::simulator::Outgoing;
use crate::simulator::outbox::Schedule;
use crate::vocabulary::Millis;

/// Every minute for ten minutes, then hourly for a day, then dropped.
pub(super) const RETRIES: Schedule = &[(10, Duration::from_mins(1)), (24, Duration::from_hours(1))];

/// How an account has its events sent. Dropped and doubled events are faults of the moment
/// ([`crate::simulator::FaultKind::Mute`], [`crate::simulator::FaultKind::Stutter`]).
#[derive(Clone)]
pub struct Webhooks {
    /// Off: `data.object` is only `{id, object, uri}`.
    pub include_object: bool,
    /// Off: events lack their `account_id`.
    pub account_id: bool,
    /// Events that are due together are sent in reverse.
    pub reorder: bool,
    /// Types of events that are not sent. Whether `invitation.deleted`, `report.canceled` and
    /// `report.paused` are on by default is unverified; here they are.
    pub switched_off: BTreeSet<String>,
}

impl Default for Webhooks {
    fn default() -> Self {
        let off = ["candidate.created", "candidate.updated", "report.updated"];
        Self {
            include_object: true,
            account_id: true,
            reorder: false,
            switched_off: off.map(str::to_owned).into(),
        }
    }
}

impl Checkr {
    /// Sends an event about `object` as it is now.
    pub(super) fn announce(&mut self, kind: &str, object: Value, at: Millis) {
        let Some(url) = self.callback_url.clone() else {
            return;
        };
        if self.account.webhooks.switched_off.contains(kind) {
            return;
        }
        let object = if self.account.webhooks.include_object {
            object
        } else {
            json!({"id": object["id"], "object": object["object"], "uri": object["uri"]})
        };
        let mut event = json!({
            "id": self.next_id("e4e4"),
            "object": self.object_name("event"),
            "type": kind,
            "created_at": iso8601(at),
            "webhook_url": url,
            "data": {"object": object},
        });
        if self.account.webhooks.account_id {
            event["account_id"] = account::ID.into();
        }
        let body = event.to_string().into_bytes();
        self.outbox.hold(&url, &body, at, &mut self.faults);
    }

    /// The signature is lower-case hex over the raw body, keyed with the account's API key.
    pub(super) fn send_webhooks(&mut self, now: Millis) -> Vec<Outgoing> {
        let key = self.account.key.as_bytes();
        let mut due = self.outbox.due(now, &|body, _| {
            let signature = hmac_sha256_hex(key, &[body]);
            vec![
                ("User-Agent".to_owned(), "Checkr-Webhook/sim".to_owned()),
                ("X-Checkr-Signature".to_owned(), signature),
            ]
        });
        if self.account.webhooks.reorder {
            due.reverse();
        }
        due
    }
}
