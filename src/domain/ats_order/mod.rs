//! The ATS's order: the one reading of its JSON, strict about form and lenient about everything
//! the contract leaves open (ids as text or number; absent, `null` and `""` are the same; unknown
//! members are ignored).

mod strict_json;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use adapters::vocabulary::{Applicant, HiringManager, Millis, Order as VendorOrder, Private};
use serde_json::{Map, Value};
use strict_json::strict_json;

/// The longest id, in characters.
const LONGEST_ID: usize = 255;
/// The longest text of any other kind, in characters.
const LONGEST_TEXT: usize = 2_048;
/// The most add-ons of one order.
const MOST_ADD_ONS: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text or number.
    Id,
    Text,
}

/// The members of the contract that hold one value. Everything else but [`ADD_ONS`] is ignored.
const MEMBERS: &[(&str, Kind)] = &[
    ("account_id", Kind::Id),
    ("hiring_manager_user_id", Kind::Id),
    ("background_check_id", Kind::Id),
    ("package_id", Kind::Id),
    ("webhook_url", Kind::Text),
    ("hiring_manager.id", Kind::Id),
    ("hiring_manager.first_name", Kind::Text),
    ("hiring_manager.last_name", Kind::Text),
    ("hiring_manager.email", Kind::Text),
    ("applicant.id", Kind::Id),
    ("applicant.first_name", Kind::Text),
    ("applicant.last_name", Kind::Text),
    ("applicant.phone", Kind::Text),
    ("applicant.email", Kind::Text),
    ("applicant.address", Kind::Text),
    ("applicant.address_2", Kind::Text),
    ("applicant.city", Kind::Text),
    ("applicant.state", Kind::Text),
    ("applicant.zip", Kind::Id),
    ("job.id", Kind::Id),
];

const ADD_ONS: &str = "add_on_package_ids";
const REQUIRED: [&str; 3] = ["background_check_id", "package_id", "webhook_url"];

/// Why a body is not an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadOrder {
    /// The member at fault, if it is one.
    pub field: Option<String>,
    /// A sentence for the caller; it never repeats a personal value.
    pub message: String,
}

impl BadOrder {
    fn body(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
        }
    }

    fn field(field: &str, what: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: format!("`{field}` {what}."),
        }
    }
}

/// An order as the ATS gave it.
#[derive(Clone)]
pub struct AtsOrder {
    fields: BTreeMap<&'static str, Private<String>>,
    add_ons: Vec<String>,
}

impl fmt::Debug for AtsOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtsOrder")
            .field("fields", &self.fields.keys())
            .finish_non_exhaustive()
    }
}

impl AtsOrder {
    /// Reads a request body.
    ///
    /// # Errors
    /// [`BadOrder`] says what is wrong and in which member.
    pub fn parse(body: &[u8]) -> Result<Self, BadOrder> {
        let root = strict_json(body)?;
        let Value::Object(root) = root else {
            return Err(BadOrder::body("The body has to be a JSON object."));
        };
        let mut fields = BTreeMap::new();
        for (path, kind) in MEMBERS {
            if let Some(text) = member(&root, path, *kind)? {
                fields.insert(*path, Private::new(text));
            }
        }
        for required in REQUIRED {
            if !fields.contains_key(required) {
                return Err(BadOrder::field(required, "is missing or empty"));
            }
        }
        Ok(Self {
            fields,
            add_ons: add_ons(&root)?,
        })
    }

    /// The value of a member, by its path in the body.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.fields.get(path).map(|value| value.expose().as_str())
    }

    fn required(&self, path: &str) -> &str {
        self.text(path).unwrap_or_default()
    }

    /// The ATS's key of the order.
    pub fn background_check_id(&self) -> &str {
        self.required("background_check_id")
    }

    /// The package's id as offered.
    pub fn package_id(&self) -> &str {
        self.required("package_id")
    }

    /// Where the ATS wants to be told.
    pub fn webhook_url(&self) -> &str {
        self.required("webhook_url")
    }

    /// The add-ons' ids as offered, each once, in order of their text.
    pub fn add_on_ids(&self) -> &[String] {
        &self.add_ons
    }

    /// The same order in one form, whatever form it came in: what is fingerprinted and sealed.
    pub fn canonical(&self) -> Vec<u8> {
        let mut flat: Map<String, Value> = self
            .fields
            .iter()
            .map(|(path, value)| ((*path).to_owned(), Value::String(value.expose().clone())))
            .collect();
        flat.insert(ADD_ONS.to_owned(), self.add_ons.clone().into());
        let mut keys: Vec<_> = flat.iter().collect();
        keys.sort_by_key(|(key, _)| key.as_str());
        serde_json::to_vec(&keys.into_iter().collect::<BTreeMap<_, _>>())
            .expect("a map of texts always serializes")
    }

    /// Reads back what [`AtsOrder::canonical`] wrote.
    ///
    /// # Errors
    /// [`BadOrder`] when it is something else.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, BadOrder> {
        let flat: BTreeMap<String, Value> = serde_json::from_slice(bytes)
            .map_err(|_| BadOrder::body("The stored order cannot be read."))?;
        let fields = MEMBERS
            .iter()
            .filter_map(|(path, _)| {
                Some((*path, Private::new(flat.get(*path)?.as_str()?.to_owned())))
            })
            .collect();
        let add_ons = flat
            .get(ADD_ONS)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Ok(Self {
            fields,
            add_ons: add_ons
                .filter_map(|id| id.as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// The order in canonical words, for the vendor's ids of what was ordered.
    pub fn for_vendor(&self, package: &str, add_ons: &[String], placed_at: Millis) -> VendorOrder {
        let field = |path: &str| self.fields.get(path).cloned();
        VendorOrder {
            package: package.to_owned(),
            add_ons: add_ons.to_vec(),
            applicant: Applicant {
                id: field("applicant.id"),
                first_name: field("applicant.first_name"),
                last_name: field("applicant.last_name"),
                phone: field("applicant.phone"),
                email: field("applicant.email"),
                address: field("applicant.address"),
                address_2: field("applicant.address_2"),
                city: field("applicant.city"),
                state: field("applicant.state"),
                zip: field("applicant.zip"),
            },
            hiring_manager: HiringManager {
                id: field("hiring_manager.id"),
                first_name: field("hiring_manager.first_name"),
                last_name: field("hiring_manager.last_name"),
                email: field("hiring_manager.email"),
            },
            job_id: self.text("job.id").map(str::to_owned),
            placed_at,
        }
    }
}

fn member(root: &Map<String, Value>, path: &str, kind: Kind) -> Result<Option<String>, BadOrder> {
    let value = match path.split_once('.') {
        None => root.get(path),
        Some((parent, name)) => match root.get(parent) {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => object.get(name),
            Some(Value::String(text)) if text.is_empty() => None,
            Some(_) => return Err(BadOrder::field(parent, "has to be an object")),
        },
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => text_of(value, path, kind),
    }
}

fn text_of(value: &Value, path: &str, kind: Kind) -> Result<Option<String>, BadOrder> {
    let text = match (value, kind) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Kind::Id) => number.to_string(),
        (_, Kind::Id) => return Err(BadOrder::field(path, "has to be a text or a number")),
        (_, Kind::Text) => return Err(BadOrder::field(path, "has to be a text")),
    };
    let longest = if kind == Kind::Id {
        LONGEST_ID
    } else {
        LONGEST_TEXT
    };
    if text.chars().count() > longest {
        return Err(BadOrder::field(
            path,
            &format!("is longer than {longest} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(BadOrder::field(path, "has a control character in it"));
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn add_ons(root: &Map<String, Value>) -> Result<Vec<String>, BadOrder> {
    let list = match root.get(ADD_ONS) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(BadOrder::field(ADD_ONS, "has to be a list")),
    };
    if list.len() > MOST_ADD_ONS {
        return Err(BadOrder::field(
            ADD_ONS,
            &format!("has more than {MOST_ADD_ONS} entries"),
        ));
    }
    let ids: Result<BTreeSet<String>, BadOrder> = list
        .iter()
        .filter_map(|id| text_of(id, ADD_ONS, Kind::Id).transpose())
        .collect();
    Ok(ids?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"account_id":"ACCT123","background_check_id":"224466","package_id":"PKG001",
        "add_on_package_ids":["DRG02"],"webhook_url":"https://ats.example.com/hooks",
        "applicant":{"id":"12345","first_name":"John","last_name":"Doe"},"job":{"id":"12345"}}"#;

    fn parse(body: &str) -> Result<AtsOrder, BadOrder> {
        AtsOrder::parse(body.as_bytes())
    }

    #[track_caller]
    fn refused(body: &str, field: Option<&str>, message: &str) {
        let bad = parse(body).expect_err("the body should be refused");
        assert_eq!(bad.field.as_deref(), field, "{bad}");
        assert!(bad.message.contains(message), "{bad}");
    }

    fn with(member: &str, value: &str) -> String {
        let mut order: Value = serde_json::from_str(ORDER).unwrap();
        order[member] = serde_json::from_str(value).unwrap();
        order.to_string()
    }

    #[test]
    fn one_order_has_one_canonical_form_however_it_is_written() {
        let canonical = parse(ORDER).unwrap().canonical();
        for same in [
            with("background_check_id", "224466"),
            with("add_on_package_ids", r#"["DRG02", "DRG02", ""]"#),
            with("unknown", r#"{"a": [1, 2.5, true, null]}"#),
            with("hiring_manager", r#"{"id": null, "email": ""}"#),
            with("hiring_manager", "null"),
        ] {
            assert_eq!(parse(&same).unwrap().canonical(), canonical, "{same}");
        }
        let other = with("package_id", "\"PKG002\"");
        assert_ne!(parse(&other).unwrap().canonical(), canonical);
    }

    #[test]
    fn the_canonical_form_reads_back() {
        let order = parse(ORDER).unwrap();
        let again = AtsOrder::from_canonical(&order.canonical()).unwrap();
        assert_eq!(again.canonical(), order.canonical());
        assert_eq!(
            again
                .for_vendor("basic", &[], 0)
                .text("applicant.last_name"),
            Some("Doe")
        );
    }

    #[test]
    fn a_body_that_is_not_an_order_is_refused_with_its_place() {
        refused("{", None, "not JSON (line 1");
        refused("[]", None, "JSON object");
        refused(&format!("{ORDER} x"), None, "not JSON");
        refused(
            r#"{"package_id":"a","package_id":"b"}"#,
            None,
            "stands in it twice",
        );
        refused(
            &ORDER.replace(
                r#""id":"12345","first_name""#,
                r#""id":"1","id":"2","first_name""#,
            ),
            None,
            "twice",
        );
        refused(
            &format!("{}{}", "[".repeat(90), "]".repeat(90)),
            None,
            "nested deeper",
        );
    }

    #[test]
    fn a_missing_or_wrong_member_is_named() {
        for member in REQUIRED {
            refused(&with(member, "null"), Some(member), "missing or empty");
            refused(&with(member, "\"  \""), Some(member), "missing or empty");
        }
        refused(
            &with("package_id", "{}"),
            Some("package_id"),
            "text or a number",
        );
        refused(
            &with("applicant", "[]"),
            Some("applicant"),
            "has to be an object",
        );
        refused(
            &with("applicant", r#"{"first_name": 5}"#),
            Some("applicant.first_name"),
            "has to be a text",
        );
        refused(
            &with("applicant", r#"{"first_name": "a\u0000b"}"#),
            Some("applicant.first_name"),
            "control character",
        );
        refused(
            &with("add_on_package_ids", "\"DRG02\""),
            Some("add_on_package_ids"),
            "list",
        );
        let long = format!("\"{}\"", "9".repeat(10_000));
        refused(
            &with("background_check_id", &long),
            Some("background_check_id"),
            "longer than 255",
        );
    }

    #[test]
    fn names_of_any_script_are_fine() {
        let order = parse(&with(
            "applicant",
            r#"{"first_name": "Zoë 🦀", "last_name": "Нгуен-O'Neil"}"#,
        ))
        .unwrap();
        assert_eq!(order.text("applicant.first_name"), Some("Zoë 🦀"));
    }
}
