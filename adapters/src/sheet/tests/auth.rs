//! How sheets say who we are, and what they make of a vendor's tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::{
    Auth, Context, Escape, Fault, FetchToken, Memo, Piece, Reply, Request, Token, TokenAuth, Turn,
};
use crate::sheet::load;

const SANDBOX: &str = include_str!("../../../sheets/sandbox.toml");
const HEADER: &str = "auth = { header = \"Authorization: Bearer {secret.api_key}\" }\n";

const OAUTH: &str = r#"auth = { oauth = { request = "POST /oauth/token", client_id = "{secret.api_key}", client_secret = "{secret.callback_secret}", client = "form", form = { scope = "a b" }, token = ".access_token", lifetime = ".expires_in", default_lifetime = "1h" } }
"#;
const LOGIN: &str = r#"auth = { login = { request = "POST /login", json = { user = "me", password = "{secret.api_key}" }, token = ".token", default_lifetime = "10m", renew_before = "30s", send = "X-Session: {token}", errors = [{ when = { ".error" = true }, is = "denied" }] } }
"#;

fn token_of(auth: &str) -> TokenAuth {
    let sheet = SANDBOX.replacen(HEADER, auth, 1);
    match load("acme.toml", &sheet).expect("it is right").auth {
        Auth::Token(token) => token,
        other => panic!("{other:?} is no token"),
    }
}

fn with<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let settings = BTreeMap::new();
    look(&Context {
        settings: &settings,
        key: "",
        base_url: "https://vendor.example",
    })
}

fn asked(token: &TokenAuth) -> Request {
    with(|cx| token.fetch.encode(&FetchToken, &Memo::default(), cx)).expect("it can be asked for")
}

fn answered(token: &TokenAuth, status: u16, body: &str) -> Result<Token, Fault> {
    let reply = Reply {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    match with(|cx| {
        token
            .fetch
            .decode(&FetchToken, &Memo::default(), cx, &reply)
    })? {
        Turn::Done(token) => Ok(token),
        Turn::Next(_) => panic!("a token takes one turn"),
    }
}

/// A body with its holes written as `<name escape>`.
fn written(pieces: &[Piece]) -> String {
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        Piece::Secret { name, escape } => format!("<{name} {escape:?}>"),
    });
    parts.collect()
}

#[test]
fn client_credentials_stand_in_a_form_or_in_a_header() {
    let form = token_of(OAUTH);
    let request = asked(&form);
    assert_eq!(request.path, "/oauth/token");
    assert_eq!(
        request.mime.as_deref(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        written(&request.body),
        "grant_type=client_credentials&client_id=<api_key Form>&client_secret=<callback_secret Form>&scope=a%20b"
    );
    assert!(matches!(*form.client, Auth::None));

    let basic = token_of(&OAUTH.replace("client = \"form\"", "client = \"basic\""));
    assert_eq!(
        written(&asked(&basic).body),
        "grant_type=client_credentials&scope=a%20b"
    );
    let Auth::Basic { user, .. } = *basic.client else {
        panic!("the client proves itself by Basic");
    };
    let hole = Piece::Secret {
        name: "api_key".into(),
        escape: Escape::Form,
    };
    assert_eq!(user, [hole]);
}

#[test]
fn a_token_is_sent_as_a_bearer_unless_the_sheet_says_otherwise() {
    let oauth = token_of(OAUTH);
    assert_eq!(
        (oauth.header.as_str(), oauth.prefix.as_str()),
        ("authorization", "Bearer ")
    );
    let login = token_of(LOGIN);
    assert_eq!(
        (login.header.as_str(), login.prefix.as_str()),
        ("x-session", "")
    );
    assert_eq!(login.renew_before, Duration::from_secs(30));
    assert_eq!(
        written(&asked(&login).body),
        r#"{"user":"me","password":"<api_key Json>"}"#
    );
}

#[test]
fn a_lifetime_is_a_number_or_a_text_and_nonsense_is_none() {
    let token = token_of(OAUTH);
    for (written, seconds) in [
        ("3600", Some(3600)),
        ("\"3600\"", Some(3600)),
        ("899.5", Some(899)),
        ("9000000", Some(30 * 24 * 3600)),
        ("1767225600", None), // a moment
        ("\"2026-01-01T00:00:00Z\"", None),
        ("0", None),
        ("-5", None),
        ("\"soon\"", None),
        ("null", None),
    ] {
        let body = format!(r#"{{"access_token":"t0ken","expires_in":{written}}}"#);
        let token = answered(&token, 200, &body).expect("a token");
        assert_eq!(token.value.expose(), "t0ken");
        assert_eq!(
            token.lifetime,
            seconds.map(Duration::from_secs),
            "{written}"
        );
    }
}

#[test]
fn what_is_no_token_is_denied_busy_or_unclear() {
    let token = token_of(OAUTH);
    let good = r#"{"access_token":"t0ken"}"#;
    assert_eq!(answered(&token, 400, good).unwrap_err(), Fault::Denied);
    assert_eq!(answered(&token, 401, good).unwrap_err(), Fault::Denied);
    assert_eq!(answered(&token, 503, good).unwrap_err(), Fault::Busy(None));
    for (status, body) in [(500, good), (302, good), (200, ""), (200, "{}")] {
        let fault = answered(&token, status, body).unwrap_err();
        assert!(
            matches!(fault, Fault::Unclear(_)),
            "{status} {body}: {fault:?}"
        );
    }
    let spaced = r#"{"access_token":"two words"}"#;
    assert!(matches!(
        answered(&token, 200, spaced),
        Err(Fault::Unclear(_))
    ));
    let login = token_of(LOGIN);
    let said = r#"{"error":true,"token":null}"#;
    assert_eq!(answered(&login, 200, said).unwrap_err(), Fault::Denied);
}

#[test]
fn a_token_shows_nothing_of_itself() {
    let token = answered(&token_of(OAUTH), 200, r#"{"access_token":"t0ken"}"#).expect("a token");
    assert!(!format!("{token:?}").contains("t0ken"));
}

#[track_caller]
fn refused(auth: &str, says: &str) {
    let mistakes = load("acme.toml", &SANDBOX.replacen(HEADER, auth, 1)).expect_err(says);
    let told = mistakes
        .iter()
        .any(|one| one.line == 6 && one.to_string().contains(says));
    assert!(told, "{says}: {mistakes:#?}");
}

#[test]
fn what_a_token_needs_is_asked_for() {
    refused(
        &OAUTH.replace("client = \"form\"", "client = \"query\""),
        "client = \"form\"",
    );
    refused(
        &OAUTH.replace("token = \".access_token\",", ""),
        "has no `token`",
    );
    refused(
        &OAUTH.replace("\".access_token\"", "\"'fixed'\""),
        "is not read from the answer",
    );
    refused(
        &OAUTH.replace(", default_lifetime = \"1h\"", ""),
        "has no `default_lifetime`",
    );
    refused(
        &OAUTH.replace("client_secret = \"{secret.callback_secret}\", ", ""),
        "has no `client_secret`",
    );
    refused(
        &OAUTH.replace("\"a b\"", "\"{applicant.email}\""),
        "nothing personal may stand here",
    );
    refused(
        &LOGIN.replace("X-Session: {token}", "X-Session"),
        "sends no token",
    );
    refused(
        &LOGIN.replace("is = \"denied\"", "is = \"not_seen\""),
        "leads to a step",
    );
    refused(
        &LOGIN.replace("login = {", "login = { life = \"1h\", "),
        "`life` is not a key of `login`",
    );
    refused("auth = {}\n", "`auth` says nothing");
}
