//! The operations a vendor may have: what each is asked with, and what comes of it.

use std::sync::Arc;

use crate::vocabulary::{Catalog, Millis, Order, OurRef, Private, Progress, TheirRef};

/// Something a vendor can be asked to do.
pub trait Operation: Send + Sync + 'static {
    /// The operation's name in sheets, logs and metrics.
    const NAME: &'static str;
    /// What a successful answer means.
    type Output: Send + 'static;
}

/// Lists what may be ordered.
#[derive(Clone, Debug)]
pub struct ListPackages;

/// Places one order. What it returns is the first [`Progress`], normally [`crate::vocabulary::Standing::Invited`].
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// The order.
    pub order: Arc<Order>,
    /// Our reference, to be sent in the field the vendor offers.
    pub ours: OurRef,
    /// Where this connection's callbacks go, for vendors that take the address with the order.
    pub callback_url: String,
}

/// Reads where one order stands.
#[derive(Clone, Debug)]
pub enum FetchOrder {
    /// By the vendor's reference.
    Theirs(TheirRef),
    /// By ours, after an attempt to place it whose end we do not know.
    Ours {
        /// The order that was being placed.
        order: Arc<Order>,
        /// The reference it was placed with.
        ours: OurRef,
        /// When the first byte of it may have left.
        first_sent_at: Millis,
    },
}

/// Reads several orders in one call, at vendors that are polled in batches.
#[derive(Clone, Debug)]
pub struct FetchMany {
    /// The vendor's references.
    pub theirs: Vec<TheirRef>,
}

/// Cancels an order.
#[derive(Clone, Debug)]
pub struct CancelOrder {
    /// The vendor's reference.
    pub theirs: TheirRef,
}

/// Makes a link to the report for one click, or fetches its bytes.
#[derive(Clone, Debug)]
pub struct ReportLink {
    /// The vendor's reference.
    pub theirs: TheirRef,
}

/// The cheapest authenticated call: are these credentials good?
#[derive(Clone, Debug)]
pub struct VerifyCredentials;

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Exactly one order.
    One(Progress),
    /// None. Whether that proves absence depends on `blind` and on [`crate::Policy::absent_after`].
    NotSeen {
        /// The vendor's list cannot show this kind of order, so not seeing it proves nothing.
        blind: bool,
    },
    /// More than one order carries our reference: a person decides.
    Several(Vec<TheirRef>),
}

/// A link minted for one click, or the document itself.
#[derive(Clone)]
pub enum MintedReport {
    /// Send the reader there.
    Link(Private<String>),
    /// Show these bytes.
    Document {
        /// The document's media type.
        mime: String,
        /// Its bytes.
        bytes: Private<Vec<u8>>,
    },
}

impl Operation for ListPackages {
    const NAME: &'static str = "list";
    type Output = Catalog;
}
impl Operation for PlaceOrder {
    const NAME: &'static str = "place";
    type Output = Progress;
}
impl Operation for FetchOrder {
    const NAME: &'static str = "fetch";
    type Output = Found;
}
impl Operation for FetchMany {
    const NAME: &'static str = "fetch_many";
    type Output = Vec<(TheirRef, Found)>;
}
impl Operation for CancelOrder {
    const NAME: &'static str = "cancel";
    type Output = Progress;
}
impl Operation for ReportLink {
    const NAME: &'static str = "report";
    type Output = MintedReport;
}
impl Operation for VerifyCredentials {
    const NAME: &'static str = "verify";
    type Output = ();
}
