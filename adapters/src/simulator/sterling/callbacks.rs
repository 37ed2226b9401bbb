//! Callbacks to the address that each order brings (Sterling, section 6).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::Sterling;
use crate::simulator::Outgoing;
use crate::simulator::outbox::Schedule;
use crate::vocabulary::Millis;

/// Every 15 minutes, nine more times, then dropped.
pub(super) const RETRIES: Schedule = &[(9, Duration::from_mins(15))];

/// A date that stands for "absent" in callbacks.
const ABSENT: &str = "0001-01-01T00:00:00";

impl Sterling {
    /// Calls back about a screening as it is now. Nothing is signed.
    pub(super) fn call_back(&mut self, index: usize, kind: &str, at: Millis) {
        let Some(callback) = &self.screenings[index].callback else {
            return;
        };
        let url = callback.uri.clone();
        let body = json!({"type": kind, "payload": self.payload(index)});
        let body = body.to_string().into_bytes();
        self.outbox.hold(&url, &body, at, &mut self.faults);
    }

    pub(super) fn send_callbacks(&mut self, now: Millis) -> Vec<Outgoing> {
        let mut due = self.outbox.due(now, &|_, _| Vec::new());
        for outgoing in &mut due {
            outgoing.headers.extend(self.credentials_for(&outgoing.url));
        }
        if self.account.reorder {
            due.reverse();
        }
        due
    }

    /// The Basic credentials that the order gave, where it gave any.
    fn credentials_for(&self, url: &str) -> Option<(String, String)> {
        let mut callbacks = self
            .screenings
            .iter()
            .filter_map(|one| one.callback.as_ref());
        let pair = callbacks.find(|callback| callback.uri == url)?;
        let value = format!("Basic {}", BASE64.encode(pair.basic.as_ref()?));
        Some(("authorization".to_owned(), value))
    }

    /// The screening with the whole person in it, in other forms than requests have: no `+`, a bare
    /// region, and a country of three letters.
    fn payload(&self, index: usize) -> Value {
        let screening = &self.screenings[index];
        json!({
            "id": screening.id,
            "packageId": screening.package,
            "candidate": self.person(index),
            "status": screening.status,
            "result": screening.result,
            "reportItems": self.report_items(index),
        })
    }

    fn person(&self, index: usize) -> Value {
        let screening = &self.screenings[index];
        let candidate = &self.candidates[screening.candidate];
        let address = &candidate.given["address"];
        let region = address["regionCode"].as_str().unwrap_or_default();
        // The applicant's form asks for what the searches need.
        let from_form = |name: &str, value: &str| match candidate.text(name) {
            "" if screening.is_submitted => json!(value),
            "" => Value::Null,
            given => json!(given),
        };
        json!({
            "email": candidate.text("email"),
            "givenName": candidate.text("givenName"),
            "familyName": candidate.text("familyName"),
            "confirmedNoMiddleName": false,
            "dob": from_form("dob", "1990-05-15"),
            "ssn": from_form("ssn", "000000000"),
            "phone": candidate.text("phone").trim_start_matches('+'),
            "address": {
                "addressLine": address["addressLine"],
                "municipality": address["municipality"],
                "regionCode": region.rsplit('-').next(),
                "postalCode": address["postalCode"],
                "countryCode": "USA",
                "validFrom": ABSENT,
                "validTo": ABSENT,
            },
        })
    }
}
