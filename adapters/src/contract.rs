//! What a vendor owes the gateway: operations as pairs of pure functions, and the data that tells
//! the engine what a second copy of a request would do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::callback::Callbacks;
use crate::sample::Sample;
use crate::sheet::OwnWords;
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
    /// None. Whether that proves absence depends on `blind` and on [`Policy::absent_after`].
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

/// What a second copy of a request would do at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it only reads.
    Read,
    /// Nothing within this time of the first copy, because the vendor dedupes on a key in it;
    /// afterwards it counts as [`Effect::Once`].
    Repeatable {
        /// How long the vendor remembers the key.
        within: Duration,
    },
    /// It might order again.
    Once,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it stands on the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How a secret is written into the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// As it is (headers).
    None,
    /// Inside a JSON string.
    Json,
    /// Inside a form value.
    Form,
    /// Inside XML text or an attribute.
    Xml,
}

impl Escape {
    /// `text` as it is written there: whatever is in it, it stays one value.
    pub fn write(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => utf8_percent_encode(text, UNRESERVED).to_string(),
            Self::Xml => {
                let mut written = String::with_capacity(text.len());
                text.chars().for_each(|letter| xml(letter, &mut written));
                written
            }
        }
    }
}

/// What need not be encoded: the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A letter in XML text or an attribute. Everything but printable ASCII is a numeric reference, so
/// that no character set and no normalising of line ends changes it; what XML 1.0 (section 2.2)
/// has no character for is left out.
fn xml(letter: char, written: &mut String) {
    match letter {
        '&' => written.push_str("&amp;"),
        '<' => written.push_str("&lt;"),
        '>' => written.push_str("&gt;"),
        '"' => written.push_str("&quot;"),
        '\'' => written.push_str("&apos;"),
        ' '..='~' => written.push(letter),
        '\u{fffe}' | '\u{ffff}' => {}
        '\t' | '\n' | '\r' | '\u{7f}'.. => {
            written.push_str(&format!("&#{};", u32::from(letter)));
        }
        _ => {}
    }
}

/// A part of a header or body: bytes, or a hole that the engine fills when the request leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The connection's secret of this name.
    Secret {
        /// Which secret.
        name: String,
        /// How it is written.
        escape: Escape,
    },
}

impl Piece {
    /// A piece of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }
}

/// A request to a vendor, with holes where secrets go. It can be stored (sealed) and sent again,
/// byte for byte.
///
/// It has no `Debug` of its contents, because its body holds personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The step of the operation, as the sheet names it.
    pub step: String,
    /// HTTP method.
    pub method: Method,
    /// Path below the connection's base URL, beginning with `/`, percent-encoded; nothing personal.
    pub path: String,
    /// Query parameters, not yet encoded. Personal only where the sheet marks them so.
    pub query: Vec<(String, String)>,
    /// Headers beside those the engine sets (`authorization`, `content-type`, `content-length`).
    pub headers: Vec<(String, Vec<Piece>)>,
    /// Media type of the body, if there is one.
    pub mime: Option<String>,
    /// The body.
    pub body: Vec<Piece>,
    /// What a second copy would do.
    pub effect: Effect,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("step", &self.step)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        for piece in &mut self.body {
            if let Piece::Bytes(bytes) = piece {
                bytes.zeroize();
            }
        }
    }
}

/// A vendor's whole answer. The engine has capped it and followed no redirect.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// What an operation carries from step to step. The engine persists it with the order while one is
/// placed, and hands what was kept to later operations on the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// The step that comes next; empty at the beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// Values captured so far. Vendor ids only; never personal data or a secret.
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
    /// The canonical field at fault, one of [`Order::FIELDS`] or a setting (`settings.NAME`).
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

/// A setting a connection must or may give.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name in `settings = { ... }`.
    pub name: String,
    /// What it is, for the person who fills it in.
    pub meaning: String,
    /// Used when it is left out; `None`: it must be given.
    pub default: Option<serde_json::Value>,
    /// What a value looks like, for messages: `US-CA`.
    pub example: String,
    /// What values are accepted.
    pub form: SettingForm,
}

/// What values a setting accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingForm {
    /// Any text.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
    /// An ISO 3166-2 code of a US state or another country's region, `US-CA`, or a country, `CA`;
    /// or the word `applicant`, the applicant's own state in the US, which must be written out.
    Region,
    /// A table from words to words.
    Table,
}

impl SettingForm {
    /// True for a value of this form.
    pub fn accepts(&self, value: &serde_json::Value) -> bool {
        let is_words = |word: &serde_json::Value| word.is_string();
        match (self, value) {
            (Self::Text, serde_json::Value::String(text)) => !text.trim().is_empty(),
            (Self::OneOf(words), serde_json::Value::String(text)) => words.contains(text),
            (Self::Region, serde_json::Value::String(text)) => {
                text == "applicant" || is_region(text)
            }
            (Self::Table, serde_json::Value::Object(table)) => table.values().all(is_words),
            _ => false,
        }
    }
}

/// `CA` or `US-CA`. A place in the US names its state, because disclosures differ by state.
pub(crate) fn is_region(text: &str) -> bool {
    let is_country = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let is_part = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match text.split_once('-') {
        Some((country, part)) => is_country(country) && is_part(part),
        None => is_country(text) && text != "US",
    }
}

/// Fetches a token that later requests carry. Its request needs nothing but the connection's
/// settings and secrets, and is never kept.
#[derive(Clone, Debug)]
pub struct FetchToken;

impl Operation for FetchToken {
    const NAME: &'static str = "token";
    type Output = Token;
}

/// A token and how long it lives.
#[derive(Clone, Debug)]
pub struct Token {
    /// What requests carry.
    pub value: Private<String>,
    /// Its life from now on, where the vendor says; else [`TokenAuth::default_lifetime`].
    pub lifetime: Option<Duration>,
}

/// How a request proves who we are. The engine applies it; secrets are named, never seen.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Credentials stand in the document, through holes, or there are none.
    None,
    /// A header with a constant form around a secret: `Authorization: Bearer ...`.
    Header {
        /// The header's name.
        name: String,
        /// Its value.
        value: Vec<Piece>,
    },
    /// HTTP Basic. Either half may be empty.
    Basic {
        /// The user.
        user: Vec<Piece>,
        /// The password.
        password: Vec<Piece>,
    },
    /// A token that is fetched first: OAuth 2 client credentials, or a login.
    Token(TokenAuth),
}

/// How a token is had and sent. The engine keeps it in memory, renews it before its end, and on a
/// 401 drops it and asks once more.
#[derive(Clone)]
pub struct TokenAuth {
    /// The header that carries it, in lower case.
    pub header: String,
    /// What stands before it in that header: `Bearer `.
    pub prefix: String,
    /// How the request for a token itself proves who we are; never [`Auth::Token`].
    pub client: Box<Auth>,
    /// Its life where the vendor does not say.
    pub default_lifetime: Duration,
    /// How long before its end it is renewed.
    pub renew_before: Duration,
    /// Asks for it, in one turn.
    pub fetch: Arc<dyn Translate<FetchToken>>,
}

impl std::fmt::Debug for TokenAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAuth")
            .field("header", &self.header)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// The alphabet and length of our reference at a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Letters it may be made of.
    pub alphabet: String,
    /// How many of them.
    pub length: usize,
}

/// What to do with a placing whose end is unknown, once its key is no longer alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// Look it up; if it is proven absent, place it again.
    LookUpThenRepeat,
    /// Look it up; if it is not there, a person decides.
    LookUp,
    /// Wait for a callback that names it for this long, then a person decides.
    WaitForCallback(Duration),
    /// A person decides.
    Person,
}

/// The engine's rules for a vendor, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What our reference may look like.
    pub reference: Reference,
    /// What to do when the end of a placing is unknown.
    pub ambiguity: Ambiguity,
    /// Not seeing an order in a look-up proves its absence only this long after it was sent.
    pub absent_after: Duration,
    /// How soon after placing the first look comes; later ones come ever more slowly.
    pub look_first: Duration,
    /// The longest time between two looks.
    pub look_at_most: Duration,
    /// How long a finished order is still looked at because it may reopen; `None`: it may not.
    pub reopens_for: Option<Duration>,
    /// The largest number of turns placing may take.
    pub most_turns: usize,
}

/// A vendor: a record of the operations it has. What it lacks is `None`.
#[derive(Clone)]
pub struct Vendor {
    /// Its name in configuration, logs and metrics: `sandbox`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What a connection must or may set.
    pub settings: Vec<Setting>,
    /// The secrets a connection must give, by name.
    pub credentials: Vec<String>,
    /// How requests prove who we are.
    pub auth: Auth,
    /// The engine's rules.
    pub policy: Policy,
    /// True for the fake vendor that passes people by their last name; needs
    /// `vendors.allow_sandbox`.
    pub sandbox: bool,
    /// Canonical fields ([`Order::FIELDS`]) that the vendor has no place for, so that none is lost
    /// in silence; `reference` stands for our reference, where the vendor takes none.
    pub dropped: Vec<String>,
    /// Every step a placing memo may name.
    pub placing_steps: Vec<String>,
    /// Places an order.
    pub place: Arc<dyn Translate<PlaceOrder>>,
    /// Lists packages; `None`: the catalog is the connection's overlay.
    pub list: Option<Arc<dyn Translate<ListPackages>>>,
    /// Reads an order.
    pub fetch: Option<Arc<dyn Translate<FetchOrder>>>,
    /// True where [`FetchOrder::Ours`] works.
    pub finds_ours: bool,
    /// True where that goes by the person and the time, because the vendor takes no reference of
    /// ours. Two orders for one person are then placed one after the other, never at once.
    pub finds_by_person: bool,
    /// Reads many orders.
    pub fetch_many: Option<Arc<dyn Translate<FetchMany>>>,
    /// Cancels an order.
    pub cancel: Option<Arc<dyn Translate<CancelOrder>>>,
    /// Makes a report link.
    pub report: Option<Arc<dyn Translate<ReportLink>>>,
    /// Checks credentials.
    pub verify: Option<Arc<dyn Translate<VerifyCredentials>>>,
    /// Reads callbacks; `None`: the vendor sends none.
    pub callbacks: Option<Callbacks>,
    /// The settings in which a connection says what its own words mean.
    pub own_words: Vec<OwnWords>,
    /// Samples of what it sends, for [`crate::sample::failures`].
    pub samples: Vec<Sample>,
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vendor")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
