//! Requests: from a step's templates to bytes with holes.

use super::body::Body;
use super::condition::{Test, When};
use super::expression::{Expression, Word};
use super::loader::Loader;
use super::scope::{Scope, Sight};
use super::source::{Raw, Section, Spot};
use super::template::Template;
use crate::contract::{Effect, Method, Request, Unfit};

/// What a step sends.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// Method and path as the sheet writes them.
    pub(super) line: String,
    method: Method,
    path: Template,
    query: Vec<(String, Template)>,
    headers: Vec<(String, Template)>,
    mime: Option<String>,
    body: Option<Body>,
    pub(super) effect: EffectForm,
}

/// What a second copy would do.
#[derive(Clone, Debug)]
pub(super) struct EffectForm {
    pub(super) effect: Effect,
    /// What the vendor tells copies by, where it is not the key.
    pub(super) by: Option<String>,
    /// Else a second copy might order again: some vendors dedupe only where that is switched on.
    when: When,
}

impl EffectForm {
    fn plain(effect: Effect) -> Self {
        Self {
            effect,
            by: None,
            when: When::default(),
        }
    }

    fn of(&self, scope: &Scope<'_>) -> Effect {
        match self.when.holds(scope) {
            true => self.effect,
            false => Effect::Once,
        }
    }
}

impl Form {
    /// Loads what the step in `section` sends. `sight` is what its expressions may name beside
    /// what belongs to every request.
    pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Self> {
        Self::with(loader, section, sight, None)
    }

    /// Loads the request for a token. It has no `effect`: a second token harms nobody.
    pub(super) fn for_token(
        loader: &Loader<'_>,
        section: &Section<'_>,
        sight: Sight,
    ) -> Option<Self> {
        Self::with(loader, section, sight, Some(Effect::Read))
    }

    fn with(
        loader: &Loader<'_>,
        section: &Section<'_>,
        sight: Sight,
        known: Option<Effect>,
    ) -> Option<Self> {
        let in_path = Sight {
            key: true,
            ..sight.without_people()
        };
        let in_body = Sight {
            secrets: true,
            key: true,
            ..sight
        };
        let line = section.line_of("request");
        let request = request_line(loader, section);
        let method = request.map(|(method, _)| method);
        let path = request.and_then(|(_, path)| loader.template(path, line, in_path));
        let personal = section.truth("personal") == Some(true);
        let in_query = Sight {
            people: sight.people && personal,
            ..in_path
        };
        let query = loader.named_templates(section.section("query", "`query`"), in_query);
        let headers = section.section("headers", "`headers`");
        let mut headers = lowered(loader.named_templates(headers, in_body.without_people()));
        let common = loader.headers.iter();
        let common = common.filter(|(name, _)| headers.iter().all(|(own, _)| own != name));
        let common: Vec<_> = common.cloned().collect();
        headers.extend(common);
        let body = Body::load(loader, section, in_body);
        let mime = section.text("mime").map(str::to_owned);
        if body.is_some() && method == Some(Method::Get) {
            let wrong = "a GET has a body";
            loader.mistakes.add(line, wrong, "send it with POST");
        }
        let known = known.map(EffectForm::plain);
        let effect = known.or_else(|| effect(loader, section, method, in_path));
        Some(Self {
            line: section.text("request").unwrap_or_default().to_owned(),
            method: method?,
            path: path?,
            query,
            headers,
            mime: mime.or_else(|| body.as_ref().map(|body| body.mime().to_owned())),
            body,
            effect: effect?,
        })
    }

    /// True where the query, a header or the body names `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        let in_body = self.body.as_ref().is_some_and(|body| body.names(name));
        let templates = self.headers.iter().chain(&self.query);
        in_body
            || templates
                .map(|(_, template)| template)
                .any(|one| names(one, name))
    }

    /// The expressions of its path and query.
    pub(super) fn in_address(&self) -> impl Iterator<Item = &Expression> {
        let query = self.query.iter().map(|(_, template)| template);
        let templates = std::iter::once(&self.path).chain(query);
        templates.flat_map(Template::expressions)
    }

    /// The request of step `step`.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn render(&self, step: &str, scope: &Scope<'_>) -> Result<Request, Unfit> {
        let path = self.path.path(scope)?.unwrap_or_default();
        let mut query = Vec::new();
        for (name, template) in &self.query {
            if let Some(value) = template.text(scope)? {
                query.push((name.clone(), value));
            }
        }
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            if let Some(pieces) = template.header(scope)? {
                headers.push((name.clone(), pieces));
            }
        }
        let body = match &self.body {
            Some(body) => body.render(scope)?,
            None => Vec::new(),
        };
        Ok(Request {
            step: step.to_owned(),
            method: self.method,
            path,
            query,
            headers,
            mime: self.mime.clone(),
            body,
            effect: self.effect.of(scope),
        })
    }
}

/// True where the template names `name`.
pub(super) fn names(template: &Template, name: &str) -> bool {
    template
        .expressions()
        .flat_map(|expression| expression.sources())
        .any(|source| source.name() == name)
}

/// Headers by their names in lower case.
pub(super) fn lowered(headers: Vec<(String, Template)>) -> Vec<(String, Template)> {
    let headers = headers.into_iter();
    headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

fn request_line<'s>(loader: &Loader<'_>, section: &Section<'s>) -> Option<(Method, &'s str)> {
    let right = "it is a method and a path: \"POST /v1/orders\"";
    let text = section.need_text("request", right)?;
    let line = section.line_of("request");
    let (method, path) = text.split_once(' ').unwrap_or((text, ""));
    let method = match method {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        "PUT" => Some(Method::Put),
        "PATCH" => Some(Method::Patch),
        "DELETE" => Some(Method::Delete),
        _ => None,
    };
    let written_well = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '?' | '#');
    let outside = path.split('{').flat_map(|part| part.rsplit('}').next());
    let plain = path.starts_with('/') && outside.flat_map(str::chars).all(written_well);
    if method.is_none() || !plain {
        let right = format!("{right}; parameters stand in `query`");
        let wrong = format!("`{text}` is not a request");
        loader.mistakes.add(line, wrong, right);
        return None;
    }
    method.map(|method| (method, path))
}

fn effect(
    loader: &Loader<'_>,
    section: &Section<'_>,
    method: Option<Method>,
    sight: Sight,
) -> Option<EffectForm> {
    let right = "say what a second copy would do: \"read\", \"harmless\", \"once\" or \
                 { repeatable = \"24h\" }";
    let Some(spot) = section.get("effect") else {
        if method == Some(Method::Get) {
            return Some(EffectForm::plain(Effect::Read));
        }
        let wrong = format!(
            "{} has no `effect`{}",
            section.what,
            section.instead_of("effect")
        );
        loader.mistakes.add(section.line, wrong, right);
        return None;
    };
    match &spot.raw {
        // A record that nobody is told of or charged for may lie there twice.
        Raw::Text(word) if word == "read" || word == "harmless" => {
            return Some(EffectForm::plain(Effect::Read));
        }
        Raw::Text(word) if word == "once" => return Some(EffectForm::plain(Effect::Once)),
        Raw::Table(_) => {
            let table = Section::new("`effect`", spot, loader.mistakes)?;
            table.need("repeatable", right)?;
            let within = loader.duration_at(&table, "repeatable");
            let by = table.text("by").map(str::to_owned);
            let when = When::load(
                loader,
                table.section("when", "`when`"),
                sight.without_people(),
            );
            table.close();
            return Some(EffectForm {
                effect: Effect::Repeatable { within: within? },
                by,
                when,
            });
        }
        _ => {}
    }
    let wrong = "this is not an effect";
    loader.mistakes.add(spot.line, wrong, right);
    None
}

/// The condition under which a step's answer is a success. What the sheet says is not enough: the
/// status is a 2xx unless the sheet names another, and the vendor says nothing is wrong. A status
/// alone may do (`by_status`) where another step looks what came of it. Where the sheet says nothing,
/// what the step reads has to be there.
pub(super) fn success(
    loader: &Loader<'_>,
    section: &Section<'_>,
    sight: Sight,
    by_status: bool,
    read: Option<Expression>,
) -> When {
    let right = "name what only a success has: \".id\"";
    let mut when = match (section.get("success"), read) {
        (Some(spot), _) => said_success(loader, spot, sight, by_status, right),
        (None, Some(read)) => When(vec![(read, Test::Present(true))]),
        (None, None) => {
            section.need("success", right);
            return When::default();
        }
    };
    if !when.asks_for(Word::Status) {
        when.and("status", Test::Class(2));
    }
    when.and("said", Test::Present(false));
    when
}

/// What the sheet's own `success` says.
fn said_success(
    loader: &Loader<'_>,
    spot: &Spot,
    sight: Sight,
    by_status: bool,
    right: &str,
) -> When {
    let when = match &spot.raw {
        Raw::Text(text) => {
            let found = loader.expression(text, spot.line, sight);
            When(
                found
                    .map(|one| (one, Test::Present(true)))
                    .into_iter()
                    .collect(),
            )
        }
        _ => When::load(
            loader,
            Section::new("`success`", spot, loader.mistakes),
            sight,
        ),
    };
    let looks = |(one, _): &(Expression, Test)| by_status || !one.is_word(Word::Status);
    if !when.0.iter().any(looks) {
        let wrong = "`success` looks at nothing in the answer";
        loader.mistakes.add(spot.line, wrong, right);
    }
    when
}
