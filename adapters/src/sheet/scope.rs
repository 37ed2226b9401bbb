//! What expressions can see: the order, what was kept, and the vendor's answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pages::Page;
use super::trace::Trace;
use crate::contract::{Context, Reply};
use crate::vocabulary::{Millis, Order, TheirRef};

/// Everything an expression may name, at one moment of an operation. What is not there yet is
/// `None`; loading has refused expressions that could name it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) order: Option<&'a Order>,
    pub(super) ours: Option<&'a str>,
    pub(super) theirs: Option<&'a str>,
    /// The references of several orders that are asked for at once.
    pub(super) asked: Option<&'a [TheirRef]>,
    /// When the first byte of a placing may have left.
    pub(super) sent: Option<Millis>,
    pub(super) callback_url: Option<&'a str>,
    pub(super) memo: &'a BTreeMap<String, String>,
    pub(super) settings: &'a BTreeMap<String, Value>,
    pub(super) key: &'a str,
    /// The page that is asked for, in lists.
    pub(super) page: Option<Page<'a>>,
    pub(super) reply: Option<&'a Reply>,
    /// The vendor's answer, or the part of it that is looked at: what `.` means.
    pub(super) answer: Option<&'a Value>,
    /// The vendor's whole answer, whatever part of it is looked at.
    pub(super) whole: Option<&'a Value>,
    /// The item that is written, behind `_each`.
    pub(super) item: Option<&'a Value>,
    /// How many items of a list fitted.
    pub(super) found: Option<usize>,
    /// What the vendor says is wrong, in its own words.
    pub(super) said: Option<&'a str>,
    /// Where what decides is noted, if somebody asks.
    pub(super) trace: Option<&'a Trace>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(memo: &'a BTreeMap<String, String>, cx: &Context<'a>) -> Self {
        Self {
            order: None,
            ours: None,
            theirs: None,
            asked: None,
            sent: None,
            callback_url: None,
            memo,
            settings: cx.settings,
            key: cx.key,
            page: None,
            reply: None,
            answer: None,
            whole: None,
            item: None,
            found: None,
            said: None,
            trace: None,
        }
    }
}

/// What an expression may name where it stands. It is checked when the sheet loads, so that at run
/// time only data can be missing, never a thing that could not be there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    /// `ours`, and what is ordered.
    pub(super) ours: bool,
    /// The people of the order.
    pub(super) people: bool,
    pub(super) callback_url: bool,
    pub(super) theirs: bool,
    pub(super) memo: bool,
    /// The step's idempotency key.
    pub(super) key: bool,
    pub(super) secrets: bool,
    /// The vendor's answer, `status`, `header.NAME`, `found` and `said`.
    pub(super) answer: bool,
    pub(super) page: bool,
    pub(super) item: bool,
    /// When an order that is looked up was first sent.
    pub(super) sent: bool,
}

impl Sight {
    /// The same, while an answer is read.
    pub(super) fn with_answer(self) -> Self {
        Self {
            answer: true,
            ..self
        }
    }

    /// What may be named, for messages.
    pub(super) fn words(self) -> String {
        let all = [
            (true, "settings.NAME"),
            (self.ours, "ours, order.package, order.add_ons"),
            (self.people, "applicant.NAME, hiring_manager.NAME, job.id"),
            (self.theirs, "theirs"),
            (self.memo, "memo.NAME"),
            (self.key, "key"),
            (self.callback_url, "callback_url"),
            (self.secrets, "secret.NAME"),
            (self.page, "page"),
            (self.item, "item"),
            (self.sent, "first_sent_at"),
            (
                self.answer,
                "paths into the answer, status, header.NAME, body, said, found",
            ),
        ];
        let seen = all.into_iter().filter(|(seen, _)| *seen);
        seen.map(|(_, words)| words).collect::<Vec<_>>().join(", ")
    }

    /// The same without people: for paths, and for values that are kept or shown.
    pub(super) fn without_people(self) -> Self {
        Self {
            people: false,
            ..self
        }
    }
}
