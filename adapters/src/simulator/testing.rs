//! What tests of fake vendors share: requests, a driver that acknowledges, readers of JSON.

use serde_json::Value;

use super::{Arrived, FaultKind, FaultOrder, Manner, Outgoing, Response, Simulator};
use crate::callback::{Forged, Incoming, Proof, verify};
use crate::vocabulary::{Millis, Private};

/// A moment in 2026 at which tests begin: 2026-02-01T10:00:02Z.
pub(super) const START: Millis = 1_769_940_002_000;

pub(super) fn get(target: &str) -> Arrived {
    ask("GET", target, &Value::Null)
}

/// A JSON request without credentials.
pub(super) fn ask(method: &str, target: &str, body: &Value) -> Arrived {
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    Arrived {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body,
    }
}

impl Arrived {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Response {
    /// Its status and its JSON; `null` where it is none.
    pub(super) fn read(&self) -> (u16, Value) {
        let body = serde_json::from_slice(&self.body).unwrap_or_default();
        (self.status, body)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(super) fn fault(kind: FaultKind, times: u32) -> FaultOrder {
    FaultOrder {
        kind,
        path: String::new(),
        method: String::new(),
        times,
    }
}

/// What each fault makes of a request that orders: the status, how the answer travels, and how many
/// orders there are then. `usual` is what an order is answered with, `denied` what a client is whom
/// the vendor does not know.
pub(super) fn strikes(usual: u16, denied: u16) -> [(FaultKind, u16, Manner, usize); 10] {
    [
        (FaultKind::ActAndHang, usual, Manner::Never, 1),
        (FaultKind::ActAndReset, usual, Manner::Reset, 1),
        (FaultKind::ActAndBadGateway, 502, Manner::Plainly, 1),
        (FaultKind::ActAndTruncate, usual, Manner::Truncated, 1),
        (FaultKind::ActAndDrip, usual, Manner::Dripping, 1),
        (FaultKind::Hang, 500, Manner::Never, 0),
        (FaultKind::Reset, 500, Manner::Reset, 0),
        (FaultKind::Unavailable, 503, Manner::Plainly, 0),
        (FaultKind::TooMany, 429, Manner::Plainly, 0),
        (FaultKind::Unauthorized, denied, Manner::Plainly, 0),
    ]
}

/// Every fault strikes before the order is made or after it, as it says. `ready` brings a vendor
/// without orders and the request that orders from it.
#[track_caller]
pub(super) fn assert_faults_strike<V: Simulator>(
    usual: u16,
    denied: u16,
    ready: impl Fn() -> (V, Arrived),
) {
    for (kind, status, manner, made) in strikes(usual, denied) {
        let (mut vendor, request) = ready();
        vendor.fault(fault(kind, 1));
        let response = vendor.handle(&request, START);
        assert_eq!(
            (response.status, response.manner),
            (status, manner),
            "{kind:?}"
        );
        assert_eq!(vendor.orders().len(), made, "{kind:?}");
    }
}

/// The bodies of the callbacks due by `now`, each acknowledged.
pub(super) fn acknowledged(vendor: &mut dyn Simulator, now: Millis) -> Vec<Value> {
    let due = vendor.due(now);
    due.into_iter()
        .map(|outgoing| {
            vendor.answered(outgoing.id, Some(204), b"", now);
            serde_json::from_slice(&outgoing.body).unwrap()
        })
        .collect()
}

/// The moments at which a callback that is never acknowledged is tried, from `now` on.
pub(super) fn attempts(vendor: &mut dyn Simulator, now: Millis, step: Millis) -> Vec<Millis> {
    let mut tried = Vec::new();
    let mut at = now;
    while at < now + 27 * 3_600_000 {
        for outgoing in vendor.due(at) {
            tried.push(at - now);
            vendor.answered(outgoing.id, Some(500), b"", at);
        }
        at += step;
    }
    tried
}

/// The headers as the gateway reads them: names in lower case.
pub(crate) fn lower_case(headers: &[(String, String)]) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect()
}

/// Whether the gateway's own check believes a callback signed with `secret`.
pub(super) fn believed(
    outgoing: &Outgoing,
    proof: &Proof,
    secret: &str,
    now: Millis,
) -> Result<(), Forged> {
    let headers = lower_case(&outgoing.headers);
    let incoming = Incoming {
        method: &outgoing.method,
        headers: &headers,
        query: &[],
        body: &outgoing.body,
    };
    verify(
        proof,
        &incoming,
        &|_: &str| vec![Private::from(secret)],
        now,
    )
    .map(drop)
}
