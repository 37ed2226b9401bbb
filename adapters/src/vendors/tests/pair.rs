//! A sheet and the fake vendor it talks to, driven as the engine drives them: no sockets, and a
//! clock that only tests move.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::callback::{Incoming, Note, verify};
use crate::contract::{
    Auth, CancelOrder, Context, Fault, FetchOrder, FetchToken, Found, ListPackages, Memo,
    MintedReport, Operation, Piece, PlaceOrder, Reply, ReportLink, Request, TokenAuth, Translate,
    Turn, Unfit, Vendor, VerifyCredentials,
};
use crate::simulator::{
    Arrived, FaultKind, FaultOrder, Manner, Outgoing, Simulator, lower_case, named,
};
use crate::vocabulary::{
    Applicant, Catalog, HiringManager, Millis, Order, OurRef, Outcome, Private, Progress, Standing,
    TheirRef,
};

/// A moment in 2026 at which tests begin: 2026-02-01T10:00:02Z.
pub(super) const START: Millis = 1_769_940_002_000;
/// The results that an order may have come to.
pub(super) const PASS: Option<Standing> = Some(Standing::Complete(Outcome::Pass));
pub(super) const REVIEW: Option<Standing> = Some(Standing::Complete(Outcome::Review));
pub(super) const FAIL: Option<Standing> = Some(Standing::Complete(Outcome::Fail));
/// Where callbacks go.
pub(super) const HOOK: &str = "https://gateway.example/callbacks/vendor/token";

/// A vendor's sheet, its fake, and what the engine would hold of one order.
pub(super) struct Pair {
    pub(super) vendor: Arc<Vendor>,
    pub(super) fake: Box<dyn Simulator>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) now: Millis,
    /// What was kept of the order, and the step that comes next.
    pub(super) memo: Memo,
    /// Every request so far: its method and target, and its body.
    pub(super) sent: Vec<(String, String)>,
    /// What becomes of answers on their way.
    pub(super) spoil: Option<Spoil>,
    token: Option<String>,
    nth: u64,
}

/// What becomes of a body.
pub(super) type Spoil = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;

/// What became of a callback.
pub(super) struct Heard {
    pub(super) notes: Vec<Note>,
    /// What it was answered.
    pub(super) status: u16,
}

impl Pair {
    /// A shipped vendor and its fake with its default account.
    pub(super) fn of(name: &str) -> Self {
        Self::with(named(name).expect("it has a fake"))
    }

    /// A fake and the shipped vendor that it fakes, with the fake's credentials.
    pub(super) fn with(fake: Box<dyn Simulator>) -> Self {
        let shipped = crate::shipped().into_iter();
        let mut found = shipped.filter(|vendor| vendor.name == fake.name());
        Self::between(found.next().expect("it ships"), fake)
    }

    /// A vendor, shipped or not, and its fake.
    pub(super) fn between(vendor: Arc<Vendor>, mut fake: Box<dyn Simulator>) -> Self {
        let defaults = vendor.settings.iter().filter_map(|setting| {
            let default = setting.default.clone()?;
            Some((setting.name.clone(), default))
        });
        let secrets = fake.credentials().into_iter();
        fake.set_callback_url(HOOK);
        Self {
            settings: defaults.collect(),
            secrets: secrets
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            vendor,
            fake,
            now: START,
            memo: Memo::default(),
            sent: Vec::new(),
            spoil: None,
            token: None,
            nth: 1,
        }
    }

    /// Our reference of the present order.
    pub(super) fn ours(&self) -> OurRef {
        let reference = &self.vendor.policy.reference;
        let letters: Vec<char> = reference.alphabet.chars().collect();
        let size = u64::try_from(letters.len()).expect("an alphabet is small");
        let mut rest = self.nth;
        let mut text = String::new();
        for _ in 0..reference.length {
            let at = usize::try_from(rest % size).expect("it is smaller than the alphabet");
            text.push(letters[at]);
            rest /= size;
        }
        OurRef(text)
    }

    /// Forgets the present order; what comes next is of another one.
    pub(super) fn next_order(&mut self) {
        self.nth += 1;
        self.memo = Memo::default();
    }

    /// Places the order, or goes on placing it where the memo stands.
    pub(super) fn place(&mut self, order: &Order) -> Result<Progress, Fault> {
        let op = self.placing(order);
        let place = Arc::clone(&self.vendor.place);
        let progress = self.drive(&op, &*place)?;
        self.memo.step.clear();
        self.memo.values.extend(progress.keep.clone());
        Ok(progress)
    }

    /// What keeps the order from being said to the vendor.
    pub(super) fn unfit(&self, order: &Order) -> Option<Unfit> {
        let op = self.placing(order);
        let (settings, key) = (&self.settings, self.key(""));
        let cx = context(settings, &key);
        self.vendor.place.encode(&op, &self.memo, &cx).err()
    }

    fn placing(&self, order: &Order) -> PlaceOrder {
        PlaceOrder {
            order: Arc::new(order.clone()),
            ours: self.ours(),
            callback_url: HOOK.to_owned(),
        }
    }

    /// Looks at an order by the vendor's reference.
    pub(super) fn look(&mut self, theirs: &TheirRef) -> Result<Progress, Fault> {
        match self.fetch(&FetchOrder::Theirs(theirs.clone()))? {
            Found::One(progress) => Ok(progress),
            other => panic!("{other:?}"),
        }
    }

    /// Where an order stands by the vendor's reference.
    pub(super) fn standing(&mut self, theirs: &TheirRef) -> Option<Standing> {
        self.look(theirs).expect("it is there").standing
    }

    /// Looks the present order up by ours, as after a placing whose end is unknown.
    pub(super) fn look_up(&mut self, order: &Order) -> Result<Found, Fault> {
        let op = FetchOrder::Ours {
            order: Arc::new(order.clone()),
            ours: self.ours(),
            first_sent_at: START,
        };
        self.fetch(&op)
    }

    pub(super) fn fetch(&mut self, op: &FetchOrder) -> Result<Found, Fault> {
        let placing = self.memo.step.clone();
        self.memo.step.clear();
        let fetch = self.vendor.fetch.clone().expect("it can look");
        let found = self.drive(op, &*fetch);
        self.memo.step = placing;
        if let Ok(Found::One(progress)) = &found {
            self.memo.values.extend(progress.keep.clone());
        }
        found
    }

    pub(super) fn cancel(&mut self, theirs: &TheirRef) -> Result<Progress, Fault> {
        let cancel = self.vendor.cancel.clone().expect("it can cancel");
        let theirs = theirs.clone();
        self.aside(&CancelOrder { theirs }, &*cancel)
    }

    /// The link that one click makes.
    pub(super) fn report(&mut self, theirs: &TheirRef) -> Result<String, Fault> {
        let report = self.vendor.report.clone().expect("it makes reports");
        let theirs = theirs.clone();
        match self.aside(&ReportLink { theirs }, &*report)? {
            MintedReport::Link(link) => Ok(link.expose().clone()),
            MintedReport::Document { mime, .. } => Ok(format!("document of {mime}")),
        }
    }

    pub(super) fn list(&mut self) -> Result<Catalog, Fault> {
        let list = self.vendor.list.clone().expect("it lists packages");
        self.aside(&ListPackages, &*list)
    }

    pub(super) fn verify(&mut self) -> Result<(), Fault> {
        let verify = self.vendor.verify.clone().expect("it verifies");
        self.aside(&VerifyCredentials, &*verify)
    }

    /// An operation whose steps are not remembered with the order.
    fn aside<O: Operation>(&mut self, op: &O, how: &dyn Translate<O>) -> Result<O::Output, Fault> {
        let memo = self.memo.clone();
        self.memo.step.clear();
        let output = self.drive(op, how);
        self.memo = memo;
        output
    }

    /// The callbacks due by now, each verified, read and answered as the sheet says.
    pub(super) fn callbacks(&mut self) -> Vec<Heard> {
        let due = self.fake.due(self.now);
        due.iter().map(|outgoing| self.hear(outgoing)).collect()
    }

    /// The body of the last request.
    pub(super) fn last_body(&self) -> &str {
        &self.sent.last().expect("something was sent").1
    }

    /// How many notes the callbacks due by now bring.
    pub(super) fn notes(&mut self) -> usize {
        let heard = self.callbacks();
        heard.iter().map(|heard| heard.notes.len()).sum()
    }

    pub(super) fn hear(&mut self, outgoing: &Outgoing) -> Heard {
        let callbacks = self.vendor.callbacks.clone().expect("it calls back");
        if outgoing.method == "GET" {
            return self.echo(outgoing, callbacks.challenge.as_deref());
        }
        let headers = lower_case(&outgoing.headers);
        let incoming = Incoming {
            method: &outgoing.method,
            headers: &headers,
            query: &[],
            body: &outgoing.body,
        };
        let secrets = |name: &str| {
            let value = self.secrets.get(name);
            value
                .map(|value| Private::from(value.as_str()))
                .into_iter()
                .collect()
        };
        let (now, accepted) = (self.now, &callbacks.accepted);
        let Ok(believed) = verify(&callbacks.proof, &incoming, &secrets, now) else {
            self.fake.answered(outgoing.id, Some(401), b"", now);
            return Heard {
                notes: Vec::new(),
                status: 401,
            };
        };
        let notes = callbacks
            .reader
            .read(believed, &context(&self.settings, ""));
        let (status, body) = (accepted.status, accepted.body.as_bytes());
        self.fake.answered(outgoing.id, Some(status), body, now);
        Heard {
            notes: notes.expect("fakes send what their vendors send"),
            status,
        }
    }

    /// Echoes a challenge, where the sheet says that the vendor sends one.
    fn echo(&mut self, outgoing: &Outgoing, parameter: Option<&str>) -> Heard {
        let query = outgoing.url.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| Some(*name) == parameter);
        let (status, body) = match values.next() {
            Some((_, value)) => (200, value),
            None => (404, ""),
        };
        let body = body.as_bytes();
        self.fake
            .answered(outgoing.id, Some(status), body, self.now);
        Heard {
            notes: Vec::new(),
            status,
        }
    }

    /// Lets one request or callback meet a fault.
    pub(super) fn fault(&mut self, kind: FaultKind, method: &str, path: &str) {
        self.fake.fault(FaultOrder {
            kind,
            path: path.to_owned(),
            method: method.to_owned(),
            times: 1,
        });
    }

    /// Moves the present order at the vendor to its own words.
    pub(super) fn advance(&mut self, status: &str, result: Option<&str>) {
        let held = self.fake.orders();
        let id = &held.last().expect("an order was placed").id;
        assert!(self.fake.advance(id, status, result, self.now));
    }

    /// Makes the steps of one operation. What steps keep stays in the memo, also where a later one
    /// fails.
    fn drive<O: Operation>(&mut self, op: &O, how: &dyn Translate<O>) -> Result<O::Output, Fault> {
        for _ in 0..20 {
            let key = self.key(&self.memo.step);
            let settings = self.settings.clone();
            let cx = context(&settings, &key);
            let request = how.encode(op, &self.memo, &cx).expect("the order is fit");
            let reply = self.exchanged(&request)?;
            match how.decode(op, &self.memo, &cx, &reply)? {
                Turn::Done(output) => return Ok(output),
                Turn::Next(next) => self.memo = next,
            }
        }
        panic!("no end after twenty turns");
    }

    fn key(&self, step: &str) -> String {
        format!("key-{}-{step}", self.nth)
    }

    /// One request with its authorisation. A refused token is dropped and asked for once more.
    fn exchanged(&mut self, request: &Request) -> Result<Reply, Fault> {
        let vendor = Arc::clone(&self.vendor);
        let Auth::Token(token) = &vendor.auth else {
            let header = self.header(&vendor.auth);
            return self.send(request, header);
        };
        let reply = self.send_with_token(request, token)?;
        if reply.status != 401 {
            return Ok(reply);
        }
        self.token = None;
        self.send_with_token(request, token)
    }

    fn send_with_token(&mut self, request: &Request, auth: &TokenAuth) -> Result<Reply, Fault> {
        if self.token.is_none() {
            let settings = self.settings.clone();
            let (cx, memo) = (context(&settings, ""), Memo::default());
            let asked = auth.fetch.encode(&FetchToken, &memo, &cx);
            let client = self.header(&auth.client);
            let reply = self.send(&asked.expect("a token needs no order"), client)?;
            let Turn::Done(token) = auth.fetch.decode(&FetchToken, &memo, &cx, &reply)? else {
                panic!("a token takes one turn");
            };
            self.token = Some(token.value.expose().clone());
        }
        let token = self.token.as_deref().unwrap_or_default();
        let header = (auth.header.clone(), format!("{}{token}", auth.prefix));
        self.send(request, Some(header))
    }

    fn header(&self, auth: &Auth) -> Option<(String, String)> {
        match auth {
            Auth::Header { name, value } => Some((name.clone(), self.text(value))),
            Auth::Basic { user, password } => {
                let pair = format!("{}:{}", self.text(user), self.text(password));
                let value = format!("Basic {}", BASE64.encode(pair));
                Some(("authorization".to_owned(), value))
            }
            Auth::None | Auth::Token(_) => None,
        }
    }

    fn send(
        &mut self,
        request: &Request,
        authorization: Option<(String, String)>,
    ) -> Result<Reply, Fault> {
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), self.text(value)))
            .collect();
        headers.extend(authorization);
        let mime = request.mime.clone();
        headers.extend(mime.map(|mime| ("content-type".to_owned(), mime)));
        let body = self.filled(&request.body);
        headers.push(("content-length".to_owned(), body.len().to_string()));
        let arrived = Arrived {
            method: request.method.as_str().to_owned(),
            target: target(request),
            headers,
            body,
        };
        let line = format!("{} {}", arrived.method, arrived.target);
        let body = String::from_utf8_lossy(&arrived.body).into_owned();
        self.sent.push((line, body));
        let response = self.fake.handle(&arrived, self.now);
        match response.manner {
            Manner::Plainly | Manner::After(_) | Manner::Dripping => Ok(Reply {
                status: response.status,
                headers: dated(lower_case(&response.headers), self.now),
                body: match &self.spoil {
                    Some(spoil) => spoil(response.body),
                    None => response.body,
                },
            }),
            Manner::Never | Manner::Reset | Manner::Truncated => {
                Err(Fault::Unclear("no whole answer came".to_owned()))
            }
        }
    }

    pub(super) fn filled(&self, pieces: &[Piece]) -> Vec<u8> {
        let parts = pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.as_slice(),
            Piece::Secret { name, .. } => self.secrets[name].as_bytes(),
        });
        parts.flatten().copied().collect()
    }

    fn text(&self, pieces: &[Piece]) -> String {
        String::from_utf8(self.filled(pieces)).expect("headers are text")
    }
}

/// A connection with these settings.
pub(super) fn context<'a>(settings: &'a BTreeMap<String, Value>, key: &'a str) -> Context<'a> {
    Context {
        settings,
        key,
        base_url: "https://vendor.example",
    }
}

fn target(request: &Request) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(String, String)| format!("{}={}", encode(name), encode(value));
    let query: Vec<String> = request.query.iter().map(pair).collect();
    match query.is_empty() {
        true => request.path.clone(),
        false => format!("{}?{}", request.path, query.join("&")),
    }
}

/// What every server on the way adds, where the vendor has not.
fn dated(mut headers: Vec<(String, String)>, now: Millis) -> Vec<(String, String)> {
    if headers.iter().all(|(name, _)| name != "date") {
        let now = Timestamp::from_millisecond(now).expect("tests live in our time");
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        headers.push(("date".to_owned(), date));
    }
    headers
}

/// An order of the ATS with all that it gives of an applicant.
pub(super) fn order(package: &str) -> Order {
    let given = |text: &str| Some(Private::from(text));
    Order {
        package: package.to_owned(),
        add_ons: Vec::new(),
        applicant: Applicant {
            id: given("12345"),
            first_name: given("Dana"),
            last_name: given("Reyes"),
            phone: given("888-555-1234"),
            email: given("dana.reyes@mailbox.dev"),
            address: given("123 Main St."),
            address_2: given("Apt. 1"),
            city: given("Springfield"),
            state: given("IL"),
            zip: given("62704"),
        },
        hiring_manager: HiringManager {
            id: given("67890"),
            first_name: given("Jill"),
            last_name: given("Smith"),
            email: given("jill.smith@mailbox.dev"),
        },
        job_id: Some("12345".to_owned()),
        placed_at: START - 1_000,
    }
}
