//! Posts: a form whose one field holds the document, in ISO-8859-1 (TazWorks XML, section 6).

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::TazworksXml;
use super::orders::Items;
use crate::simulator::Outgoing;
use crate::simulator::outbox::Schedule;
use crate::vocabulary::Millis;

/// Whether and how often a post that was not taken comes again is not documented.
pub(super) const RETRIES: Schedule = &[(3, Duration::from_mins(5))];

/// The field's name is unverified.
const FIELD: &str = "request";

/// Where an order's news go, and what proves them.
#[derive(Clone)]
pub(super) struct PostBack {
    url: String,
    user: String,
    password: String,
}

impl PostBack {
    pub(super) fn read(items: &Items<'_>) -> Option<Self> {
        let text = |kind: &str| items.get(kind).unwrap_or_default().to_owned();
        Some(Self {
            url: items.get("x:postback_url")?.to_owned(),
            user: text("x:postback_userId"),
            password: text("x:postback_password"),
        })
    }
}

impl TazworksXml {
    /// Posts where an order stands.
    pub(super) fn post(&mut self, index: usize, at: Millis) {
        let order = &self.orders[index];
        let Some(post_back) = order.post_back.clone() else {
            return;
        };
        let package = self.package(order);
        let document = self.reports(&post_back.user, &post_back.password, package);
        let document = format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{document}");
        let encoded = percent_encode(&latin(&document), NON_ALPHANUMERIC).to_string();
        let form = format!("{FIELD}={}", encoded.replace("%20", "+"));
        self.outbox
            .hold(&post_back.url, form.as_bytes(), at, &mut self.faults);
    }

    pub(super) fn send_posts(&mut self, now: Millis) -> Vec<Outgoing> {
        let headers = [
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=ISO-8859-1",
            ),
            ("User-Agent", "Apache-HttpClient/4.5.6 (Java/1.8.0_161)"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.outbox.due(now, &|_, _| headers.to_vec())
    }
}

/// ISO-8859-1, with references for letters that it lacks.
fn latin(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        match u8::try_from(letter) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(format!("&#{};", u32::from(letter)).into_bytes()),
        }
    }
    bytes
}
