//! What tests of fake vendors share: requests, a driver that acknowledges, readers of JSON.

use serde_json::Value;

use super::{Arrived, FaultKind, FaultOrder, Outgoing, Response, Simulator};
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

/// Whether the gateway's own check believes a callback signed with `secret`.
pub(super) fn believed(
    outgoing: &Outgoing,
    proof: &Proof,
    secret: &str,
    now: Millis,
) -> Result<(), Forged> {
    let headers: Vec<_> = outgoing
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
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
