//! Fake vendors as pure state machines: a request goes in, a reply and due callbacks come out.
//!
//! They are written from the vendors' documentation, not from our sheets, refuse what the vendor
//! would refuse, and count what they were asked. Sockets and the clock stay outside: whoever
//! drives a [`Simulator`] gives it the time and carries its bytes.
//!
//! What fake vendors share stands beside them: the wire, faults, idempotency keys, callbacks that
//! wait for an acknowledgement, and the moves that come with time alone.

pub mod accio;
pub mod accurate;
pub mod certn;
pub mod checkr;
mod faults;
pub mod ibr;
mod idempotency;
mod outbox;
pub mod sandbox;
pub mod sterling;
pub mod tazworks;
pub mod tazworks_xml;
#[cfg(test)]
mod testing;
mod timeline;
mod wire;
mod xml;
pub mod yardstik;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::accio::Accio;
pub use self::accurate::Accurate;
pub use self::certn::Certn;
pub use self::checkr::Checkr;
pub use self::ibr::Ibr;
pub use self::sandbox::Sandbox;
pub use self::sterling::Sterling;
pub use self::tazworks::Tazworks;
pub use self::tazworks_xml::TazworksXml;
#[cfg(test)]
pub(crate) use self::testing::lower_case;
pub use self::timeline::Pace;
pub use self::yardstik::Yardstik;
use crate::vocabulary::Millis;

/// The fake vendors there are, as [`named`] knows them.
pub const NAMES: &[&str] = &[
    "sandbox",
    "checkr",
    "sterling",
    "accio",
    "tazworks_xml",
    "ibr",
    "tazworks",
    "accurate",
    "certn",
    "yardstik",
];

/// A fresh fake vendor with its default account, whose orders move with time.
pub fn named(name: &str) -> Option<Box<dyn Simulator>> {
    match name {
        "sandbox" => Some(Box::new(Sandbox::default())),
        "checkr" => Some(Box::new(Checkr::default())),
        "sterling" => Some(Box::new(Sterling::default())),
        "accio" => Some(Box::new(Accio::default())),
        "tazworks_xml" => Some(Box::new(TazworksXml::default())),
        "ibr" => Some(Box::new(Ibr::default())),
        "tazworks" => Some(Box::new(Tazworks::default())),
        "accurate" => Some(Box::new(Accurate::default())),
        "certn" => Some(Box::new(Certn::default())),
        "yardstik" => Some(Box::new(Yardstik::default())),
        _ => None,
    }
}

/// A request as it arrived at the fake vendor.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// HTTP method, upper case.
    pub method: String,
    /// Path with its query, as on the request line.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What goes back to the gateway.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How the bytes travel.
    pub manner: Manner,
}

/// How a response travels, so that a fake vendor can be as bad as a real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once and whole.
    Plainly,
    /// After a pause.
    After(Duration),
    /// Never: the connection stays open and silent.
    Never,
    /// The connection is reset instead.
    Reset,
    /// The body stops halfway and the connection closes.
    Truncated,
    /// A byte at a time, slowly.
    Dripping,
}

/// A callback that is due.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Which one; the driver reports its end with this number.
    pub id: u64,
    /// Where it goes.
    pub url: String,
    /// HTTP method.
    pub method: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An order as the fake vendor holds it. `GET /_control/orders` lists these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOrder {
    /// Our reference.
    pub reference: String,
    /// The vendor's id, the one it is best known by now.
    pub id: String,
    /// The vendor's status word.
    pub status: String,
    /// The vendor's result word.
    pub result: Option<String>,
}

/// What a test or a person wants the fake vendor to do next.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct FaultOrder {
    /// What goes wrong.
    pub kind: FaultKind,
    /// For requests whose path contains this; empty: all. For callbacks: their address.
    #[serde(default)]
    pub path: String,
    /// For requests of this method; empty: all.
    #[serde(default)]
    pub method: String,
    /// How many times (requests, callbacks or look-ups); 0: until told otherwise.
    #[serde(default)]
    pub times: u32,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing any more: clears all faults.
    None,
    /// Acts, and never answers. A repeat with the same key is in flight for 5 s.
    ActAndHang,
    /// Acts, and resets the connection.
    ActAndReset,
    /// Acts, and answers 502 with an HTML page.
    ActAndBadGateway,
    /// Acts, and answers with its usual status and an HTML page.
    ActAndPage,
    /// Acts, and answers with its usual status a document that nests 10,000 deep.
    ActAndNest,
    /// Acts, and stops halfway through the answer.
    ActAndTruncate,
    /// Acts, and drips the answer.
    ActAndDrip,
    /// Does not act, and never answers.
    Hang,
    /// Does not act, and resets the connection.
    Reset,
    /// Does not act, and answers 503 with `Retry-After: 2`.
    Unavailable,
    /// Does not act, and answers 429 without `Retry-After`.
    TooMany,
    /// Does not act, and refuses the credentials.
    Unauthorized,
    /// Sends no callbacks: what happens meanwhile is never announced.
    Mute,
    /// Sends every callback twice.
    Stutter,
    /// Hides orders from look-ups (by reference or list) for 30 s after they were placed.
    Invisible,
}

/// A fake vendor.
pub trait Simulator: Send {
    /// The vendor it fakes, as sheets name it.
    fn name(&self) -> &'static str;

    /// The only credentials it accepts and signs with, by the names its sheet gives them.
    fn credentials(&self) -> Vec<(&'static str, String)>;

    /// Settings that its default account needs, beside the examples of its sheet.
    fn settings(&self) -> Vec<(&'static str, serde_json::Value)> {
        Vec::new()
    }

    /// Ids of packages that it takes, where it has no list of them.
    fn packages(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Answers one request.
    fn handle(&mut self, request: &Arrived, now: Millis) -> Response;

    /// The callbacks that are due by `now`; each is handed out once until [`Simulator::answered`].
    fn due(&mut self, now: Millis) -> Vec<Outgoing>;

    /// Tells how a callback ended: the status and body it was answered with, or `None` where there
    /// was no answer. The vendor's own retry habit follows from it.
    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], now: Millis);

    /// The orders it holds, oldest first. Every one counts: two for one reference is the defect
    /// this whole program exists to prevent.
    fn orders(&self) -> Vec<HeldOrder>;

    /// Moves the order known by `key` (our reference or theirs) to the vendor's own words and
    /// calls back. Words the vendor does not have are said as well. `false`: nothing was changed,
    /// because there is no such order or the simulator cannot read the words.
    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool;

    /// Makes it misbehave.
    fn fault(&mut self, fault: FaultOrder);

    /// Where callbacks go that are not addressed by the order itself, for vendors that have one
    /// address per account.
    fn set_callback_url(&mut self, url: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_the_vendor_of_that_name_and_no_other() {
        for name in NAMES {
            let vendor = named(name).expect("it is one of the names");
            assert_eq!(vendor.name(), *name);
        }
        assert!(named("nobody").is_none());
    }
}
