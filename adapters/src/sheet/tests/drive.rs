//! Sheets against the fake vendors: a whole order, driven as the engine drives it.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::{order, shipped};
use crate::callback::{Incoming, Says, Verified, verify};
use crate::contract::{
    Auth, CancelOrder, Context, Fault, FetchOrder, Found, ListPackages, Memo, Operation, Piece,
    PlaceOrder, Reply, Request, Translate, Turn, Vendor, VerifyCredentials,
};
use crate::simulator::{Arrived, FaultKind, FaultOrder, Simulator, lower_case, named};
use crate::vocabulary::{Millis, OurRef, Outcome, Private, Progress, Standing};

const START: Millis = 1_769_940_002_000;
const OURS: &str = "0123456789abcdefghijklmn";

/// A vendor's sheet and the fake vendor it talks to.
struct Pair {
    vendor: Arc<Vendor>,
    fake: Box<dyn Simulator>,
    secrets: BTreeMap<&'static str, &'static str>,
    settings: BTreeMap<String, Value>,
    now: Millis,
    /// What the engine would have kept with the order.
    memo: Memo,
    sent: usize,
}

impl Pair {
    fn new(name: &'static str) -> Self {
        let vendor = shipped(name);
        let mut settings: BTreeMap<String, Value> = vendor
            .settings
            .iter()
            .filter_map(|setting| Some((setting.name.clone(), setting.default.clone()?)))
            .collect();
        settings.insert("work_location".into(), "US-CA".into());
        let mut fake = named(name).unwrap();
        fake.set_callback_url("https://gateway.example/callbacks/one");
        Self {
            vendor,
            fake,
            secrets: [
                (
                    "api_key",
                    if name == "checkr" {
                        "checkr-test-key"
                    } else {
                        "sandbox-key"
                    },
                ),
                ("callback_secret", "sandbox-callback-secret"),
            ]
            .into(),
            settings,
            now: START,
            memo: Memo::default(),
            sent: 0,
        }
    }

    fn filled(&self, pieces: &[Piece]) -> Vec<u8> {
        let parts = pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Secret { name, .. } => self.secrets[name.as_str()].as_bytes().to_vec(),
        });
        parts.flatten().collect()
    }

    fn arrived(&self, request: &Request) -> Arrived {
        let text = |pieces: &[Piece]| String::from_utf8(self.filled(pieces)).unwrap();
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        headers.push(match &self.vendor.auth {
            Auth::Header { name, value } => (name.clone(), text(value)),
            Auth::Basic { user, password } => {
                let pair = format!("{}:{}", text(user), text(password));
                (
                    "authorization".to_owned(),
                    format!("Basic {}", BASE64.encode(pair)),
                )
            }
            Auth::None | Auth::Token(_) => unreachable!("both vendors authorise by a header"),
        });
        headers.extend(
            request
                .mime
                .clone()
                .map(|mime| ("content-type".to_owned(), mime)),
        );
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let query: Vec<_> = request
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let target = match query.is_empty() {
            true => request.path.clone(),
            false => format!("{}?{}", request.path, query.join("&")),
        };
        Arrived {
            method: request.method.as_str().to_owned(),
            target,
            headers,
            body: self.filled(&request.body),
        }
    }

    /// Makes the steps of one operation, as the engine does.
    fn drive<O: Operation>(
        &mut self,
        op: &O,
        how: &dyn Translate<O>,
        mut memo: Memo,
    ) -> Result<O::Output, Fault> {
        for _ in 0..10 {
            let settings = self.settings.clone();
            let key = format!("key-{}", memo.step);
            let cx = Context {
                settings: &settings,
                key: &key,
                base_url: "https://vendor.example",
            };
            let request = how.encode(op, &memo, &cx).unwrap();
            self.sent += 1;
            let response = self.fake.handle(&self.arrived(&request), self.now);
            let reply = Reply {
                status: response.status,
                headers: response
                    .headers
                    .into_iter()
                    .map(|(name, value)| (name.to_lowercase(), value))
                    .collect(),
                body: response.body,
            };
            match how.decode(op, &memo, &cx, &reply)? {
                Turn::Done(output) => return Ok(output),
                Turn::Next(next) => {
                    memo = next;
                    self.memo.values.extend(memo.values.clone());
                }
            }
        }
        panic!("no end after ten turns");
    }

    fn place(&mut self) -> Result<Progress, Fault> {
        let package = if self.vendor.sandbox {
            "basic"
        } else {
            "driver_pro"
        };
        let op = PlaceOrder {
            order: Arc::new(order(package)),
            ours: OurRef(OURS.into()),
            callback_url: "https://gateway.example/callbacks/one".into(),
        };
        let place = Arc::clone(&self.vendor.place);
        let progress = self.drive(&op, &*place, Memo::default())?;
        self.memo.values.extend(progress.keep.clone());
        Ok(progress)
    }

    fn fetch(&mut self, op: &FetchOrder) -> Result<Found, Fault> {
        let fetch = self.vendor.fetch.clone().unwrap();
        let memo = self.memo.clone();
        let found = self.drive(op, &*fetch, memo)?;
        if let Found::One(progress) = &found {
            self.memo.values.extend(progress.keep.clone());
        }
        Ok(found)
    }

    fn by_ours(&mut self) -> Result<Found, Fault> {
        self.fetch(&FetchOrder::Ours {
            order: Arc::new(order("any")),
            ours: OurRef(OURS.into()),
            first_sent_at: START,
        })
    }

    /// What the callbacks due by now say, each verified and read.
    fn callbacks(&mut self) -> Vec<Says> {
        let callbacks = self.vendor.callbacks.clone().unwrap();
        let mut said = Vec::new();
        for outgoing in self.fake.due(self.now) {
            let headers = lower_case(&outgoing.headers);
            let incoming = Incoming {
                method: &outgoing.method,
                headers: &headers,
                query: &[],
                body: &outgoing.body,
            };
            let secrets = |name: &str| vec![Private::from(self.secrets[name])];
            let believed: Verified<'_> =
                verify(&callbacks.proof, &incoming, &secrets, self.now).unwrap();
            let cx = Context {
                settings: &self.settings,
                key: "",
                base_url: "",
            };
            let notes = callbacks.reader.read(believed, &cx).unwrap();
            said.extend(notes.into_iter().map(|note| note.says));
            let accepted = &callbacks.accepted;
            let (status, body) = (Some(accepted.status), accepted.body.as_bytes());
            self.fake.answered(outgoing.id, status, body, self.now);
        }
        said
    }

    fn fault(&mut self, kind: FaultKind, path: &str) {
        self.fake.fault(FaultOrder {
            kind,
            path: path.to_owned(),
            method: String::new(),
            times: 1,
        });
    }
}

fn standing(found: Found) -> Option<Standing> {
    match found {
        Found::One(progress) => progress.standing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_placed_announced_and_passes_at_both_vendors() {
    for name in ["sandbox", "checkr"] {
        let mut pair = Pair::new(name);
        let placed = pair.place().unwrap();
        assert_eq!(placed.standing, Some(Standing::Invited), "{name}");
        pair.now += 10_000;
        let said = pair.callbacks();
        assert!(!said.is_empty(), "{name}");
        let fetched = pair.fetch(&FetchOrder::Theirs(placed.theirs)).unwrap();
        let pass = Some(Standing::Complete(Outcome::Pass));
        assert_eq!(standing(fetched), pass, "{name}");
        assert_eq!(pair.fake.orders().len(), 1, "{name}");
        assert_eq!(pair.fake.orders()[0].reference, OURS, "{name}");
    }
}

#[test]
fn catalogs_and_credentials_are_read_from_both_vendors() {
    for name in ["sandbox", "checkr"] {
        let mut pair = Pair::new(name);
        let verify = pair.vendor.verify.clone().unwrap();
        pair.drive(&VerifyCredentials, &*verify, Memo::default())
            .unwrap();
        let list = pair.vendor.list.clone().unwrap();
        let catalog = pair.drive(&ListPackages, &*list, Memo::default()).unwrap();
        assert!(catalog.packages.len() >= 2, "{name}: {catalog:?}");
        let priced = |price: &Option<String>| price.as_ref().is_some_and(|p| p.contains('.'));
        assert!(
            catalog
                .packages
                .iter()
                .all(|package| priced(&package.price)),
            "{name}"
        );
        pair.secrets.insert("api_key", "wrong");
        let denied = pair.drive(&VerifyCredentials, &*verify, Memo::default());
        assert_eq!(denied, Err(Fault::Denied), "{name}");
    }
}

#[test]
fn an_order_whose_answer_was_lost_is_found_again_and_one_that_never_was_is_not() {
    for (name, path) in [("sandbox", "/orders"), ("checkr", "/v1/invitations")] {
        let mut pair = Pair::new(name);
        assert_eq!(
            pair.by_ours(),
            Ok(Found::NotSeen { blind: false }),
            "{name}"
        );
        pair.fault(FaultKind::ActAndBadGateway, path);
        assert!(matches!(pair.place(), Err(Fault::Unclear(_))), "{name}");
        let found = pair.by_ours().unwrap();
        assert_eq!(standing(found), Some(Standing::Invited), "{name}");
        assert_eq!(pair.fake.orders().len(), 1, "{name}");
    }
}

#[test]
fn a_busy_vendor_is_busy_and_refused_credentials_are_denied() {
    for name in ["sandbox", "checkr"] {
        let mut pair = Pair::new(name);
        pair.fault(FaultKind::TooMany, "");
        assert!(matches!(pair.place(), Err(Fault::Busy(_))), "{name}");
        pair.fault(FaultKind::Unauthorized, "");
        assert_eq!(pair.place().map(|_| ()), Err(Fault::Denied), "{name}");
        assert!(pair.fake.orders().is_empty(), "{name}");
    }
}

#[test]
fn an_invited_applicant_can_be_let_go_and_a_finished_check_cannot() {
    for name in ["sandbox", "checkr"] {
        let mut pair = Pair::new(name);
        let theirs = pair.place().unwrap().theirs;
        let cancel = pair.vendor.cancel.clone().unwrap();
        let op = CancelOrder {
            theirs: theirs.clone(),
        };
        let memo = pair.memo.clone();
        let canceled = pair.drive(&op, &*cancel, memo).unwrap();
        assert_eq!(canceled.standing, Some(Standing::Canceled), "{name}");
        let fetched = pair.fetch(&FetchOrder::Theirs(theirs)).unwrap();
        assert_eq!(standing(fetched), Some(Standing::Canceled), "{name}");

        let mut pair = Pair::new(name);
        let op = CancelOrder {
            theirs: pair.place().unwrap().theirs,
        };
        pair.now += 10_000;
        let memo = pair.memo.clone();
        let refused = pair.drive(&op, &*cancel, memo);
        assert!(
            matches!(refused, Err(Fault::Refused { .. })),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn an_applicant_whom_checkr_takes_no_third_time_is_reused() {
    let mut pair = Pair::new("checkr");
    for nth in 0..5 {
        pair.memo = Memo::default();
        pair.now += 1;
        // Every order has keys of its own.
        pair.settings.insert("nth".into(), nth.into());
        let placed = place_with_key(&mut pair, nth);
        assert_eq!(
            placed.map(|progress| progress.standing),
            Ok(Some(Standing::Invited)),
            "{nth}"
        );
    }
    assert_eq!(pair.fake.orders().len(), 5);
}

fn place_with_key(pair: &mut Pair, nth: u64) -> Result<Progress, Fault> {
    let op = PlaceOrder {
        order: Arc::new(order("driver_pro")),
        ours: OurRef(format!("{nth:024}")),
        callback_url: String::new(),
    };
    let how = Keyed {
        how: Arc::clone(&pair.vendor.place),
        nth,
    };
    pair.drive(&op, &how, Memo::default())
}

/// Placing, with keys that differ by order.
struct Keyed {
    how: Arc<dyn Translate<PlaceOrder>>,
    nth: u64,
}

impl Translate<PlaceOrder> for Keyed {
    fn encode(
        &self,
        op: &PlaceOrder,
        memo: &Memo,
        cx: &Context<'_>,
    ) -> Result<Request, crate::Unfit> {
        let key = format!("{}-{}", cx.key, self.nth);
        self.how.encode(op, memo, &Context { key: &key, ..*cx })
    }

    fn decode(
        &self,
        op: &PlaceOrder,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Progress>, Fault> {
        self.how.decode(op, memo, cx, reply)
    }
}

#[test]
fn every_state_of_a_checkr_report_is_read_as_it_is_meant() {
    use Outcome::{Fail, Pass, Review};
    use Standing::{Canceled, Complete, Expired, InProgress, OnHold};
    for (status, result, expected) in [
        ("expired", None, Some(Expired)),
        ("deleted", None, Some(Canceled)),
        ("completed", None, Some(InProgress)),
        ("pending", None, Some(InProgress)),
        ("suspended", None, Some(OnHold)),
        ("paused", None, Some(OnHold)),
        ("dispute", Some("consider"), Some(OnHold)),
        ("canceled", None, Some(Canceled)),
        ("complete", Some("clear"), Some(Complete(Pass))),
        ("complete", Some("consider"), Some(Complete(Review))),
        ("complete", None, Some(Complete(Review))),
        (
            "complete",
            Some("clear+includes_canceled"),
            Some(Complete(Review)),
        ),
        (
            "complete",
            Some("consider+adjudication=post_adverse_action"),
            Some(Complete(Fail)),
        ),
        (
            "complete",
            Some("consider+adjudication=pre_adverse_action"),
            Some(Complete(Review)),
        ),
        (
            "complete",
            Some("clear+adjudication=engaged"),
            Some(Complete(Pass)),
        ),
        ("complete", Some("gremlins"), Some(Complete(Review))),
        ("clear", None, Some(Complete(Pass))),
        ("consider", None, Some(Complete(Review))),
        ("gremlins", Some("clear"), None),
    ] {
        let mut pair = Pair::new("checkr");
        let theirs = pair.place().unwrap().theirs;
        assert!(pair.fake.advance(OURS, status, result, pair.now));
        let found = pair.fetch(&FetchOrder::Theirs(theirs)).unwrap();
        assert_eq!(standing(found), expected, "{status} {result:?}");
    }
}

#[test]
fn an_assessment_decides_only_where_a_setting_says_so() {
    use Outcome::{Pass, Review};
    for (result, ignored, used) in [
        ("consider+assessment=eligible", Review, Pass),
        ("clear+assessment=review", Pass, Review),
        ("clear+assessment=escalated", Pass, Review),
        ("clear+assessment=gremlins", Pass, Review),
        ("clear", Pass, Pass),
        (
            "clear+includes_canceled+assessment=eligible",
            Review,
            Review,
        ),
    ] {
        for (word, expected) in [("ignore", ignored), ("use", used)] {
            let mut pair = Pair::new("checkr");
            pair.settings.insert("assessment".into(), word.into());
            let theirs = pair.place().unwrap().theirs;
            assert!(pair.fake.advance(OURS, "complete", Some(result), pair.now));
            let found = pair.fetch(&FetchOrder::Theirs(theirs)).unwrap();
            let expected = Some(Standing::Complete(expected));
            assert_eq!(standing(found), expected, "{result}, {word}");
        }
    }
}

#[test]
fn who_works_outside_the_us_is_never_seen_and_never_proven_absent() {
    let mut pair = Pair::new("checkr");
    pair.settings.insert("work_location".into(), "CA-ON".into());
    assert_eq!(pair.by_ours(), Ok(Found::NotSeen { blind: true }));
    pair.place().unwrap();
    assert_eq!(pair.by_ours(), Ok(Found::NotSeen { blind: true }));
    pair.memo = Memo::default();
    assert_eq!(pair.by_ours(), Ok(Found::NotSeen { blind: true }));
}
