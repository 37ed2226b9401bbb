//! A sheet's steps as the contract's operations.

use super::catalog::gathered;
use super::reading::is_link;
use super::scope::Scope;
use super::steps::{End, Steps};
use crate::contract::{
    CancelOrder, Context, Fault, FetchMany, FetchOrder, Found, ListPackages, Memo, MintedReport,
    PlaceOrder, Reply, ReportLink, Request, Translate, Turn, Unfit, VerifyCredentials,
};
use crate::vocabulary::{Catalog, Private, Progress, TheirRef};

/// Places orders.
pub(super) struct Place {
    pub(super) steps: Steps,
    /// Fields that the vendor cannot take: an order that has one is refused before it is sent,
    /// because without it something else would be ordered.
    pub(super) unsupported: Vec<String>,
}
/// Lists packages.
pub(super) struct List(pub(super) Steps);
/// Cancels orders.
pub(super) struct Cancel(pub(super) Steps);
/// Makes report links.
pub(super) struct Report(pub(super) Steps);
/// Reads several orders at once.
pub(super) struct Many(pub(super) Steps);
/// Checks credentials.
pub(super) struct Verify(pub(super) Steps);

/// Reads orders, by the vendor's reference or by ours.
pub(super) struct Fetch {
    pub(super) theirs: Option<Steps>,
    pub(super) ours: Option<Steps>,
}

fn placing<'a>(op: &'a PlaceOrder, memo: &'a Memo, cx: &Context<'a>) -> Scope<'a> {
    Scope {
        order: Some(&op.order),
        ours: Some(&op.ours.0),
        callback_url: Some(&op.callback_url),
        ..Scope::new(&memo.values, cx)
    }
}

impl Translate<PlaceOrder> for Place {
    fn encode(&self, op: &PlaceOrder, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        let given = |field: &&String| match field.as_str() {
            "order.add_ons" => !op.order.add_ons.is_empty(),
            field => op.order.text(field).is_some(),
        };
        if let Some(field) = self.unsupported.iter().find(given) {
            return Err(Unfit {
                field: field.clone(),
                why: "is given, and this vendor has no place for it".to_owned(),
            });
        }
        let scope = placing(op, memo, cx);
        let request = self.steps.encode(&scope, memo)?;
        if memo.step.is_empty() {
            self.steps.can_the_rest_be_said(&scope)?;
        }
        Ok(request)
    }

    fn decode(
        &self,
        op: &PlaceOrder,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Progress>, Fault> {
        let scope = placing(op, memo, cx);
        self.steps
            .decode(&scope, memo, reply, |end| end.progress().map(Turn::Done))
    }
}

impl Fetch {
    /// The steps for this way to fetch, and what they can see.
    fn way<'a>(
        &self,
        op: &'a FetchOrder,
        memo: &'a Memo,
        cx: &Context<'a>,
    ) -> (Option<&Steps>, Scope<'a>) {
        let scope = Scope::new(&memo.values, cx);
        match op {
            FetchOrder::Theirs(theirs) => {
                let theirs = Some(theirs.0.as_str());
                (self.theirs.as_ref(), Scope { theirs, ..scope })
            }
            FetchOrder::Ours {
                order,
                ours,
                first_sent_at,
            } => {
                let (order, ours) = (Some(&**order), Some(ours.0.as_str()));
                (
                    self.ours.as_ref(),
                    Scope {
                        order,
                        ours,
                        sent: Some(*first_sent_at),
                        ..scope
                    },
                )
            }
        }
    }
}

/// Why an order cannot be fetched in this way; the engine asks [`crate::Vendor::finds_ours`] first.
const NO_WAY: &str = "is not a reference by which this vendor finds orders";

impl Translate<FetchOrder> for Fetch {
    fn encode(&self, op: &FetchOrder, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        match self.way(op, memo, cx) {
            (Some(steps), scope) => steps.encode(&scope, memo),
            (None, _) => Err(Unfit {
                field: "reference".to_owned(),
                why: NO_WAY.to_owned(),
            }),
        }
    }

    fn decode(
        &self,
        op: &FetchOrder,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Found>, Fault> {
        match self.way(op, memo, cx) {
            (Some(steps), scope) => {
                steps.decode(&scope, memo, reply, |end| end.found().map(Turn::Done))
            }
            (None, _) => Err(Fault::Unclear(format!("the reference {NO_WAY}"))),
        }
    }
}

impl Translate<FetchMany> for Many {
    fn encode(&self, op: &FetchMany, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        self.0.encode(&asking(op, memo, cx), memo)
    }

    fn decode(
        &self,
        op: &FetchMany,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Vec<(TheirRef, Found)>>, Fault> {
        let scope = asking(op, memo, cx);
        self.0.decode(&scope, memo, reply, |end| {
            Ok(Turn::Done(end.found_of(&op.theirs)))
        })
    }
}

fn asking<'a>(op: &'a FetchMany, memo: &'a Memo, cx: &Context<'a>) -> Scope<'a> {
    Scope {
        asked: Some(&op.theirs),
        ..Scope::new(&memo.values, cx)
    }
}

impl Translate<CancelOrder> for Cancel {
    fn encode(&self, op: &CancelOrder, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        self.0.encode(&known(&op.theirs.0, memo, cx), memo)
    }

    fn decode(
        &self,
        op: &CancelOrder,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Progress>, Fault> {
        let scope = known(&op.theirs.0, memo, cx);
        self.0
            .decode(&scope, memo, reply, |end| end.progress().map(Turn::Done))
    }
}

impl Translate<ReportLink> for Report {
    fn encode(&self, op: &ReportLink, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        self.0.encode(&known(&op.theirs.0, memo, cx), memo)
    }

    fn decode(
        &self,
        op: &ReportLink,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<MintedReport>, Fault> {
        let scope = known(&op.theirs.0, memo, cx);
        self.0
            .decode(&scope, memo, reply, |end| report(end).map(Turn::Done))
    }
}

impl Translate<ListPackages> for List {
    fn encode(&self, _: &ListPackages, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        self.0.encode(&Scope::new(&memo.values, cx), memo)
    }

    fn decode(
        &self,
        _: &ListPackages,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Catalog>, Fault> {
        let scope = Scope::new(&memo.values, cx);
        self.0.decode(&scope, memo, reply, gathered)
    }
}

impl Translate<VerifyCredentials> for Verify {
    fn encode(
        &self,
        _: &VerifyCredentials,
        memo: &Memo,
        cx: &Context<'_>,
    ) -> Result<Request, Unfit> {
        self.0.encode(&Scope::new(&memo.values, cx), memo)
    }

    fn decode(
        &self,
        _: &VerifyCredentials,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<()>, Fault> {
        let scope = Scope::new(&memo.values, cx);
        self.0.decode(&scope, memo, reply, |_| Ok(Turn::Done(())))
    }
}

/// The scope of an operation on an order that the vendor has named.
fn known<'a>(theirs: &'a str, memo: &'a Memo, cx: &Context<'a>) -> Scope<'a> {
    Scope {
        theirs: Some(theirs),
        ..Scope::new(&memo.values, cx)
    }
}

/// The report that a step's answer is, or leads to.
pub(super) fn report(end: &End<'_>) -> Result<MintedReport, Fault> {
    if let Some(document) = &end.step.document {
        return document.read(&end.scope);
    }
    let link = end
        .step
        .link
        .as_ref()
        .and_then(|link| link.read_text(&end.scope));
    link.filter(|link| is_link(link))
        .map(|link| MintedReport::Link(Private::new(link)))
        .ok_or_else(|| {
            Fault::Unclear("the vendor answered without a link to its report".to_owned())
        })
}
