//! Events to the account's webhook: no status, no result, only what to look at (TazWorks,
//! section 6).

use serde_json::{Value, json};

use super::searches::search_guid;
use super::{Tazworks, guid};
use crate::simulator::Outgoing;
use crate::vocabulary::Millis;

impl Tazworks {
    /// Tells of an order.
    pub(super) fn announce(&mut self, event: &str, index: usize, at: Millis) {
        let order = &self.orders[index];
        let path = format!("/clients/{}/orders/{}", self.account.client, order.guid);
        let (guid, external) = (order.guid.clone(), json!(order.external_identifier));
        self.hold(event, &guid, &path, external, at);
    }

    /// Tells of an order's search: the resource is the search, and our reference is not there.
    pub(super) fn announce_search(&mut self, event: &str, index: usize, at: Millis) {
        let (client, order) = (&self.account.client, &self.orders[index].guid);
        let search = search_guid(index);
        let path = format!("/clients/{client}/orders/{order}/searches/{search}");
        self.hold(event, &search, &path, Value::Null, at);
    }

    fn hold(&mut self, event: &str, resource: &str, path: &str, external: Value, at: Millis) {
        let Some(url) = self.callback_url.clone() else {
            return;
        };
        let timestamp = if self.account.seconds { at / 1_000 } else { at };
        let event = json!({
            "version": 1,
            "resourceGuid": resource,
            "event": event,
            "resourcePath": path,
            "timestamp": timestamp,
            "instanceGuid": guid("a9", 1),
            "baseClientGuid": self.account.client,
            "externalIdentifier": external,
        });
        let body = event.to_string().into_bytes();
        self.outbox.hold(&url, &body, at, &mut self.faults);
    }

    /// The proof is one header, the same for every event.
    pub(super) fn send_webhooks(&mut self, now: Millis) -> Vec<Outgoing> {
        let value = &self.account.webhook_authorization;
        let proof = |_: &[u8], _| vec![("Authorization".to_owned(), value.clone())];
        self.outbox.due(now, &proof)
    }
}
