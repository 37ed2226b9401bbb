//! Events to the account's webhook, which prove nothing (Accurate, section 6).

use serde_json::json;

use super::Accurate;
use crate::simulator::wire::iso8601;
use crate::vocabulary::Millis;

impl Accurate {
    /// Tells of any change of an order; in the vendor's sandbox nothing is told.
    pub(super) fn announce(&mut self, index: usize, at: Millis) {
        let Some(url) = self.callback_url.clone() else {
            return;
        };
        if self.account.is_sandbox {
            return;
        }
        let id = self.next_id("e0");
        let order = &self.orders[index];
        let event = json!({
            "id": id,
            "created": iso8601(at - at.rem_euclid(1_000)),
            "eventType": "ORDER_STATUS_CHANGE",
            "environment": "production",
            "test": false,
            "eventInfo": {
                "orderId": order.id,
                "orderStatus": order.status,
                "orderResult": order.result,
                "percentageComplete": order.percent.to_string(),
                "referenceCodes": order.references,
            },
        });
        let body = event.to_string().into_bytes();
        self.outbox.hold(&url, &body, at, &mut self.faults);
    }
}
