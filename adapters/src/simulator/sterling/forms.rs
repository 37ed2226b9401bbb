//! The forms that Sterling asks of a candidate's values (Sterling, section 4.1).

use serde_json::Value;

/// What is wrong with a candidate's values: the part of the code behind `400#`, and a sentence.
pub(super) type Wrong = (&'static str, &'static str);

/// Checks what was given; nothing here is required.
///
/// # Errors
/// The first value that is not of its form.
pub(super) fn check(person: &Value) -> Result<(), Wrong> {
    let text = |name: &str| person[name].as_str();
    given(text("email"), is_email, "email", "email is not valid")?;
    given(text("phone"), is_e164, "phone", "phone must be E.164")?;
    given(text("dob"), is_date, "dob", "dob must be YYYY-MM-DD")?;
    given(text("ssn"), is_ssn, "ssn", "ssn must have nine digits")?;
    let address = &person["address"];
    let (region, country) = (
        address["regionCode"].as_str(),
        address["countryCode"].as_str(),
    );
    let wrong = "regionCode must be ISO 3166-2";
    given(region, is_region, "regionCode", wrong)?;
    if address.is_object() {
        let wrong = "countryCode must have two letters";
        given(
            Some(country.unwrap_or_default()),
            is_country,
            "countryCode",
            wrong,
        )?;
    }
    let licence = &person["driversLicense"];
    let kind = licence["type"].as_str();
    if licence.is_object() && !matches!(kind, Some("personal" | "commercial")) {
        return Err(("driversLicense.type", "type must be personal or commercial"));
    }
    let issuer = licence["issuingAgency"].as_str();
    given(issuer, is_region, "regionCode", wrong)
}

/// The value at a dotted path, such as `address.postalCode`, where it is not empty.
pub(super) fn at<'a>(person: &'a Value, path: &str) -> Option<&'a str> {
    let found = path.split('.').fold(person, |value, name| &value[name]);
    found.as_str().filter(|text| !text.is_empty())
}

fn given(
    value: Option<&str>,
    fits: fn(&str) -> bool,
    code: &'static str,
    sentence: &'static str,
) -> Result<(), Wrong> {
    match value {
        Some(value) if !fits(value) => Err((code, sentence)),
        _ => Ok(()),
    }
}

fn is_email(text: &str) -> bool {
    let (name, domain) = text.split_once('@').unwrap_or_default();
    !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && all_digits(digits) && !digits.starts_with('0')
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
}

/// Documented as digits alone; the integration environment took dashes as well.
fn is_ssn(text: &str) -> bool {
    let digits = text.replace('-', "");
    digits.len() == 9 && all_digits(&digits)
}

/// `US-WA`; `WA` alone is refused.
fn is_region(text: &str) -> bool {
    let (country, part) = text.split_once('-').unwrap_or_default();
    is_country(country)
        && (1..=3).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
