//! The bench on which a vendor is tried: its cases, run against the canned answers of its
//! fixtures, with every operation under one face.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::answer::{Answer, Said};
use super::canary;
use super::fixtures::{Case, Exchange, Fixtures, OneOrMany};
use crate::callback::{Unreadable, Verified};
use crate::contract::{
    CancelOrder, Context, Fault, FetchMany, FetchOrder, ListPackages, Memo, Operation, PlaceOrder,
    Reply, ReportLink, Request, Translate, Turn, Unfit, Vendor, VerifyCredentials,
};
use crate::vocabulary::{Order, OurRef, TheirRef};

/// A vendor with its fixtures, filled in.
pub(super) struct Bench<'a> {
    pub(super) vendor: &'a Vendor,
    pub(super) fixtures: Fixtures,
    pub(super) ours: String,
    settings: BTreeMap<String, Value>,
}

/// An operation with its arguments, whatever its type.
pub(super) trait Run {
    fn encode(&self, memo: &Memo) -> Result<Request, Unfit>;
    fn decode(&self, memo: &Memo, reply: &Reply) -> Result<Turn<Said>, Fault>;
}

struct Asked<'a, O: Operation> {
    op: O,
    translate: &'a dyn Translate<O>,
    cx: Context<'a>,
}

impl<O: Operation> Run for Asked<'_, O>
where
    O::Output: Answer,
{
    fn encode(&self, memo: &Memo) -> Result<Request, Unfit> {
        self.translate.encode(&self.op, memo, &self.cx)
    }

    fn decode(&self, memo: &Memo, reply: &Reply) -> Result<Turn<Said>, Fault> {
        let turn = self.translate.decode(&self.op, memo, &self.cx, reply)?;
        Ok(match turn {
            Turn::Done(output) => Turn::Done(output.said()),
            Turn::Next(memo) => Turn::Next(memo),
        })
    }
}

/// A case as it went.
pub(super) struct Ran<'a> {
    pub(super) operation: &'a str,
    pub(super) case: &'a Case,
    pub(super) run: Box<dyn Run + 'a>,
    pub(super) stops: Vec<Stop<'a>>,
    /// What was at fault with the order, if a request could not be made.
    pub(super) unfit: Option<Unfit>,
}

/// One exchange as it went.
pub(super) struct Stop<'a> {
    pub(super) memo: Memo,
    pub(super) exchange: &'a Exchange,
    pub(super) request: Request,
    pub(super) reply: Reply,
    pub(super) result: Result<Turn<Said>, Fault>,
}

impl Ran<'_> {
    /// The operation, the case and a step, for messages.
    pub(super) fn at(&self, step: &str) -> String {
        format!(
            "`{}`, case `{}`, step `{step}`",
            self.operation, self.case.name
        )
    }

    /// What the case ended with; `None` if it did not end.
    pub(super) fn end(&self) -> Option<Result<&Said, &Fault>> {
        match &self.stops.last()?.result {
            Ok(Turn::Done(said)) => Some(Ok(said)),
            Ok(Turn::Next(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// What the case ends with when the answer at `at` is `reply`; `None` when that leads to a
    /// step for which the case has no answer.
    pub(super) fn replay(&self, at: usize, reply: &Reply) -> Option<Result<Said, Fault>> {
        let mut result = self.run.decode(&self.stops.get(at)?.memo, reply);
        for _ in 0..self.stops.len() {
            let memo = match result {
                Ok(Turn::Done(said)) => return Some(Ok(said)),
                Err(fault) => return Some(Err(fault)),
                Ok(Turn::Next(memo)) => memo,
            };
            let next = self
                .stops
                .iter()
                .find(|stop| stop.request.step == memo.step)?;
            result = self.run.decode(&memo, &next.reply);
        }
        None
    }
}

impl<'a> Bench<'a> {
    pub(super) fn new(vendor: &'a Vendor, fixtures: &Fixtures) -> Self {
        let reference = &vendor.policy.reference;
        let ours: String = reference
            .alphabet
            .chars()
            .cycle()
            .take(reference.length)
            .collect();
        let fixtures = fixtures.filled(&ours);
        let defaults = vendor.settings.iter().filter_map(|setting| {
            let default = setting.default.clone()?;
            Some((setting.name.clone(), default))
        });
        let mut settings: BTreeMap<String, Value> = defaults.collect();
        settings.extend(fixtures.connection.settings.clone());
        let mut fixtures = fixtures;
        for case in fixtures.cases.values_mut().flatten() {
            let own = std::mem::replace(&mut case.settings, settings.clone());
            case.settings.extend(own);
        }
        Self {
            vendor,
            fixtures,
            ours,
            settings,
        }
    }

    pub(super) fn context(&self) -> Context<'_> {
        self.context_with(&self.settings)
    }

    fn context_with<'b>(&'b self, settings: &'b BTreeMap<String, Value>) -> Context<'b> {
        let base_url = self.fixtures.connection.base_url.as_deref();
        Context {
            settings,
            key: canary::KEY,
            base_url: base_url.unwrap_or(canary::BASE_URL),
        }
    }

    /// What a callback's body says, believed; `None` where the vendor sends none.
    pub(super) fn read(&self, body: &[u8]) -> Option<Result<Said, Unreadable>> {
        let reader = &self.vendor.callbacks.as_ref()?.reader;
        let notes = reader.read(Verified::kept(body), &self.context());
        Some(notes.map(Answer::said))
    }

    /// The order of a case.
    pub(super) fn order(&self, case: &Case) -> Order {
        self.fixtures.order(&case.order)
    }

    /// Every case of every operation that the vendor has.
    pub(super) fn all(&self) -> Vec<Ran<'_>> {
        let operations = self.fixtures.cases.keys();
        operations
            .flat_map(|operation| self.cases(operation))
            .collect()
    }

    /// Every case of one operation.
    pub(super) fn cases<'b>(&'b self, operation: &'b str) -> Vec<Ran<'b>> {
        let cases = self.fixtures.cases.get(operation);
        let cases = cases.map_or(&[][..], Vec::as_slice).iter();
        cases
            .filter_map(|case| self.ran(operation, case, self.order(case)))
            .collect()
    }

    /// A placing case with another order.
    pub(super) fn placed<'b>(&'b self, case: &'b Case, order: Order) -> Option<Ran<'b>> {
        self.ran("place", case, order)
    }

    fn ran<'b>(&'b self, operation: &'b str, case: &'b Case, order: Order) -> Option<Ran<'b>> {
        let mut ran = Ran {
            operation,
            case,
            run: self.run(operation, case, order)?,
            stops: Vec::new(),
            unfit: None,
        };
        let mut memo = Memo {
            step: String::new(),
            values: case.memo.clone(),
        };
        for exchange in &case.exchanges {
            let request = match ran.run.encode(&memo) {
                Ok(request) => request,
                Err(unfit) => {
                    ran.unfit = Some(unfit);
                    break;
                }
            };
            let reply = exchange.reply();
            let result = ran.run.decode(&memo, &reply);
            let next = match &result {
                Ok(Turn::Next(next)) => Some(next.clone()),
                _ => None,
            };
            ran.stops.push(Stop {
                memo,
                exchange,
                request,
                reply,
                result,
            });
            let Some(next) = next else { break };
            memo = next;
        }
        Some(ran)
    }

    fn run<'b>(
        &'b self,
        operation: &str,
        case: &'b Case,
        order: Order,
    ) -> Option<Box<dyn Run + 'b>> {
        let vendor = self.vendor;
        let theirs = case
            .theirs
            .as_ref()
            .map(OneOrMany::list)
            .unwrap_or_default();
        let one = TheirRef(theirs.first().cloned().unwrap_or_default());
        match operation {
            "place" => self.asked(
                case,
                PlaceOrder {
                    order: Arc::new(order),
                    ours: OurRef(self.ours.clone()),
                    callback_url: canary::CALLBACK_URL.to_owned(),
                },
                Some(&vendor.place),
            ),
            "list" => self.asked(case, ListPackages, vendor.list.as_ref()),
            "fetch" => self.asked(case, self.fetch(case, order), vendor.fetch.as_ref()),
            "fetch_many" => {
                let theirs = theirs.into_iter().map(TheirRef).collect();
                self.asked(case, FetchMany { theirs }, vendor.fetch_many.as_ref())
            }
            "cancel" => self.asked(case, CancelOrder { theirs: one }, vendor.cancel.as_ref()),
            "report" => self.asked(case, ReportLink { theirs: one }, vendor.report.as_ref()),
            "verify" => self.asked(case, VerifyCredentials, vendor.verify.as_ref()),
            _ => None,
        }
    }

    fn fetch(&self, case: &Case, order: Order) -> FetchOrder {
        let theirs = case.theirs.as_ref().map(OneOrMany::list);
        match theirs.and_then(|theirs| theirs.into_iter().next()) {
            Some(theirs) => FetchOrder::Theirs(TheirRef(theirs)),
            None => FetchOrder::Ours {
                order: Arc::new(order),
                ours: OurRef(self.ours.clone()),
                first_sent_at: canary::PLACED_AT + 1_000,
            },
        }
    }

    fn asked<'b, O: Operation>(
        &'b self,
        case: &'b Case,
        op: O,
        translate: Option<&'b Arc<dyn Translate<O>>>,
    ) -> Option<Box<dyn Run + 'b>>
    where
        O::Output: Answer,
    {
        Some(Box::new(Asked {
            op,
            translate: translate?.as_ref(),
            cx: self.context_with(&case.settings),
        }))
    }
}

impl Exchange {
    pub(super) fn reply(&self) -> Reply {
        reply(self.reply_status, &self.reply_headers, &self.reply_body)
    }
}

/// A reply of these parts.
pub(super) fn reply(status: u16, headers: &BTreeMap<String, String>, body: &str) -> Reply {
    Reply {
        status,
        headers: headers.clone().into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}
