//! A vendor as a value: its settings, the engine's rules for it, and the operations it has.

use std::sync::Arc;
use std::time::Duration;

use super::Translate;
use super::auth::Auth;
use super::operations::{
    CancelOrder, FetchMany, FetchOrder, ListPackages, PlaceOrder, ReportLink, VerifyCredentials,
};
use crate::callback::Callbacks;
use crate::sample::Sample;
use crate::sheet::OwnWords;

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
    /// Canonical fields ([`crate::vocabulary::Order::FIELDS`]) that the vendor has no place for, so that none is lost
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
    /// True where that goes by the person and what is new of theirs, because the vendor takes no
    /// reference of ours, or keeps it with the person alone. Two orders for one person are then placed one after the other, never at once.
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
