//! The law that whatever stands in a value, a request says the same things: no value ends the text
//! it stands in, adds a member, an element or a header, or vanishes.

use serde_json::Value;

use super::super::bench::{Bench, Ran};
use super::super::canary;
use super::super::leaves::nodes;
use super::super::wire;
use crate::contract::Request;
use crate::sheet::read_xml;
use crate::vocabulary::Order;

/// What ends a text in one of the notations that vendors use, and what changes on the way.
const NASTY: &[&str] = &[
    "a\"b\\",
    "a'b",
    "a\",\"admin\":\"1",
    "</a><b c=\"d\">&e;&amp;]]>",
    "a\r\nX-Admin: 1\r\n\r\nb",
    "a\tb\nc",
    "a&b=c;d#e?f%20+g",
    "{secret.api_key}{{}}",
    "../../a/%2e%2e/",
    "Zo\u{eb}\u{2028} \u{5c71}\u{7530} \u{1F600}",
];

/// Law `one_value`.
pub(super) fn one_value(bench: &Bench<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen: Vec<Vec<String>> = Vec::new();
    for case in bench.fixtures.cases.get("place").into_iter().flatten() {
        let order = bench.order(case);
        let Some(plain) = bench.placed(case, order.clone()) else {
            continue;
        };
        // Cases that make the same requests would only say the same again.
        let requests: Vec<String> = plain
            .stops
            .iter()
            .map(|stop| wire::everything(&stop.request))
            .collect();
        if seen.contains(&requests) {
            continue;
        }
        seen.push(requests);
        for (path, ..) in canary::TEXTS {
            let Some(value) = order.text(path) else {
                continue;
            };
            for nasty in NASTY {
                let mut changed: Order = order.clone();
                canary::set(&mut changed, path, &[(*nasty).to_owned()]);
                if let Some(ran) = bench.placed(case, changed) {
                    broken.extend(
                        changes(&plain, &ran, value, nasty).map(|why| {
                            format!("case `{}`: {nasty:?} as `{path}` {why}", case.name)
                        }),
                    );
                }
            }
        }
    }
    broken
}

/// The first thing that another value changes beside itself.
fn changes(plain: &Ran<'_>, nasty: &Ran<'_>, value: &str, as_nasty: &str) -> Option<String> {
    let pairs = plain.stops.iter().zip(&nasty.stops);
    pairs
        .filter(|(plain, nasty)| plain.request.step == nasty.request.step)
        .find_map(|(plain, nasty)| change(&plain.request, &nasty.request, value, as_nasty))
}

fn change(plain: &Request, nasty: &Request, value: &str, as_nasty: &str) -> Option<String> {
    let step = &plain.step;
    let names = |parts: &[(String, String)]| -> Vec<String> {
        parts.iter().map(|(name, _)| name.clone()).collect()
    };
    let headers = |request: &Request| -> Vec<(String, String)> {
        let headers = request.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), wire::rendered(value)))
            .collect()
    };
    let segments = |request: &Request| request.path.split('/').count();
    if segments(plain) != segments(nasty) || adds(&names(&plain.query), &names(&nasty.query)) {
        return Some(format!("changes the path or the query of step `{step}`"));
    }
    let control = |(_, value): &(String, String)| value.contains(|c: char| c.is_control());
    let (before, after) = (headers(plain), headers(nasty));
    if adds(&names(&before), &names(&after)) || after.iter().any(control) {
        return Some(format!("changes the headers of step `{step}`"));
    }
    let (before, after) = (leaves(plain), leaves(nasty));
    if adds(&names(&before), &names(&after)) {
        return Some(format!("changes what the body of step `{step}` is made of"));
    }
    let as_nasty = as_nasty.to_lowercase();
    let meant = |place: &String| {
        let mut before = before.iter();
        before.any(|(there, text)| there == place && text == value)
    };
    let bent = after
        .iter()
        .find(|(place, text)| meant(place) && text.to_lowercase() != as_nasty);
    bent.map(|(place, text)| format!("stands as {text:?} at {place} of step `{step}`"))
}

/// True where something is there that was not there before. What a vendor's form has no room for
/// may be left out.
fn adds(before: &[String], after: &[String]) -> bool {
    let mut before = before.to_vec();
    after.iter().any(|name| {
        let at = before.iter().position(|known| known == name);
        at.map(|at| before.swap_remove(at)).is_none()
    })
}

/// Every value of a body, with its place.
fn leaves(request: &Request) -> Vec<(String, String)> {
    let body = wire::rendered(&request.body);
    let mime = request.mime.as_deref().unwrap_or_default();
    let tree = if mime.contains("json") {
        serde_json::from_str(&body).ok()
    } else if mime.contains("xml") {
        read_xml(body.as_bytes())
    } else {
        return form(&body);
    };
    let Some(tree) = tree else {
        // What cannot be read at all is a change of everything.
        return match body.is_empty() {
            true => Vec::new(),
            false => vec![("unreadable".to_owned(), body)],
        };
    };
    let texts = nodes(&tree).into_iter().map(|(place, value)| match value {
        Value::String(text) => (place.to_string(), text),
        _ => (place.to_string(), String::new()),
    });
    texts.collect()
}

fn form(body: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text);
        text.decode_utf8_lossy().into_owned()
    };
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Effect, Method, Piece};

    fn request(mime: &str, body: &str) -> Request {
        Request {
            step: "order".into(),
            method: Method::Post,
            path: "/orders".into(),
            query: vec![("a".into(), "1".into())],
            headers: vec![("x-a".into(), vec![Piece::text("1")])],
            mime: Some(mime.into()),
            body: vec![Piece::text(body)],
            effect: Effect::Once,
        }
    }

    #[test]
    fn a_value_that_breaks_out_is_found_in_every_notation() {
        let broken = |mime: &str, plain: &str, nasty: &str, value: &str| {
            change(&request(mime, plain), &request(mime, nasty), "x", value)
        };
        let json = "application/json";
        assert_eq!(broken(json, r#"{"a":"x"}"#, r#"{"a":"y\""}"#, "y\""), None);
        assert!(broken(json, r#"{"a":"x"}"#, r#"{"a":"y","b":"1"}"#, "y").is_some());
        assert!(broken(json, r#"{"a":"x"}"#, r#"{"a":"y"""#, "y\"").is_some());
        assert!(broken(json, r#"{"a":"x"}"#, r#"{"a":"z"}"#, "y").is_some());
        let xml = "text/xml";
        assert_eq!(broken(xml, "<a>x</a>", "<a>&lt;y</a>", "<y"), None);
        assert!(broken(xml, "<a>x</a>", "<a><b/></a>", "<b/>").is_some());
        assert!(broken(xml, "<a b='x'/>", "<a b='' c=''/>", "' c='").is_some());
        let form = "application/x-www-form-urlencoded";
        assert_eq!(broken(form, "a=x", "a=y%26b%3D1", "y&b=1"), None);
        assert!(broken(form, "a=x", "a=y&b=1", "y&b=1").is_some());
        let mut split = request(json, "{}");
        split.headers[0].1 = vec![Piece::text("1\r\nX-Admin: 1")];
        assert!(change(&request(json, "{}"), &split, "x", "y").is_some());
        let mut longer = request(json, "{}");
        longer.path = "/orders/..".into();
        assert!(change(&request(json, "{}"), &longer, "x", "y").is_some());
    }
}
