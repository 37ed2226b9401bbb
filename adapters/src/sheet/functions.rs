//! The functions of expressions: `{applicant.phone? | us_phone}`.
//!
//! A function that cannot make sense of its value gives nothing, so a member that may be left out
//! is left out and one that may not stops the order before it is sent. A new function is one arm
//! here; it must be total and know no vendor.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::xml::{is_element, text_of};
use crate::contract::Unfit;
use crate::vocabulary::Order;

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Lower,
    Upper,
    Trim,
    Text,
    Spaced,
    Digits,
    UsPhone,
    Cents,
    Decimal,
    Time,
    Region,
    Country,
}

/// Every function by its name in sheets, with what it does.
const FUNCTIONS: &[(&str, Function)] = &[
    ("lower", Function::Lower),
    ("upper", Function::Upper),
    ("trim", Function::Trim),
    ("text", Function::Text),
    ("spaced", Function::Spaced),
    ("digits", Function::Digits),
    ("us_phone", Function::UsPhone),
    ("cents", Function::Cents),
    ("decimal", Function::Decimal),
    ("time", Function::Time),
    ("region", Function::Region),
    ("country", Function::Country),
];

/// The word that stands for the applicant's own state where a setting wants a region.
const APPLICANT: &str = "applicant";

impl Function {
    /// The function of that name; the error lists the known ones.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let found = FUNCTIONS.iter().find(|(known, _)| *known == name);
        found.map(|(_, function)| *function).ok_or_else(|| {
            let known: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
            format!("`{name}` is not a function ({})", known.join(", "))
        })
    }

    /// True where the function may look at the applicant's state.
    pub(super) fn reads_state(self) -> bool {
        self == Self::Region
    }

    /// Its value for `value`; `None` where it has none.
    pub(super) fn apply(
        self,
        value: &Value,
        order: Option<&Order>,
    ) -> Result<Option<Value>, Unfit> {
        let found = match self {
            Self::Lower => each(value, |text| Some(text.to_lowercase())),
            Self::Upper => each(value, |text| Some(text.to_uppercase())),
            Self::Trim => each(value, |text| Some(text.trim().to_owned())),
            Self::Spaced => each(value, |text| Some(text.replace(['_', '-'], " "))),
            Self::Digits => each(value, |text| Some(digits(text))),
            Self::UsPhone => each(value, us_phone),
            Self::Decimal => each(value, decimal),
            Self::Cents => each(value, cents),
            Self::Text => Some(flat(value))
                .filter(|text| !text.is_empty())
                .map(Value::from),
            Self::Time => scalar(value).and_then(|text| time(&text)).map(Value::from),
            Self::Country => scalar(value).map(|text| json!(country(&text))),
            Self::Region => match scalar(value) {
                Some(text) => Some(region(&text, order)?),
                None => None,
            },
        };
        Ok(found)
    }
}

/// The text of a text, number, truth value or XML element.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Object(_) => text_of(value)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

/// A word as tables compare it: lower case, without blanks, `_` and `-`, because vendors spell one
/// word in several ways.
pub(super) fn plain(word: &str) -> String {
    word.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A vendor's text for people: on one line, without control characters, at most `most` letters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let visible: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").chars().take(most).collect()
}

/// All texts in a value, one behind the other: vendors write an error as a text, a list or a table.
pub(super) fn flat(value: &Value) -> String {
    match value {
        Value::Array(items) => joined(items.iter()),
        Value::Object(members) if is_element(value) => match text_of(value) {
            Some("") | None => joined(children(members)),
            Some(text) => text.to_owned(),
        },
        // The vendor's sentence for people, where a table has one; else all it holds.
        Value::Object(members) => match members.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => joined(members.values()),
        },
        other => scalar(other).unwrap_or_default(),
    }
}

/// What stands in an element, without its attributes: those are no sentences.
fn children(members: &serde_json::Map<String, Value>) -> impl Iterator<Item = &Value> {
    members.values().filter(|member| member.is_array())
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let texts: Vec<String> = values.map(flat).filter(|text| !text.is_empty()).collect();
    texts.join("; ")
}

/// `change` on a text, or on every text of a list.
fn each(value: &Value, change: impl Fn(&str) -> Option<String>) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let changed = items.iter().filter_map(|item| change(&scalar(item)?));
            Some(Value::Array(changed.map(Value::from).collect()))
        }
        other => change(&scalar(other)?).map(Value::from),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Ten digits of a US number, without its country code.
fn us_phone(text: &str) -> Option<String> {
    let all = digits(text);
    let local = if all.len() == 11 {
        all.strip_prefix('1')?
    } else {
        &all
    };
    (local.len() == 10).then(|| local.to_owned())
}

/// A decimal amount with two places, from a number or its text.
fn decimal(text: &str) -> Option<String> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && fraction.len() <= 2 && is_number(whole) && is_number(fraction))
        .then(|| format!("{whole}.{fraction:0<2}"))
}

/// A decimal amount from a whole number of cents, as a number or its text.
fn cents(text: &str) -> Option<String> {
    let cents: u64 = text.trim().parse().ok()?;
    Some(format!("{}.{:02}", cents / 100, cents % 100))
}

/// Milliseconds since the epoch of an ISO 8601 time with a zone.
pub(super) fn time(text: &str) -> Option<i64> {
    let time: Timestamp = text.trim().parse().ok()?;
    Some(time.as_millisecond())
}

fn country(place: &str) -> String {
    match place {
        APPLICANT => "US".to_owned(),
        _ => place.split('-').next().unwrap_or(place).to_uppercase(),
    }
}

/// `US-CA` as country and state; [`APPLICANT`] as the US and the applicant's own state.
fn region(place: &str, order: Option<&Order>) -> Result<Value, Unfit> {
    if place == APPLICANT {
        let state = order.and_then(|order| order.text("applicant.state"));
        let missing = || unfit("is missing, and the vendor needs it");
        let code = us_state(state.ok_or_else(missing)?);
        let code = code.ok_or_else(|| unfit("is not a US state's name or two-letter code"))?;
        return Ok(json!({"country": "US", "state": code}));
    }
    Ok(match place.split_once('-') {
        Some((_, state)) => json!({"country": country(place), "state": state.to_uppercase()}),
        None => json!({"country": country(place)}),
    })
}

fn unfit(why: &str) -> Unfit {
    Unfit {
        field: "applicant.state".to_owned(),
        why: why.to_owned(),
    }
}

/// The two-letter code of a US state or territory, from its code or name.
fn us_state(text: &str) -> Option<&'static str> {
    let given = plain(text);
    STATES
        .iter()
        .find(|(code, name)| plain(code) == given || plain(name) == given)
        .map(|(code, _)| *code)
}

#[rustfmt::skip]
const STATES: &[(&str, &str)] = &[
    ("AL", "Alabama"), ("AK", "Alaska"), ("AZ", "Arizona"), ("AR", "Arkansas"), ("CA", "California"),
    ("CO", "Colorado"), ("CT", "Connecticut"), ("DE", "Delaware"), ("DC", "District of Columbia"),
    ("FL", "Florida"), ("GA", "Georgia"), ("HI", "Hawaii"), ("ID", "Idaho"), ("IL", "Illinois"),
    ("IN", "Indiana"), ("IA", "Iowa"), ("KS", "Kansas"), ("KY", "Kentucky"), ("LA", "Louisiana"),
    ("ME", "Maine"), ("MD", "Maryland"), ("MA", "Massachusetts"), ("MI", "Michigan"),
    ("MN", "Minnesota"), ("MS", "Mississippi"), ("MO", "Missouri"), ("MT", "Montana"),
    ("NE", "Nebraska"), ("NV", "Nevada"), ("NH", "New Hampshire"), ("NJ", "New Jersey"),
    ("NM", "New Mexico"), ("NY", "New York"), ("NC", "North Carolina"), ("ND", "North Dakota"),
    ("OH", "Ohio"), ("OK", "Oklahoma"), ("OR", "Oregon"), ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"), ("SC", "South Carolina"), ("SD", "South Dakota"), ("TN", "Tennessee"),
    ("TX", "Texas"), ("UT", "Utah"), ("VT", "Vermont"), ("VA", "Virginia"), ("WA", "Washington"),
    ("WV", "West Virginia"), ("WI", "Wisconsin"), ("WY", "Wyoming"), ("AS", "American Samoa"),
    ("GU", "Guam"), ("MP", "Northern Mariana Islands"), ("PR", "Puerto Rico"),
    ("VI", "Virgin Islands"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(function: &str, value: Value) -> Option<Value> {
        let function = Function::named(function).expect("known");
        function.apply(&value, None).expect("needs no order")
    }

    #[test]
    fn functions_give_what_their_names_say() {
        let check = |name: &str, value: Value, expected: Value| {
            assert_eq!(applied(name, value), Some(expected), "{name}");
        };
        check("cents", json!(6500), json!("65.00"));
        check("cents", json!("6505"), json!("65.05"));
        check("decimal", json!(29.9), json!("29.90"));
        check("decimal", json!("29"), json!("29.00"));
        check("us_phone", json!("+1 (415) 555-0134"), json!("4155550134"));
        check(
            "spaced",
            json!("county_civil-search"),
            json!("county civil search"),
        );
        check("upper", json!(["a", "b"]), json!(["A", "B"]));
        check(
            "text",
            json!({"error": ["a", {"message": "b"}]}),
            json!("a; b"),
        );
        check("time", json!("1970-01-01T00:00:01Z"), json!(1000));
        check(
            "region",
            json!("us-ca"),
            json!({"country": "US", "state": "CA"}),
        );
        check("region", json!("CA"), json!({"country": "CA"}));
        check("country", json!("CA-ON"), json!("CA"));
        check("country", json!("applicant"), json!("US"));
    }

    #[test]
    fn a_function_that_cannot_make_sense_of_its_value_gives_nothing() {
        for (name, value) in [
            ("cents", json!("12.5")),
            ("cents", json!(-1)),
            ("decimal", json!("1e3")),
            ("decimal", json!("1.234")),
            ("us_phone", json!("+44 20 7946 0000")),
            ("time", json!("2026-02-30")),
            ("lower", json!({"a": 1})),
        ] {
            assert_eq!(applied(name, value.clone()), None, "{name} {value}");
        }
    }

    #[test]
    fn the_applicants_own_state_is_read_by_name_or_code_and_named_when_it_is_missing() {
        let mut order = crate::vocabulary::Order {
            package: String::new(),
            add_ons: Vec::new(),
            applicant: crate::vocabulary::Applicant::default(),
            hiring_manager: crate::vocabulary::HiringManager::default(),
            job_id: None,
            placed_at: 0,
        };
        let mut place = |state: &str| {
            order.applicant.state = Some(state.into());
            Function::Region.apply(&json!("applicant"), Some(&order))
        };
        let illinois = Ok(Some(json!({"country": "US", "state": "IL"})));
        assert_eq!(place("il"), illinois);
        assert_eq!(place("Illinois"), illinois);
        assert_eq!(
            place("Atlantis").map_err(|unfit| unfit.field),
            Err("applicant.state".into())
        );
        assert_eq!(
            place("").map_err(|unfit| unfit.field),
            Err("applicant.state".into())
        );
    }

    #[test]
    fn a_vendors_text_is_cut_and_loses_control_characters() {
        assert_eq!(clean("a\n\tb\u{7}c", 200), "a b c");
        assert_eq!(clean(&"x".repeat(300), 200).len(), 200);
    }
}
