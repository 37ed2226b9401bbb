//! Laws on callbacks: what is believed, and what is read from it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::answer::Said;
use super::super::bench::Bench;
use super::super::fixtures::CallbackCase;
use super::nasty::{SENSELESS, mutations};
use crate::callback::{Encoding, Forged, Incoming, Proof, Verified, hmac_sha256_hex, verify};
use crate::vocabulary::{Millis, Private};

/// No tolerance reaches that far: a captured callback must be worthless by then.
const A_DAY: Millis = 86_400_000;

/// Says whether a callback is believed. It stands for [`verify`], so that a test can put a
/// credulous one in its place.
type Believes<'f> = &'f dyn Fn(&Proof, &Attempt) -> bool;

/// A callback as it arrives, with the secrets we have and our time.
#[derive(Clone, PartialEq)]
struct Attempt {
    method: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    secrets: BTreeMap<String, String>,
    now: Millis,
}

impl Attempt {
    fn of(case: &CallbackCase, secrets: &BTreeMap<String, String>) -> Self {
        let signed = |(name, value): (&String, &String)| {
            (
                name.to_lowercase(),
                signed(value, case.body.as_bytes(), secrets),
            )
        };
        Self {
            method: case.method.clone(),
            headers: case.headers.iter().map(signed).collect(),
            body: case.body.as_bytes().to_vec(),
            secrets: secrets.clone(),
            now: case.now.saturating_mul(1_000),
        }
    }

    fn is_believed(&self, proof: &Proof) -> bool {
        let incoming = Incoming {
            method: &self.method,
            headers: &self.headers,
            query: &[],
            body: &self.body,
        };
        let secrets = |name: &str| {
            let value = self.secrets.get(name);
            value
                .map(|value| Private::from(value.as_str()))
                .into_iter()
                .collect()
        };
        let verified: Result<Verified<'_>, Forged> = verify(proof, &incoming, &secrets, self.now);
        verified.is_ok()
    }

    /// The same with a change.
    fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

/// Fills in `{hmac:SECRET}`, `{hmac:SECRET:SECONDS}`, and for what is signed in another way
/// `{hmac_hex:SECRET:TEXT}` and `{hmac_base64:SECRET:TEXT}`, where `BODY` in the text is the body.
fn signed(value: &str, body: &[u8], secrets: &BTreeMap<String, String>) -> String {
    let Some((before, rest)) = value.split_once("{hmac") else {
        return value.to_owned();
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return value.to_owned();
    };
    let (encoding, inside) = inside.split_once(':').unwrap_or(("", inside));
    let (name, text) = inside.split_once(':').unwrap_or((inside, ""));
    let key = secrets.get(name).map(String::as_bytes).unwrap_or_default();
    let body_in = |text: &str| {
        let (before, after) = text.split_once("BODY").unwrap_or((text, ""));
        [before.as_bytes(), body, after.as_bytes()].concat()
    };
    let signature = match (encoding, text) {
        ("_base64", text) => Encoding::Base64.written(key, &[&body_in(text)]),
        ("_hex", text) => Encoding::Hex.written(key, &[&body_in(text)]),
        (_, "") => hmac_sha256_hex(key, &[body]),
        (_, seconds) => hmac_sha256_hex(key, &[seconds.as_bytes(), b".", body]),
    };
    format!("{before}{signature}{}", signed(after, body, secrets))
}

/// Law `proof`.
pub(super) fn proof(bench: &Bench<'_>) -> Vec<String> {
    let Some(callbacks) = &bench.vendor.callbacks else {
        return Vec::new();
    };
    let secrets = &bench.fixtures.connection.secrets;
    let mut broken = Vec::new();
    for case in &bench.fixtures.callbacks {
        let attempt = Attempt::of(case, secrets);
        let believes = |proof: &Proof, attempt: &Attempt| attempt.is_believed(proof);
        let wrong = disbelief(&callbacks.proof, &attempt, &believes);
        broken.extend(wrong.map(|wrong| format!("callback `{}` {wrong}", case.name)));
        if !callbacks
            .methods
            .iter()
            .any(|method| method.as_str() == case.method)
        {
            broken.push(format!(
                "callback `{}` comes by {}, which is not among the methods",
                case.name, case.method
            ));
        }
        if case.body.len() > callbacks.cap {
            broken.push(format!("callback `{}` is longer than the cap", case.name));
        }
    }
    broken
}

/// The first thing wrong with how a callback is believed.
fn disbelief(proof: &Proof, sound: &Attempt, believes: Believes<'_>) -> Option<String> {
    if !believes(proof, sound) {
        return Some("is not believed as it came; look at its headers and secrets".to_owned());
    }
    let forged = forgeries(proof, sound).into_iter();
    forged
        .filter(|(_, attempt)| believes(proof, attempt))
        .map(|(how, _)| format!("is still believed {how}"))
        .next()
}

/// Changed callbacks that nobody may believe, and how they were changed.
fn forgeries(proof: &Proof, sound: &Attempt) -> Vec<(String, Attempt)> {
    let mut forged = Vec::new();
    let (headers, covers_body) = match proof {
        Proof::Hint => return forged,
        Proof::HmacBody(signature) => (signature.headers().collect(), true),
        Proof::HmacTimestamped { header, .. } => (vec![header.as_str()], true),
        Proof::HeaderEquals { header, .. } => (vec![header.as_str()], false),
        Proof::Basic { .. } => (vec!["authorization"], false),
        Proof::Document(_) => (Vec::new(), false),
    };
    for secret in proof.secrets() {
        let without = sound.but(|attempt| drop(attempt.secrets.remove(secret)));
        forged.push((format!("without the secret `{secret}`"), without));
        let other = sound.but(|attempt| {
            attempt
                .secrets
                .insert(secret.to_owned(), "another value".to_owned());
        });
        forged.push((format!("with another value of `{secret}`"), other));
        if matches!(proof, Proof::Document(_)) {
            forged.extend(bent_documents(secret, sound));
        }
    }
    for header in headers {
        let bare = sound.but(|attempt| attempt.headers.retain(|(name, _)| name != header));
        forged.push((format!("without the header `{header}`"), bare));
        if !holds_several(proof, header, sound) {
            forged.extend(bent_headers(header, sound));
        }
    }
    if covers_body {
        forged.extend(bent_bodies(sound));
    }
    let tells_time = match proof {
        Proof::HmacBody(signature) => signature.time.is_some(),
        proof => matches!(proof, Proof::HmacTimestamped { .. }),
    };
    if tells_time {
        let late = sound.but(|attempt| attempt.now += A_DAY);
        forged.push(("a day later".to_owned(), late));
        let early = sound.but(|attempt| attempt.now -= A_DAY);
        forged.push(("a day too early".to_owned(), early));
    }
    forged
}

/// While a secret is rotated there are two signatures, and either is enough.
fn holds_several(proof: &Proof, header: &str, sound: &Attempt) -> bool {
    let mut headers = sound.headers.iter();
    let value = headers.find_map(|(name, value)| (name == header).then_some(value));
    let (mark, least) = match proof {
        Proof::HmacBody(signature) if signature.header == header => (" ", 1),
        Proof::HmacTimestamped { .. } => ("v1=", 2),
        _ => return false,
    };
    value.is_some_and(|value| value.matches(mark).count() >= least)
}

/// Each bit of the header flipped, as long as it remains text.
fn bent_headers(header: &str, sound: &Attempt) -> Vec<(String, Attempt)> {
    let Some(nth) = sound.headers.iter().position(|(name, _)| name == header) else {
        return Vec::new();
    };
    let value = &sound.headers[nth].1;
    let bent = flipped(value.as_bytes()).filter_map(|value| String::from_utf8(value).ok());
    bent.map(|value| {
        let attempt = sound.but(|attempt| attempt.headers[nth].1 = value);
        (format!("with a bit of `{header}` flipped"), attempt)
    })
    .collect()
}

/// The document with the credential's value bent or taken away wherever it stands.
fn bent_documents(secret: &str, sound: &Attempt) -> Vec<(String, Attempt)> {
    let text = String::from_utf8_lossy(&sound.body).into_owned();
    let value = sound.secrets.get(secret).cloned().unwrap_or_default();
    // In a form the value is percent-encoded; plain letters and digits look the same there.
    if value.is_empty() || !text.contains(&value) {
        return Vec::new();
    }
    let bent = flipped(value.as_bytes()).filter_map(|bent| String::from_utf8(bent).ok());
    // A document may also be broken by it, which must not be believed either.
    bent.chain([String::new(), format!("{value}x")])
        .map(|bent| {
            let body = text.replace(&value, &bent).into_bytes();
            let attempt = sound.but(|attempt| attempt.body = body);
            (format!("with `{secret}` changed in the document"), attempt)
        })
        .collect()
}

fn bent_bodies(sound: &Attempt) -> Vec<(String, Attempt)> {
    let longer = [sound.body.as_slice(), b" "].concat();
    flipped(&sound.body)
        .chain([longer])
        .map(|body| {
            let attempt = sound.but(|attempt| attempt.body = body);
            ("with a bit of its body changed".to_owned(), attempt)
        })
        .collect()
}

/// `bytes` with each of its bits flipped in turn.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// Law `hint`.
pub(super) fn hint(bench: &Bench<'_>) -> Vec<String> {
    let callbacks = bench.vendor.callbacks.as_ref();
    if callbacks.is_none_or(|callbacks| callbacks.proof != Proof::Hint) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for case in &bench.fixtures.callbacks {
        let mut bodies = mutations(case.body.as_bytes());
        bodies.push(case.body.clone().into_bytes());
        bodies.extend(SENSELESS.iter().map(|body| body.as_bytes().to_vec()));
        let too_much = |body: &Vec<u8>| {
            let Ok(Some(Ok(said))) = catch_unwind(AssertUnwindSafe(|| bench.read(body))) else {
                return None;
            };
            let more = said.is().into_iter().find(|word| *word != "look");
            more.map(str::to_owned)
        };
        if let Some(word) = bodies.iter().find_map(too_much) {
            broken.push(format!(
                "callback `{}` is without proof, yet says `{word}`; it may only say `look`",
                case.name
            ));
        }
    }
    broken
}

/// Law `pure_reading`: forwards, backwards and again, each callback says what it said first.
pub(super) fn pure_reading(bench: &Bench<'_>) -> Vec<String> {
    let cases = &bench.fixtures.callbacks;
    let read = |case: &CallbackCase| bench.read(case.body.as_bytes())?.ok();
    let first: Vec<Option<Said>> = cases.iter().map(read).collect();
    let backwards = (0..cases.len()).rev();
    let again = backwards.clone().chain(backwards.rev());
    let differs = again.filter(|nth| read(&cases[*nth]) != first[*nth]);
    let names = differs.map(|nth| {
        format!(
            "callback `{}` says something else when repeated",
            cases[nth].name
        )
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::{Sent, Signature, Signed};
    use crate::sheet::DocumentCredentials;
    use std::time::Duration;

    fn secrets() -> BTreeMap<String, String> {
        [("key".to_owned(), "test-secret".to_owned())].into()
    }

    fn case(headers: &[(&str, &str)]) -> Attempt {
        let headers = headers.iter();
        let case = CallbackCase {
            name: "one".into(),
            method: "POST".into(),
            headers: headers
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            body: r#"{"id":"rep_1"}"#.into(),
            now: 1_000,
            expect: Vec::new(),
        };
        Attempt::of(&case, &secrets())
    }

    /// Every kind of proof, with a callback that has it.
    fn proofs() -> Vec<(Proof, Attempt)> {
        let (header, secret) = ("x-proof".to_owned(), "key".to_owned());
        vec![
            (
                Proof::HmacBody(Signature::of_body("x-proof", "sha256=", "key")),
                case(&[("x-proof", "sha256={hmac:key}")]),
            ),
            (
                Proof::HmacBody(Signature {
                    encoding: Encoding::Base64,
                    text: vec![Signed::Header("x-sent".into()), Signed::Body],
                    time: Some(Sent {
                        header: "x-sent".into(),
                        tolerance: Duration::from_secs(300),
                    }),
                    ..Signature::of_body("x-proof", "", "key")
                }),
                case(&[
                    ("x-sent", "1000"),
                    ("x-proof", "{hmac_base64:key:1000BODY}"),
                ]),
            ),
            (
                Proof::HmacTimestamped {
                    header: header.clone(),
                    secret: secret.clone(),
                    tolerance: Duration::from_secs(300),
                },
                case(&[("x-proof", "t=1000,v1={hmac:key:1000}")]),
            ),
            (
                Proof::HeaderEquals {
                    header,
                    secret: secret.clone(),
                },
                case(&[("x-proof", "test-secret")]),
            ),
            (
                Proof::Basic {
                    user: secret.clone(),
                    password: secret,
                },
                case(&[("authorization", "Basic dGVzdC1zZWNyZXQ6dGVzdC1zZWNyZXQ=")]),
            ),
            (
                Proof::Document(DocumentCredentials::new("xml", &[(".login.@by", "key")]).unwrap()),
                case(&[]).but(|attempt| {
                    attempt.body = b"<r><login by=\"test-secret\"/></r>".to_vec();
                }),
            ),
        ]
    }

    #[test]
    fn every_kind_of_proof_is_believed_as_it_came_and_no_otherwise() {
        for (proof, attempt) in proofs() {
            let wrong = disbelief(&proof, &attempt, &|proof, attempt| {
                attempt.is_believed(proof)
            });
            assert_eq!(wrong, None, "{proof:?}");
        }
    }

    #[test]
    fn a_gateway_that_looks_away_at_any_one_forgery_is_found_out() {
        for (proof, sound) in proofs() {
            let mut all = forgeries(&proof, &sound);
            all.dedup_by(|(how, _), (previous, _)| how == previous);
            for (how, forged) in all {
                let credulous = |proof: &Proof, attempt: &Attempt| {
                    *attempt == forged || attempt.is_believed(proof)
                };
                let wrong = disbelief(&proof, &sound, &credulous);
                assert_eq!(wrong, Some(format!("is still believed {how}")), "{proof:?}");
            }
        }
    }
}
