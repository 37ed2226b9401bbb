//! Bodies: JSON, or forms whose keys name places in the same document (Accurate, section 2).

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::unreadable;
use crate::simulator::{Arrived, Response};

/// How many items a list in a form may have.
const LONGEST_LIST: usize = 20;

/// The request's body as an object. A body that is not what its `Content-Type` says is the error
/// that public client code ran into.
pub(super) fn document(request: &Arrived) -> Result<Value, Response> {
    let document = match request.is_json() {
        true => serde_json::from_slice(&request.body).ok(),
        false => form(request),
    };
    document.filter(Value::is_object).ok_or_else(unreadable)
}

fn form(request: &Arrived) -> Option<Value> {
    let mime = request.header("content-type").unwrap_or_default();
    if !mime.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let body = std::str::from_utf8(&request.body).ok()?;
    let mut document = Value::Object(Map::new());
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let value = decoded(value)?;
        *place(&mut document, &decoded(key)?)? = match value.as_str() {
            "true" => Value::from(true),
            "false" => Value::from(false),
            _ => Value::from(value),
        };
    }
    Some(document)
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// The place that `additionalProductTypes[0].productType` names.
fn place<'d>(document: &'d mut Value, key: &str) -> Option<&'d mut Value> {
    key.split('.').try_fold(document, |at, part| {
        let (name, index) = match part.split_once('[') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(']')?.parse::<usize>().ok()?)),
            None => (part, None),
        };
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let member = at.as_object_mut()?.entry(name).or_insert(Value::Null);
        let Some(index) = index else {
            return Some(member);
        };
        if member.is_null() {
            *member = Value::Array(Vec::new());
        }
        let list = member.as_array_mut()?;
        if index >= LONGEST_LIST {
            return None;
        }
        if list.len() <= index {
            list.resize(index + 1, Value::Null);
        }
        list.get_mut(index)
    })
}
