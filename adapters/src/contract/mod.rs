//! What a vendor owes the gateway: operations as pairs of pure functions, and the data that tells
//! the engine what a second copy of a request would do.

mod auth;
mod operations;
mod request;
mod vendor;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::vocabulary::TheirRef;
pub use auth::*;
pub use operations::*;
pub use request::*;
pub use vendor::*;

/// What an operation carries from step to step. The engine persists it with the order while one is
/// placed, and hands what was kept to later operations on the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// The step that comes next; empty at the beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// Values captured so far. Vendor ids only; never personal data or a secret. Only a look-up over
    /// pages, whose memo lives no longer than the looking, carries the order that fitted so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// What a reply leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn<T> {
    /// The operation has ended.
    Done(T),
    /// Another step follows.
    Next(Memo),
}

/// This order cannot be said to this vendor; found before anything was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct Unfit {
    /// The canonical field at fault, one of [`crate::vocabulary::Order::FIELDS`] or a setting (`settings.NAME`).
    pub field: String,
    /// What is wrong with it, behind the field's name: "is missing, and the vendor needs it".
    pub why: String,
}

/// What a reply means when it is not a success. Messages are the vendor's, cut and cleaned by the
/// sheet; they may reach a recruiter, never a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused for good: this request will never be accepted.
    Refused {
        /// Stable code of the sheet.
        code: String,
        /// The canonical field at fault, where the sheet knows.
        field: Option<String>,
        /// A sentence for a recruiter.
        message: String,
    },
    /// Nothing was done; the vendor asks us to come back later.
    Busy(Option<Duration>),
    /// The same request is still being worked on, or the thing asked for is not there yet.
    NotReady(Option<Duration>),
    /// This was ordered before, as that.
    Duplicate(TheirRef),
    /// Our credentials were refused; nothing was done.
    Denied,
    /// We cannot tell what happened. The reason is for operators and holds nothing of the body.
    Unclear(String),
}

/// What an adapter may look at beside the operation and its memo.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The connection's settings, complete and checked against [`Vendor::settings`].
    pub settings: &'a BTreeMap<String, serde_json::Value>,
    /// The idempotency key of this step, the same for every copy of the request.
    pub key: &'a str,
    /// The connection's base URL, for links that are built from it. No secret is in it.
    pub base_url: &'a str,
}

/// One operation of one vendor.
///
/// Both functions are pure: same input, same output. `decode` is given every whole answer, also
/// ones that make no sense, and never panics.
pub trait Translate<O: Operation>: Send + Sync {
    /// The request of the step that `memo` names.
    ///
    /// # Errors
    /// [`Unfit`] when the order lacks what the vendor needs.
    fn encode(&self, op: &O, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit>;

    /// What the answer to that step's request means.
    ///
    /// # Errors
    /// [`Fault`] when it is not a success.
    fn decode(
        &self,
        op: &O,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<O::Output>, Fault>;
}
