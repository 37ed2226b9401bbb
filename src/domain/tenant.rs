//! A tenant (one client account of the ATS), its words, and its connections to vendors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use adapters::vocabulary::{Millis, Outcome, Private};
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::millis;
use crate::domain::order::{Stage, result_word};

/// The pace of a tenant's requests, kept as the one number that the generic cell rate algorithm
/// needs: when the requests let through so far would have been due at an even pace.
#[derive(Debug, Default)]
pub struct Pace(AtomicI64);

impl Pace {
    /// Lets one request through at `now` (in microseconds of any clock that only rises), where not
    /// more than a second's worth of requests comes at once.
    ///
    /// # Errors
    /// How long to wait.
    pub fn take(&self, per_second: u32, now: i64) -> Result<(), Duration> {
        let interval = 1_000_000 / i64::from(per_second.max(1));
        let due = self.0.load(Ordering::Relaxed).max(now);
        if due - now > 1_000_000 - interval {
            let wait = due - now - (1_000_000 - interval);
            return Err(Duration::from_micros(wait.unsigned_abs()));
        }
        // Two requests at the same instant may both read `due`; adding keeps both counted.
        self.0.fetch_max(now, Ordering::Relaxed);
        self.0.fetch_add(interval, Ordering::Relaxed);
        Ok(())
    }
}

/// A live API Secret.
#[derive(Clone, Debug)]
pub struct LiveSecret {
    /// Its SHA-256, in hex.
    pub digest: String,
    /// When it was used last; shared by every reading of the secret.
    pub used: Arc<LastUse>,
}

impl LiveSecret {
    /// A secret that this process has not seen used.
    pub fn new(digest: String) -> Self {
        Self {
            digest,
            used: Arc::default(),
        }
    }
}

/// When a secret was used last, to the minute: noting it costs a request two loads, and writing it
/// down is left to whoever has time.
#[derive(Debug, Default)]
pub struct LastUse {
    noted: AtomicI64,
    written: AtomicI64,
}

impl LastUse {
    /// How much later a use has to be than the one noted before to be noted.
    const APART: Duration = Duration::from_secs(60);

    /// Notes a use.
    pub fn note(&self, now: Millis) {
        if now - self.noted.load(Ordering::Relaxed) >= millis(Self::APART) {
            self.noted.store(now, Ordering::Relaxed);
        }
    }

    /// The last use that was noted, where it was not written down yet.
    pub fn unwritten(&self) -> Option<Millis> {
        let noted = self.noted.load(Ordering::Relaxed);
        (noted > self.written.load(Ordering::Relaxed)).then_some(noted)
    }

    /// The use of that time has been written down.
    pub fn note_written(&self, at: Millis) {
        self.written.fetch_max(at, Ordering::Relaxed);
    }
}

/// A client account of the ATS.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Ours, internal.
    pub id: String,
    /// What the ATS sends as the Basic user.
    pub account_id: String,
    /// For people.
    pub name: String,
    /// The live API Secrets; two while one is being rotated.
    pub secrets: Vec<LiveSecret>,
    /// True: every call is refused.
    pub disabled: bool,
    /// How it wants to be served.
    pub options: TenantOptions,
    /// How fast it calls; shared by every reading of the tenant.
    pub pace: Arc<Pace>,
    /// Its connections, oldest first.
    pub connections: Vec<Arc<Connection>>,
    /// What signs its webhooks, `whsec_...`, where it has one.
    pub signing_secret: Option<Private<String>>,
    /// Its own Basic pair for webhooks that ask for it, as the header's value.
    pub webhook_basic: Option<Private<String>>,
}

impl Tenant {
    /// Its connection of that id.
    pub fn connection(&self, id: &str) -> Option<&Arc<Connection>> {
        self.connections
            .iter()
            .find(|connection| connection.id == id)
    }

    /// Its live secret of that digest.
    pub fn secret(&self, digest: &str) -> Option<&LiveSecret> {
        self.secrets.iter().find(|secret| secret.digest == digest)
    }

    /// What the ATS reads for a stage.
    pub fn status_word(&self, stage: Stage) -> &str {
        self.options
            .words
            .status
            .get(&stage)
            .map_or(stage.as_str(), String::as_str)
    }

    /// What the ATS reads for a result.
    pub fn result_word(&self, result: Option<Outcome>) -> &str {
        let word = result_word(result);
        self.options
            .words
            .result
            .get(word)
            .map_or(word, String::as_str)
    }
}

/// How a tenant wants to be served. Stored as JSON; an import file gives the same members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantOptions {
    /// What an order is answered whose vendor is certainly not reached.
    pub when_unavailable: WhenUnavailable,
    /// What an order is answered whose vendor may or may not have it.
    pub when_unconfirmed: WhenUnconfirmed,
    /// Requests it may make each second.
    pub requests_per_second: u32,
    /// How it is told.
    pub webhook: WebhookOptions,
    /// What it reads.
    pub words: Words,
}

impl Default for TenantOptions {
    fn default() -> Self {
        Self {
            when_unavailable: WhenUnavailable::Error,
            when_unconfirmed: WhenUnconfirmed::Accept,
            requests_per_second: 50,
            webhook: WebhookOptions::default(),
            words: Words::default(),
        }
    }
}

/// What happens to an order whose vendor is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnavailable {
    /// 503; nothing was placed and nothing will be.
    Error,
    /// 201; placed when the vendor is back.
    Queue,
}

/// What happens to an order whose end we do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnconfirmed {
    /// 201; we find out.
    Accept,
    /// 504, saying so.
    Error,
}

/// How a tenant is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookOptions {
    /// Hosts a `webhook_url` may name; empty: any public host.
    pub hosts: Vec<String>,
    /// Ports beside 443 and 8443.
    pub ports: Vec<u16>,
    /// True: stages before the end are sent too.
    pub updates: bool,
    /// True: sent with the tenant's own Basic pair.
    pub basic: bool,
}

/// What the ATS reads for results and stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// By `pass`, `review`, `fail`, `none`.
    #[serde(deserialize_with = "result_words")]
    pub result: BTreeMap<String, String>,
    /// By stage.
    #[serde(with = "stage_words")]
    pub status: std::collections::HashMap<Stage, String>,
}

impl Default for Words {
    fn default() -> Self {
        let result = [
            ("pass", "Pass"),
            ("review", "Review"),
            ("fail", "Fail"),
            ("none", ""),
        ];
        let status = [
            (Stage::Complete, "complete"),
            (Stage::Canceled, "canceled"),
            (Stage::Expired, "expired"),
            (Stage::Refused, "error"),
            (Stage::Failed, "error"),
        ];
        Self {
            result: result
                .map(|(key, word)| (key.to_owned(), word.to_owned()))
                .into(),
            status: status.map(|(stage, word)| (stage, word.to_owned())).into(),
        }
    }
}

/// Reads the table of results so that what it leaves out keeps its default.
fn result_words<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let mut words = Words::default().result;
    words.extend(BTreeMap::<String, String>::deserialize(from)?);
    Ok(words)
}

/// Reads a table by stage so that what it leaves out keeps its default, and names a wrong key.
mod stage_words {
    use std::collections::{BTreeMap, HashMap};

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Stage, Words};

    pub(super) fn serialize<S: Serializer>(
        words: &HashMap<Stage, String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        words
            .iter()
            .map(|(stage, word)| (stage.as_str(), word))
            .collect::<BTreeMap<_, _>>()
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<HashMap<Stage, String>, D::Error> {
        let mut words = Words::default().status;
        let given = HashMap::<Key, String>::deserialize(from)?.into_iter();
        words.extend(given.map(|(Key(stage), word)| (stage, word)));
        Ok(words)
    }

    /// A stage as a key of its own, so that a wrong one is told with its own place.
    #[derive(PartialEq, Eq, Hash)]
    struct Key(Stage);

    impl<'de> Deserialize<'de> for Key {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let key = String::deserialize(from)?;
            Stage::parse(&key).map(Self).ok_or_else(|| {
                D::Error::custom(format!(
                    "`{key}` is not a stage; stages are {}",
                    Stage::ALL.map(Stage::as_str).join(", ")
                ))
            })
        }
    }
}

/// Secrets of a connection by name; several values while one is being rotated. There may be tens of
/// thousands of connections with two secrets each, so this is a list and not a map.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Vec<(String, Vec<Private<String>>)>);

impl Credentials {
    /// The live values of a secret, the newest last.
    pub fn get(&self, name: &str) -> Option<&[Private<String>]> {
        let (_, values) = self.0.iter().find(|(known, _)| known == name)?;
        Some(values)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[Private<String>])> {
        let secrets = self.0.iter();
        secrets.map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

impl FromIterator<(String, Vec<Private<String>>)> for Credentials {
    fn from_iter<I: IntoIterator<Item = (String, Vec<Private<String>>)>>(secrets: I) -> Self {
        let mut secrets: Vec<_> = secrets.into_iter().collect();
        secrets.sort_by(|(a, _), (b, _)| a.cmp(b));
        secrets.shrink_to_fit();
        Self(secrets)
    }
}

/// One tenant's account at one vendor.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Ours, internal.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Its name, unique in the tenant.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The vendor's sheet.
    pub vendor: String,
    /// Where the vendor is, without a slash at the end.
    pub base_url: String,
    /// Before every id offered from now on.
    pub prefix: String,
    /// What the sheet asks for, with its defaults filled in.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// What the tenant says of single offers.
    pub overlay: Vec<OfferOverlay>,
    /// Secrets by name; several values while one is being rotated.
    pub credentials: Credentials,
    /// The unguessable part of its callback address.
    pub callback_token: Private<String>,
    /// No offers and no orders any more.
    pub retired: bool,
}

impl Connection {
    /// The live values of a secret.
    pub fn secrets(&self, name: &str) -> Vec<Private<String>> {
        self.credentials.get(name).unwrap_or_default().to_vec()
    }
}

/// What a tenant says of one offer of a connection, over what the vendor says. Each member left
/// out keeps the vendor's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferOverlay {
    /// The vendor's id of it.
    pub vendor_id: String,
    /// The id the ATS sees; left out: prefix and vendor id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Package or add-on; needed only where the vendor lists nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<OfferKind>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The screenings in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenings: Option<Vec<String>>,
    /// True: not offered.
    #[serde(default)]
    pub hidden: bool,
}

/// What an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferKind {
    /// A package.
    Package,
    /// An add-on.
    AddOn,
}

impl OfferKind {
    /// The kind of that word; every word that is not an add-on's is a package's.
    pub fn parse(word: &str) -> Self {
        match word {
            "add_on" => Self::AddOn,
            _ => Self::Package,
        }
    }

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::AddOn => "add_on",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_lets_a_seconds_worth_through_at_once_and_then_one_at_a_time() {
        let pace = Pace::default();
        let now = 5_000_000;
        for _ in 0..10 {
            assert_eq!(pace.take(10, now), Ok(()));
        }
        assert_eq!(pace.take(10, now), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(10, now + 100_000), Ok(()));
        assert!(pace.take(10, now + 100_001).is_err());
        assert_eq!(pace.take(10, now + 9_000_000), Ok(()));
    }

    #[test]
    fn a_use_is_noted_and_written_at_most_once_a_minute() {
        let used = LastUse::default();
        assert_eq!(used.unwritten(), None);
        let now = 1_800_000_000_000;
        for later in [0, 1, 59_999] {
            used.note(now + later);
            assert_eq!(used.unwritten(), Some(now));
        }
        used.note_written(now);
        used.note(now + 59_999);
        assert_eq!(used.unwritten(), None);
        used.note(now + 60_000);
        assert_eq!(used.unwritten(), Some(now + 60_000));
    }

    #[test]
    fn words_left_out_keep_their_defaults_and_a_wrong_stage_is_named() {
        let words: Words = toml::from_str("status = { failed = \"problem\" }").unwrap();
        assert_eq!(words.status[&Stage::Failed], "problem");
        assert_eq!(words.status[&Stage::Complete], "complete");
        let words: Words = toml::from_str("result = { pass = \"Clear\" }").unwrap();
        assert_eq!(words.result["pass"], "Clear");
        assert_eq!(words.result["review"], "Review");
        let wrong = toml::from_str::<Words>("status = { finished = \"x\" }").unwrap_err();
        assert!(
            wrong
                .to_string()
                .contains("`finished` is not a stage; stages are received"),
            "{wrong}"
        );
    }
}
