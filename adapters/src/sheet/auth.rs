//! `auth`: how requests prove who we are.
//!
//! ```text
//! auth = "none"
//! auth = { header = "Authorization: Bearer {secret.api_key}" }
//! auth = { basic = { user = "{secret.user}", password = "{secret.password}" } }
//!
//! [auth.oauth]                             # OAuth 2 client credentials
//! request = "POST /oauth/token"
//! client_id = "{secret.client_id}"
//! client_secret = "{secret.client_secret}"
//! client = "form"                          # or "basic": where the two stand
//! form = { scope = "orders" }              # what else the form holds
//! token = ".access_token"
//! lifetime = ".expires_in"                 # seconds, as a number or a text
//! default_lifetime = "1h"                  # where the answer does not say
//!
//! [auth.login]                             # a call of the vendor's own
//! request = "POST /login"
//! json = { user = "{secret.user}", password = "{secret.password}" }
//! token = ".token"
//! default_lifetime = "10m"
//! errors = [{ when = { ".error" = true }, is = "denied" }]
//! ```
//!
//! Both kinds of token may say how they are sent (`send = "Authorization: Bearer {token}"` unless
//! they do) and how early they are renewed (`renew_before`, one minute).

use std::sync::Arc;
use std::time::Duration;

use super::document::Format;
use super::expression::{Expression, Source};
use super::loader::Loader;
use super::request::Form;
use super::rules::{Errors, Led, Rule, rules};
use super::scope::{Scope, Sight};
use super::source::{Raw, Section};
use super::wait::wait;
use crate::contract::{
    Auth, Context, Escape, Fault, FetchToken, Memo, Piece, Reply, Request, Token, TokenAuth,
    Translate, Turn, Unfit,
};
use crate::vocabulary::Private;

/// The step that messages and metrics call a token's request by.
const STEP: &str = "token";
/// The longest token that is taken for one, in bytes: signed ones have several thousand.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The longest life that is believed.
const LONGEST_LIFE: f64 = 30.0 * 24.0 * 3600.0;
/// What is longer is no length of time: some vendors say at which moment a token ends.
const A_YEAR: f64 = 366.0 * 24.0 * 3600.0;
/// How long before its end a token is renewed, where the sheet does not say.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

const RIGHT: &str = "\"none\", { header = \"Authorization: Bearer {secret.api_key}\" }, \
                     { basic = { user = \"{secret.user}\", password = \"{secret.password}\" } }, \
                     { oauth = { ... } } or { login = { ... } }";

/// Loads the sheet's `auth`.
pub(super) fn load(loader: &Loader<'_>, sheet: &Section<'_>, errors: &Errors) -> Option<Auth> {
    let spot = sheet.need("auth", RIGHT)?;
    if matches!(&spot.raw, Raw::Text(word) if word == "none") {
        return Some(Auth::None);
    }
    let section = Section::new("`auth`", spot, loader.mistakes)?;
    let found = if let Some(text) = section.text("header") {
        let line = section.line_of("header");
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        pieces(loader, value.trim(), line, Escape::None).map(|value| Auth::Header {
            name: name.trim().to_ascii_lowercase(),
            value,
        })
    } else if let Some(basic) = section.section("basic", "`basic`") {
        let half = |key| {
            let text = basic.text(key).unwrap_or_default();
            pieces(loader, text, basic.line_of(key), Escape::None)
        };
        let (user, password) = (half("user"), half("password"));
        basic.close();
        user.zip(password)
            .map(|(user, password)| Auth::Basic { user, password })
    } else if let Some(oauth) = section.section("oauth", "`oauth`") {
        self::oauth(loader, &oauth, errors).map(Auth::Token)
    } else if let Some(login) = section.section("login", "`login`") {
        let found = token(loader, &login, errors, Auth::None, None);
        login.close();
        found.map(Auth::Token)
    } else {
        let right = format!("it is {RIGHT}");
        loader.mistakes.add(spot.line, "`auth` says nothing", right);
        None
    };
    section.close();
    found
}

/// The client credentials grant of RFC 6749, section 4.4; section 2.3.1 says where the client's
/// id and secret stand, and how they are written there.
fn oauth(loader: &Loader<'_>, section: &Section<'_>, errors: &Errors) -> Option<TokenAuth> {
    let half = |key, right: &str| {
        let text = section.need_text(key, right)?;
        pieces(loader, text, section.line_of(key), Escape::Form)
    };
    let id = half("client_id", "name the client: \"{secret.client_id}\"");
    let secret = half(
        "client_secret",
        "name its secret: \"{secret.client_secret}\"",
    );
    let more = section.section("form", "`form`");
    let more = more.iter().flat_map(Section::entries);
    let more: Vec<_> = more
        .filter_map(|(name, spot)| {
            let text = loader.text(name, spot)?;
            let value = pieces(loader, text, spot.line, Escape::Form)?;
            Some((name.as_str(), value))
        })
        .collect();
    let client = section.need_text("client", "say where the two stand: \"form\" or \"basic\"");
    let mut members = vec![("grant_type", vec![Piece::text("client_credentials")])];
    let auth = match client {
        Some("basic") => Auth::Basic {
            user: id?,
            password: secret?,
        },
        Some("form") => {
            members.push(("client_id", id?));
            members.push(("client_secret", secret?));
            Auth::None
        }
        _ => {
            let wrong = "the client's id and secret stand nowhere";
            let right = "client = \"form\" or client = \"basic\"";
            loader.mistakes.add(section.line_of("client"), wrong, right);
            return None;
        }
    };
    members.extend(more);
    let found = token(loader, section, errors, auth, Some(form(members)));
    section.close();
    found
}

/// A form's body.
fn form(members: Vec<(&str, Vec<Piece>)>) -> Vec<Piece> {
    let mut body = Vec::new();
    for (at, (name, value)) in members.into_iter().enumerate() {
        let and = if at == 0 { "" } else { "&" };
        body.push(Piece::text(format!("{and}{name}=")));
        body.extend(value);
    }
    body
}

/// What both kinds of token say; `body` replaces the one of the request.
fn token(
    loader: &Loader<'_>,
    section: &Section<'_>,
    errors: &Errors,
    client: Auth,
    body: Option<Vec<Piece>>,
) -> Option<TokenAuth> {
    let form = Form::for_token(loader, section, Sight::default());
    let sight = Sight::default().with_answer();
    section.need("token", "say where it is in the answer: \".access_token\"");
    let token = loader.expression_at(section, "token", sight);
    let read = |source: &Source| matches!(source, Source::Answer(_) | Source::Header(_));
    if token
        .as_ref()
        .is_some_and(|one| !one.sources().iter().all(read))
    {
        let wrong = "`token` is not read from the answer";
        let right = "say where it is in the answer: \".access_token\"";
        loader.mistakes.add(section.line_of("token"), wrong, right);
    }
    let lifetime = loader.expression_at(section, "lifetime", sight);
    let own = rules(loader, section.list("errors"), sight);
    for rule in own
        .iter()
        .filter(|rule| rule.step().is_some() || rule.is_not_seen())
    {
        let wrong = "a token's answer leads to a step, or to an order that is not seen";
        let right = "it can be denied, busy or unclear";
        loader.mistakes.add(rule.line, wrong, right);
    }
    section.need(
        "default_lifetime",
        "how long it lives where the answer does not say: \"1h\"",
    );
    let default_lifetime = loader.duration_at(section, "default_lifetime");
    let renew_before = loader.duration_at(section, "renew_before");
    let (header, prefix) = sent_as(loader, section)?;
    let mut errors = errors.clone();
    // The sheet's own rules speak of orders: a 400 that refuses an order denies a token.
    errors.rules.clear();
    Some(TokenAuth {
        header,
        prefix,
        client: Box::new(client),
        default_lifetime: default_lifetime?,
        renew_before: renew_before.unwrap_or(RENEW_BEFORE),
        fetch: Arc::new(Fetching {
            form: form?,
            body,
            token: token?,
            lifetime,
            rules: own,
            errors,
        }),
    })
}

/// The header that carries a token, and what stands before it.
fn sent_as(loader: &Loader<'_>, section: &Section<'_>) -> Option<(String, String)> {
    let text = section
        .text("send")
        .unwrap_or("Authorization: Bearer {token}");
    let parts = text.split_once(':').and_then(|(name, value)| {
        let prefix = value.trim().strip_suffix("{token}")?;
        (!name.trim().is_empty() && !prefix.contains(['{', '}']))
            .then(|| (name.trim().to_ascii_lowercase(), prefix.to_owned()))
    });
    if parts.is_none() {
        let wrong = format!("`{text}` sends no token");
        let right = "it is a header that ends in the token: \"Authorization: Bearer {token}\"";
        loader.mistakes.add(section.line_of("send"), wrong, right);
    }
    parts
}

/// A text of constants and secrets, as pieces.
fn pieces(loader: &Loader<'_>, text: &str, line: usize, escape: Escape) -> Option<Vec<Piece>> {
    let sight = Sight {
        secrets: true,
        ..Sight::default()
    };
    let template = loader.template(text, line, sight)?;
    let only_secrets = template.expressions().all(|one| one.secret().is_some());
    if !only_secrets {
        let wrong = "`auth` names something that is not a secret";
        loader
            .mistakes
            .add(line, wrong, "it is made of constants and `{secret.NAME}`");
        return None;
    }
    let (memo, settings) = Default::default();
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    template.pieces(&Scope::new(&memo, &cx), escape).ok()?
}

/// Fetches a token.
struct Fetching {
    form: Form,
    body: Option<Vec<Piece>>,
    token: Expression,
    lifetime: Option<Expression>,
    rules: Vec<Rule>,
    errors: Errors,
}

impl Translate<FetchToken> for Fetching {
    fn encode(&self, _: &FetchToken, memo: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        let mut request = self.form.render(STEP, &Scope::new(&memo.values, cx))?;
        if let Some(body) = &self.body {
            request.mime = Some("application/x-www-form-urlencoded".to_owned());
            request.body.clone_from(body);
        }
        Ok(request)
    }

    fn decode(
        &self,
        _: &FetchToken,
        memo: &Memo,
        cx: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Token>, Fault> {
        let answer = Format::of(&reply.body).read(&reply.body);
        let scope = Scope {
            reply: Some(reply),
            answer: answer.as_ref(),
            ..Scope::new(&memo.values, cx)
        };
        let said = self.errors.said(&scope);
        let scope = Scope {
            said: said.as_deref(),
            ..scope
        };
        let success = (200..300).contains(&reply.status) && said.is_none();
        let token = self.token.read_text(&scope).filter(|text| is_token(text));
        match token.filter(|_| success) {
            Some(token) => Ok(Turn::Done(Token {
                value: Private::new(token),
                lifetime: self.lifetime.as_ref().and_then(|one| life(one, &scope)),
            })),
            None => Err(self.fault(&scope, reply.status)),
        }
    }
}

impl Fetching {
    /// RFC 6749, section 5.2: wrong credentials are answered 400 or 401.
    fn fault(&self, scope: &Scope<'_>, status: u16) -> Fault {
        match (self.errors.judge(&self.rules, scope), status) {
            (Some(Led::Fault(fault)), _) => fault,
            (_, 400 | 401 | 403) => Fault::Denied,
            (_, 429 | 503) => Fault::Busy(wait(scope, None)),
            _ => Fault::Unclear(format!("the vendor answered {status} and gave no token")),
        }
    }
}

fn is_token(text: &str) -> bool {
    text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A life in seconds, written as a number or, as Sterling does (section 3), as a text.
fn life(expression: &Expression, scope: &Scope<'_>) -> Option<Duration> {
    let seconds: f64 = expression.read_text(scope)?.trim().parse().ok()?;
    (1.0..A_YEAR)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds.min(LONGEST_LIFE) as u64))
}
