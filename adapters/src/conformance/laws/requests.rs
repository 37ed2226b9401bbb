//! Laws on every request of every operation, and on what is carried from one to the next.

use super::super::bench::{Bench, Stop};
use super::super::canary::personal_in;
use super::super::wire;
use crate::contract::{Auth, FetchToken, Memo, Piece, Reply, Request, TokenAuth, Turn, Unfit};

/// Headers that the engine sets.
const ENGINE_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "content-type",
    "content-length",
    "transfer-encoding",
    "host",
    "cookie",
];
/// Names under which vendors take credentials (their documentation, authentication).
const CREDENTIAL_NAMES: &[&str] = &[
    "x-api-key",
    "api-key",
    "apikey",
    "api_key",
    "access_token",
    "client_secret",
    "password",
    "secret",
];

/// Law `deterministic`.
pub(super) fn deterministic(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for ran in bench.all() {
        for Stop {
            memo,
            request,
            reply,
            result,
            ..
        } in &ran.stops
        {
            let at = ran.at(&request.step);
            if ran.run.encode(memo).as_ref() != Ok(request) {
                broken.push(format!("{at}: a second request differs from the first"));
            }
            if ran.run.decode(memo, reply) != *result {
                broken.push(format!(
                    "{at}: the same answer means something else the second time"
                ));
            }
        }
    }
    broken
}

/// Law `path`.
pub(super) fn path(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for ran in bench.all() {
        let order = bench.order(ran.case);
        for Stop { request, .. } in &ran.stops {
            let at = ran.at(&request.step);
            let path = &request.path;
            if let Some(why) = bad_path(path) {
                broken.push(format!("{at}: the path `{path}` {why}"));
            }
            for field in personal_in(&order, path) {
                broken.push(format!("{at}: the path holds `{field}`; paths reach logs"));
            }
            for (name, value) in &request.query {
                if bench.fixtures.connection.personal_query.contains(name) {
                    continue;
                }
                for field in personal_in(&order, value) {
                    broken.push(format!(
                        "{at}: the query parameter `{name}` holds `{field}`; if the vendor offers \
                         no other way, `personal_query` in vendor.toml allows it"
                    ));
                }
            }
        }
    }
    broken
}

fn bad_path(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("must begin with `/`: it goes below the connection's base URL")
    } else if path.starts_with("//") {
        Some("begins with `//`, which names another host")
    } else if path.split('/').any(|part| part == ".." || part == ".") {
        Some("leaves its folder by a dot segment")
    } else if path.contains(['?', '#']) {
        Some("holds `?` or `#`; parameters belong into the query")
    } else if path.contains(|letter: char| !letter.is_ascii_graphic()) {
        Some("holds a letter that must be percent-encoded")
    } else {
        None
    }
}

/// Law `secrets`.
pub(super) fn secrets(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = auth(bench);
    for ran in bench.all() {
        for Stop { request, .. } in &ran.stops {
            let at = ran.at(&request.step);
            for (name, value) in &request.headers {
                let name = name.to_lowercase();
                if ENGINE_HEADERS.contains(&name.as_str()) {
                    broken.push(format!(
                        "{at}: sets the header `{name}`; only the engine may"
                    ));
                } else if CREDENTIAL_NAMES.contains(&name.as_str()) && !has_hole(value) {
                    broken.push(format!(
                        "{at}: the header `{name}` is a literal, not a hole"
                    ));
                }
                broken.extend(unnamed(bench, &at, value));
            }
            for (name, _) in &request.query {
                if CREDENTIAL_NAMES.contains(&name.to_lowercase().as_str()) {
                    broken.push(format!(
                        "{at}: `{name}` is in the query; a query has no holes"
                    ));
                }
            }
            broken.extend(unnamed(bench, &at, &request.body));
            let everything = wire::everything(request);
            for (name, value) in &bench.fixtures.connection.secrets {
                if !value.is_empty() && everything.contains(value.as_str()) {
                    broken.push(format!("{at}: the secret `{name}` stands in the request"));
                }
            }
        }
    }
    broken
}

/// How the vendor is authorised, and how its callbacks are proved.
fn auth(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut parts: Vec<Vec<Piece>> = constants(&bench.vendor.auth);
    if let Auth::Token(token) = &bench.vendor.auth {
        parts.extend(constants(&token.client));
        match token_request(bench, token) {
            Ok(request) => {
                if let Some(why) = bad_path(&request.path) {
                    broken.push(format!("`auth`: the path `{}` {why}", request.path));
                }
                parts.extend(request.headers.iter().map(|(_, value)| value.clone()));
                parts.push(request.body.clone());
            }
            Err(unfit) => broken.push(format!("`auth`: a token cannot be asked for: {unfit}")),
        }
        broken.extend(false_tokens(bench, token));
    }
    if !parts.is_empty() && !parts.iter().any(|part| has_hole(part)) {
        broken.push("`auth` is a literal; a credential is a hole".to_owned());
    }
    for part in &parts {
        broken.extend(unnamed(bench, "`auth`", part));
    }
    let callbacks = bench.vendor.callbacks.as_ref();
    let named = callbacks.map(|callbacks| callbacks.proof.secrets());
    for secret in named.into_iter().flatten() {
        let known = |name: &String| name == secret;
        if !bench.vendor.credentials.iter().any(known) {
            broken.push(format!(
                "callbacks are proved with `{secret}`, which is not among the credentials"
            ));
        }
    }
    broken
}

/// What a request is authorised with that needs no answer first.
fn constants(auth: &Auth) -> Vec<Vec<Piece>> {
    match auth {
        Auth::None | Auth::Token(_) => Vec::new(),
        Auth::Header { value, .. } => vec![value.clone()],
        Auth::Basic { user, password } => vec![user.clone(), password.clone()],
    }
}

fn token_request(bench: &Bench<'_>, token: &TokenAuth) -> Result<Request, Unfit> {
    let cx = bench.context();
    token.fetch.encode(&FetchToken, &Memo::default(), &cx)
}

/// Answers that are no success, and yet are taken for a token.
fn false_tokens(bench: &Bench<'_>, token: &TokenAuth) -> Vec<String> {
    let cx = bench.context();
    let bodies = [
        "",
        "{}",
        "[]",
        "null",
        "\u{0}",
        "<html>",
        r#"{"error":"invalid_client"}"#,
    ];
    let statuses = [200, 302, 400, 401, 500];
    let answers = statuses
        .into_iter()
        .flat_map(|status| bodies.map(|body| (status, body)));
    answers
        .filter(|(status, body)| {
            let reply = Reply {
                status: *status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            let read = token
                .fetch
                .decode(&FetchToken, &Memo::default(), &cx, &reply);
            read.is_ok()
        })
        .map(|(status, body)| format!("`auth`: {status} `{body}` is taken for a token"))
        .collect()
}

fn has_hole(pieces: &[Piece]) -> bool {
    pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Secret { .. }))
}

/// Holes that name no credential.
fn unnamed(bench: &Bench<'_>, at: &str, pieces: &[Piece]) -> Vec<String> {
    let names = pieces.iter().filter_map(|piece| match piece {
        Piece::Secret { name, .. } => Some(name),
        Piece::Bytes(_) => None,
    });
    names
        .filter(|name| !bench.vendor.credentials.contains(name))
        .map(|name| format!("{at}: has a hole for `{name}`, which is not among the credentials"))
        .collect()
}

/// Law `memo`.
pub(super) fn memo(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for ran in bench.all() {
        let order = bench.order(ran.case);
        for stop in &ran.stops {
            let at = ran.at(&stop.request.step);
            let kept: Vec<(String, String)> = match &stop.result {
                Ok(Turn::Next(Memo { step, values })) => {
                    let known = bench.vendor.placing_steps.contains(step);
                    if ran.operation == "place" && !known {
                        broken.push(format!(
                            "{at}: goes on to `{step}`, which is not among the placing steps"
                        ));
                    }
                    values.clone().into_iter().collect()
                }
                Ok(Turn::Done(said)) => {
                    let keep = said.progress.iter().map(|progress| progress.keep.clone());
                    keep.flatten().collect()
                }
                Err(_) => Vec::new(),
            };
            for (name, value) in kept {
                for field in personal_in(&order, &value) {
                    broken.push(format!("{at}: keeps `{field}` as `{name}` in its memo"));
                }
            }
        }
    }
    broken
}
