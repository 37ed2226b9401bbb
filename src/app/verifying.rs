//! Whether a connection works: the cheapest call that proves who we are, and one sentence about
//! what is wrong and where to put it right.

use std::time::Duration;

use adapters::vocabulary::Millis;
use adapters::{Fault, ListPackages, Memo, Vendor, VerifyCredentials};

use crate::app::App;
use crate::clock::millis;
use crate::domain::tenant::Connection;
use crate::vendors::{Asked, CallFailure, Flaw, Heard, Obstacle};

/// Signatures and tokens bear this much between two clocks at most vendors that sign.
const CLOCKS_APART: Duration = Duration::from_secs(120);

/// Whether a connection works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What came of it.
    pub verdict: Verdict,
    /// What is wrong, and where to put it right; or how it was found to be right.
    pub sentence: String,
}

impl Verification {
    /// Nothing is known to be wrong.
    pub fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Good | Verdict::Unchecked)
    }
}

/// What came of trying a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The vendor knows us.
    Good,
    /// The vendor offers no call that orders nothing.
    Unchecked,
    /// It does not know these credentials.
    Credentials,
    /// It knows them, and does not let us in.
    NotAllowed,
    /// Somebody else answers at `base_url`, or nobody can.
    WrongHost,
    /// The vendor does not prove who it is.
    Tls,
    /// Its clock and ours differ too much.
    Clock,
    /// Something of the connection is missing here.
    SetUp,
    /// It does not answer, or asks to wait.
    Down,
}

impl Verdict {
    /// The verdict in one stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unchecked => "unchecked",
            Self::Credentials => "credentials",
            Self::NotAllowed => "not_allowed",
            Self::WrongHost => "wrong_host",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::SetUp => "set_up",
            Self::Down => "down",
        }
    }
}

impl App {
    /// Tries a connection by the cheapest call that proves who we are; orders nothing.
    pub async fn verify_connection(&self, connection: &Connection) -> Verification {
        let Some(vendor) = self.vendor_of(connection) else {
            let why = format!(
                "there is no sheet for the vendor `{}`; put it into `vendors.dir`",
                connection.vendor
            );
            return told(Verdict::SetUp, why);
        };
        let setup = self.setup();
        let (caller, memo) = (&setup.caller, Memo::default());
        let asked = if let Some(verify) = vendor.verify.as_deref() {
            let operation = VerifyCredentials;
            let asking = caller.ask(&vendor, connection, verify, &operation, memo);
            asking.await
        } else if let Some(list) = vendor.list.as_deref() {
            let asking = caller.ask(&vendor, connection, list, &ListPackages, memo);
            asking.await.map(|_| Ok(()))
        } else {
            let why = format!(
                "{} offers no call that orders nothing, so nothing was tried",
                vendor.title
            );
            return told(Verdict::Unchecked, why);
        };
        Trial {
            vendor: &vendor,
            connection,
            now: self.clock.now(),
        }
        .judge(&asked)
    }
}

fn told(verdict: Verdict, sentence: String) -> Verification {
    Verification { verdict, sentence }
}

/// A connection that was tried.
struct Trial<'a> {
    vendor: &'a Vendor,
    connection: &'a Connection,
    now: Millis,
}

impl Trial<'_> {
    fn judge(&self, asked: &Asked<()>) -> Verification {
        match &asked.result {
            Ok(()) => self.good(asked.answer.as_ref()),
            Err(CallFailure::Unfit(unfit)) => told(
                Verdict::SetUp,
                format!("the request cannot be made: {unfit}"),
            ),
            Err(CallFailure::NotSent(unsent)) => self.unsent(unsent.obstacle, &unsent.why),
            Err(CallFailure::NoAnswer(why)) => self.down(why),
            Err(CallFailure::Fault(fault)) => self.fault(fault, asked.answer.as_ref()),
        }
    }

    fn good(&self, answer: Option<&Heard>) -> Verification {
        let title = &self.vendor.title;
        let sentence = match self.clocks_apart(answer) {
            Some(apart) => {
                format!(
                    "{title} knows these credentials; {apart}, and what is signed may be refused"
                )
            }
            None => format!("{title} knows these credentials"),
        };
        told(Verdict::Good, sentence)
    }

    fn fault(&self, fault: &Fault, answer: Option<&Heard>) -> Verification {
        let (title, base_url) = (&self.vendor.title, &self.connection.base_url);
        match (answer.map_or(0, |heard| heard.status), fault) {
            (401 | 403, _) | (_, Fault::Denied) if self.clocks_apart(answer).is_some() => {
                let apart = self.clocks_apart(answer).unwrap_or_default();
                let sentence = format!(
                    "{title} does not let us in, and {apart}; set this machine's clock, and try again"
                );
                told(Verdict::Clock, sentence)
            }
            (403, _) => {
                let sentence = format!(
                    "{title} does not let these credentials in (403): the account is not approved for this yet, or our address is not on the vendor's list; ask {title}"
                );
                told(Verdict::NotAllowed, sentence)
            }
            (401, _) | (_, Fault::Denied) => self.not_known(),
            (429, _) | (_, Fault::Busy(_) | Fault::NotReady(_)) => {
                self.down("it is busy and asks to come back later")
            }
            (status @ 500.., _) => self.down(&format!("it answered {status}")),
            (status @ (300..=399 | 404 | 405), _) => {
                let sentence = format!(
                    "{base_url} answers {status} where {title} has its accounts: `base_url` is of another region, environment or version, or has a wrong path"
                );
                told(Verdict::WrongHost, sentence)
            }
            (_, Fault::Refused { message, .. }) => {
                let sentence = format!("{title} refuses the account: {message}");
                told(Verdict::NotAllowed, sentence)
            }
            (status, Fault::Duplicate(_) | Fault::Unclear(_)) => {
                let sentence = format!(
                    "{base_url} answers {status}, but not as {title} does: `base_url` is of something else, or of another version"
                );
                told(Verdict::WrongHost, sentence)
            }
        }
    }

    fn unsent(&self, obstacle: Obstacle, why: &str) -> Verification {
        let (title, base_url) = (&self.vendor.title, &self.connection.base_url);
        match obstacle {
            Obstacle::Denied => self.not_known(),
            Obstacle::HeldBack { .. } | Obstacle::NoToken => self.down(why),
            Obstacle::Ours => told(Verdict::SetUp, format!("the request cannot be made: {why}")),
            Obstacle::Name => told(
                Verdict::WrongHost,
                format!(
                    "the host of {base_url} is not found: `base_url` is misspelt, or of a region that {title} does not have"
                ),
            ),
            Obstacle::Connection => self.down(&format!("nobody answers at {base_url} ({why})")),
            Obstacle::Certificate(flaw) => told(
                Verdict::Tls,
                format!("{base_url} does not prove who it is: {}", remedy(flaw)),
            ),
            Obstacle::Tls => told(
                Verdict::Tls,
                format!(
                    "no TLS can be agreed on with {base_url} ({why}): `base_url` has a wrong port or scheme, or the vendor asks for a client certificate (`client_certificate` in `[vendors.of.{}]`)",
                    self.vendor.name
                ),
            ),
        }
    }

    fn not_known(&self) -> Verification {
        let (title, names) = (&self.vendor.title, self.vendor.credentials.join(", "));
        let sentence = format!(
            "{title} does not know these credentials ({names}): they are wrong, revoked, or of another region or environment than {}",
            self.connection.base_url
        );
        told(Verdict::Credentials, sentence)
    }

    fn down(&self, why: &str) -> Verification {
        let sentence = format!("{} cannot be asked now: {why}", self.vendor.title);
        told(Verdict::Down, sentence)
    }

    /// How far the vendor's clock is from ours, if that is too far.
    fn clocks_apart(&self, answer: Option<&Heard>) -> Option<String> {
        let date = answer?.date?;
        let apart = date - self.now;
        let way = if apart > 0 { "behind" } else { "ahead of" };
        let seconds = apart.abs() / 1000;
        (apart.abs() > millis(CLOCKS_APART))
            .then(|| format!("our clock is {seconds} s {way} the vendor's"))
    }
}

fn remedy(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Expired => "its certificate has expired, or this machine's clock is wrong",
        Flaw::NotYet => "its certificate is not valid yet, or this machine's clock is wrong",
        Flaw::Name => "its certificate is of another name, so `base_url` names a wrong host",
        Flaw::Authority => {
            "its certificate is of an authority that is not trusted here (`authorities` in `[vendors.of.NAME]` names others)"
        }
        Flaw::Other => "its certificate cannot be used",
    }
}
