//! Readers of the members of request bodies, with the refusals that follow from wrong ones.

use serde_json::Value;

use super::invalid;
use crate::simulator::Response;

/// A text that may be left out.
pub(super) fn text(body: &Value, name: &str) -> Result<Option<String>, Response> {
    match &body[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(invalid(&format!("{name} must be a string"))),
    }
}

/// A text that may not be left out.
pub(super) fn needed(body: &Value, name: &str) -> Result<String, Response> {
    text(body, name)?
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| invalid(&format!("{name} is required")))
}

/// A truth value, which working clients also send as a text (TazWorks, section 4.2).
pub(super) fn truth(body: &Value, name: &str) -> Result<Option<bool>, Response> {
    match &body[name] {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::String(text) if text == "true" => Ok(Some(true)),
        Value::String(text) if text == "false" => Ok(Some(false)),
        _ => Err(invalid(&format!("{name} must be a boolean"))),
    }
}

/// `ddd-dd-dddd` where `form` is `000-00-0000`: the same length, and digits where it has digits.
pub(super) fn has_form(text: &str, form: &str) -> bool {
    let same = |(letter, wanted): (u8, u8)| match wanted {
        b'0' => letter.is_ascii_digit(),
        wanted => letter == wanted,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
}
