//! The laws every vendor owes, as checks that run without code by the vendor's author.
//!
//! [`check`] takes a vendor and its [`Fixtures`] (data: what the vendor's documentation says goes
//! over the wire) and returns every [`Violation`] of [`LAWS`]. A vendor that ships has a folder
//! `adapters/fixtures/NAME` and no violation.
//!
//! # The fixture format
//!
//! A folder of TOML files; `conformance/tests/tiny` is a small one. Unknown keys and unknown file names are mistakes. Every text may be
//! written as `'''...'''`, so that a body stands as it goes over the wire.
//!
//! | file | holds | cases needed |
//! | --- | --- | --- |
//! | `vendor.toml` | the connection and the order that all cases share | |
//! | `place.toml` | `[[case]]` | one that succeeds, all placing steps seen |
//! | `list.toml`, `fetch.toml`, `fetch_many.toml`, `cancel.toml`, `report.toml`, `verify.toml` | `[[case]]` | one that succeeds, for each operation that the vendor has; none for others |
//! | `callbacks.toml` | `[[callback]]` | one, if the vendor sends callbacks |
//!
//! ## Words that are filled in
//!
//! In every text of every case and callback (requests, replies, `expect`, `theirs`, `memo`):
//!
//! | word | becomes |
//! | --- | --- |
//! | `{ours}` | our reference, in the vendor's alphabet and length |
//! | `{key}` | the idempotency key, [`canary::KEY`] |
//! | `{callback_url}` | [`canary::CALLBACK_URL`] |
//! | `{hmac:SECRET}` | only in a callback's headers: lower-case hex of HMAC-SHA256 over its body, keyed with that secret |
//! | `{hmac:SECRET:SECONDS}` | the same over `SECONDS.body` |
//! | `{hmac_hex:SECRET:TEXT}`, `{hmac_base64:SECRET:TEXT}` | the same, so written, over a text in which `BODY` is the body; without `:TEXT` the body alone |
//!
//! In `request_body` and `request_headers` a hole shows as `{secret:NAME}`.
//!
//! ## `vendor.toml`
//!
//! ```toml
//! base_url = "https://api.acme.example"          # default: https://vendor.example
//! settings = { work_location = "US-CA" }         # settings left out take their defaults
//! secrets = { webhook_secret = "test-secret" }   # the values that callbacks are proved with
//! required = ["applicant.email"]                 # exactly the fields whose absence is `Unfit`
//! personal_query = ["email"]                     # query parameters that may hold personal data
//! absent_may_pass = ["includes_canceled"]        # leaves (last name of their path) without which
//!                                                # a reply may pass that did not pass with them
//! [order]                                        # what differs from the order of `canary::order`
//! "order.package" = "driver_pro"
//! "order.add_ons" = ["drug_5"]                   # only for vendors that sell add-ons
//! "applicant.state" = "CA"                       # "" takes a field away
//! ```
//!
//! Every key may be left out. The order is [`canary::order`]: its values (`Quilla`, `Zephyrine`,
//! `4711 Kestrel Row` ...) stand literally in `request_body`.
//!
//! ## Operations
//!
//! A case is one run of an operation from its first step to its end.
//!
//! ```toml
//! [[case]]                                       # in place.toml
//! name = "a new person"                          # for messages
//! expect = { is = "invited", theirs = "inv_1" }  # see below
//!
//!   [[case.exchange]]                            # in the order in which they happen
//!   step = "candidate"
//!   request = "POST /v1/candidates"              # optional: method, path and encoded query
//!   request_headers = { idempotency-key = "{key}" }            # optional: all of them
//!   request_body = '''{"email": "quilla.zephyrine@mailhost.test", "custom_id": "{ours}"}'''
//!   reply_status = 201
//!   reply_headers = { x-request-id = "r-1" }     # optional, names in lower case
//!   reply_body = '''{"id": "cand_1"}'''          # optional, default empty
//!
//!   [[case.exchange]]
//!   step = "invitation"
//!   request = "POST /v1/invitations"
//!   reply_status = 201
//!   reply_body = '''{"id": "inv_1", "status": "pending"}'''
//!
//!   [[case.fault]]                               # another answer to one step of this case
//!   step = "invitation"
//!   reply_status = [400, 422]                    # one status or several
//!   reply_body = '''{"error": "Package not found"}'''
//!   expect = { is = "refused", field = "order.package" }
//! ```
//!
//! `request` is compared byte for byte, with everything in its query but letters, digits and
//! `-._~` percent-encoded; so is `request_body` (up to white space at its ends), but
//! a JSON body is compared as a value, so that it can be laid out for people. A fault is also the
//! declaration that these statuses mean this at that step: a placing step that may not be repeated
//! calls every status that no fault declares `unclear`.
//!
//! Other keys of `[[case]]`, by operation:
//!
//! | key | in | meaning |
//! | --- | --- | --- |
//! | `order` | `place`, `fetch` | a table like `[order]` of `vendor.toml`, for this case alone |
//! | `theirs` | `fetch`, `cancel`, `report` | the vendor's reference that is asked for; left out in `fetch`: the look-up by ours |
//! | `theirs` | `fetch_many` | a list of them |
//! | `memo` | all | values that earlier operations on the order kept |
//! | `settings` | all | settings over those of `vendor.toml`, for this case alone |
//!
//! ```toml
//! [[case]]                                       # in fetch.toml: one case for each word
//! name = "a clear report"
//! theirs = "rep_1"
//! expect = "complete/pass"
//!   [[case.exchange]]
//!   step = "report"
//!   request = "GET /v1/reports/rep_1"
//!   reply_status = 200
//!   reply_body = '''{"id": "rep_1", "status": "complete", "result": "clear"}'''
//! ```
//!
//! ## Callbacks
//!
//! ```toml
//! [[callback]]
//! name = "a report is done"
//! method = "POST"                                # default
//! headers = { x-signature = "{hmac:webhook_secret}" }        # names in lower case
//! body = '''{"type": "report.completed", "object": {"id": "rep_1"}}'''
//! now = 1767323045                               # seconds since the epoch; only for proofs with a time
//! expect = [{ is = "look", order = ["theirs:rep_1"] }]       # one for each note; [] if ignored
//! ```
//!
//! ## `expect`
//!
//! A word, or a table with the word as `is` and more that must be so. Members left out are not
//! looked at.
//!
//! | what happened | `is` | further members |
//! | --- | --- | --- |
//! | progress | `invited`, `in_progress`, `on_hold`, `complete/pass`, `complete/review`, `complete/fail`, `canceled`, `expired`, `failed`, `unknown` | those of [`crate::vocabulary::Progress`] as JSON: `theirs`, `also`, `unknown`, `detail`, `report` (`"minted"`, `{ link = "..." }`, `{ capability = "..." }`), `expected_at`, `keep` |
//! | nothing found | `not_seen`, `not_seen/blind` | |
//! | more than one found | `several` | `theirs` (a list) |
//! | a catalog | `catalog` | `packages`, `add_ons`: lists of tables as in [`crate::vocabulary::Catalog`] |
//! | a report | `link`, `document` | `link`; `mime` |
//! | credentials are good | `ok` | |
//! | many orders (`fetch_many`) | a list, one table each | as for one, and `order` (their reference) |
//! | a fault | `refused`, `busy`, `not_ready`, `duplicate`, `denied`, `unclear` | `code`, `field`, `message`; `after` (seconds); `theirs` |
//! | a note of a callback | `look`, or the words of progress | `order`: `theirs:REF`, `ours:REF` in the order tried; those of progress |

pub(crate) mod answer;
mod bench;
pub mod canary;
mod fixtures;
mod laws;
mod leaves;
#[cfg(test)]
mod tests;
mod trial;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use fixtures::Fixtures;
pub use laws::{LAWS, Law};
#[cfg(test)]
pub(crate) use leaves::Document;
pub use trial::{Tried, Verdict, tried};

use crate::contract::Vendor;
use bench::Bench;

/// A law that a vendor breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law, one of [`LAWS`] by name.
    pub law: &'static str,
    /// What was wrong and what would be right. Every personal value in it is a canary.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}

/// Tries a vendor against its fixtures; returns every way in which it breaks a law.
pub fn check(vendor: &Vendor, fixtures: &Fixtures) -> Vec<Violation> {
    let bench = Bench::new(vendor, fixtures);
    let mut violations: Vec<Violation> = Vec::new();
    for law in LAWS {
        violations.extend(broken_by(law, &bench).into_iter().map(|what| Violation {
            law: law.name,
            what,
        }));
    }
    violations
}

/// The ways in which a vendor breaks a law, each once.
fn broken_by(law: &Law, bench: &Bench<'_>) -> Vec<String> {
    // A vendor that panics must not hide what the other laws would say.
    let broken = catch_unwind(AssertUnwindSafe(|| (law.broken)(bench)));
    let mut ways: Vec<String> = Vec::new();
    for way in broken.unwrap_or_else(|_| vec!["the vendor panics".to_owned()]) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}
