//! What a vendor sends, as a tree: the reader that a sheet chooses with `answers` and `format`.

use percent_encoding::percent_decode;
use serde_json::Value;

use super::functions::scalar;
use super::path::Path;
use super::xml;
use crate::vocabulary::Private;

/// The most fields of a form that is read.
const MOST_FIELDS: usize = 1_000;

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Json,
    Xml,
    /// XML as one value of a form, whatever its field is called; or XML as it is.
    XmlInForm,
    /// A form: its fields are texts, and lists where one comes more than once.
    Form,
}

impl Format {
    /// The format of that name in sheets.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            "xml_in_form" => Some(Self::XmlInForm),
            "form" => Some(Self::Form),
            _ => None,
        }
    }

    /// How a body is written, where nobody says: XML begins with `<`, and JSON never does.
    pub(super) fn of(body: &[u8]) -> Self {
        match is_xml(body) {
            true => Self::Xml,
            false => Self::Json,
        }
    }

    /// The document's tree; `None` where it is not of this format.
    pub(super) fn read(self, body: &[u8]) -> Option<Value> {
        match self {
            Self::Json => serde_json::from_slice(body).ok(),
            Self::Xml => xml::read(body),
            Self::XmlInForm if is_xml(body) => xml::read(body),
            Self::XmlInForm => body.split(|byte| *byte == b'&').find_map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=')?;
                let value = form_value(&pair[at + 1..]);
                is_xml(&value).then(|| xml::read(&value)).flatten()
            }),
            Self::Form => form(body),
        }
    }
}

/// Credentials that stand in a callback's document, each with the name of the secret it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentCredentials {
    format: Format,
    places: Vec<(Path, String)>,
}

impl DocumentCredentials {
    /// Credentials at `places`: a path (`.login.password`) and a secret's name each, in a document
    /// of `format` (`json`, `xml` or `xml_in_form`).
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn new(format: &str, places: &[(&str, &str)]) -> Result<Self, String> {
        let format = Format::named(format).ok_or_else(|| {
            format!("`{format}` is no format; it is json, xml, xml_in_form or form")
        })?;
        let places = places.iter().map(|(path, secret)| {
            let path = Path::parse(path)?;
            match path.names_one() {
                true => Ok((path, (*secret).to_owned())),
                false => Err("a credential stands in one place, without `[*]`".to_owned()),
            }
        });
        let places: Vec<_> = places.collect::<Result<_, String>>()?;
        match places.is_empty() {
            true => Err("no credential is named".to_owned()),
            false => Ok(Self { format, places }),
        }
    }

    /// The names of the secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|(_, secret)| secret.as_str())
    }

    /// Each secret's name with the text that must be its value. `None`: one is missing.
    pub(crate) fn given(&self, body: &[u8]) -> Option<Vec<(&str, Private<String>)>> {
        let document = self.format.read(body)?;
        let given = self.places.iter().map(|(path, secret)| {
            let text = scalar(path.part(&document)?)?;
            Some((secret.as_str(), Private::new(text)))
        });
        given.collect()
    }
}

/// A form's fields by name. What is not made of fields, or of too many, is none.
fn form(body: &[u8]) -> Option<Value> {
    let mut fields = serde_json::Map::new();
    let pairs = body.split(|byte| *byte == b'&');
    for (nth, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        if nth == MOST_FIELDS {
            return None;
        }
        let text = |part: &[u8]| xml::decoded(&form_value(part));
        let (name, value) = (text(&pair[..at]), Value::from(text(&pair[at + 1..])));
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn is_xml(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// A form's value without its encoding; the bytes may be of any character set.
fn form_value(encoded: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_its_fields_and_a_field_that_comes_again_a_list() {
        let body = b"id=ord+1&note=Jos%E9&add%5B%5D=a&add%5B%5D=b&&empty=";
        let expected =
            json!({"id": "ord 1", "note": "Jos\u{e9}", "add[]": ["a", "b"], "empty": ""});
        assert_eq!(Format::Form.read(body), Some(expected));
        let many = "a=1&".repeat(MOST_FIELDS + 1);
        for odd in ["", "&", "id", "{\"id\": 1}", many.as_str()] {
            assert_eq!(Format::Form.read(odd.as_bytes()), None);
        }
    }

    #[test]
    fn xml_in_a_form_is_found_by_its_first_letter_and_read_in_its_own_characters() {
        let body = b"a=1&request=%3Cr+x%3D%221%22%3EJos%E9%3C%2Fr%3E";
        let expected = json!({"#": "Jos\u{e9}", "@x": "1"});
        assert_eq!(Format::XmlInForm.read(body), Some(expected.clone()));
        let plain = " <r x='1'>Jos\u{e9}</r>".as_bytes();
        assert_eq!(Format::XmlInForm.read(plain), Some(expected));
        for odd in ["", "a=b", "=&&==", "a=%3C", "{}"] {
            assert_eq!(Format::XmlInForm.read(odd.as_bytes()), None, "{odd}");
        }
    }
}
