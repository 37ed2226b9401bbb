//! Product types, spelled as they must be, and what each needs (Accio, section 3).

use super::Refusal;
use crate::simulator::xml::Element;

/// Every type that is known but those that agencies define themselves, `cp_{code}`.
const TYPES: &[&str] = &[
    "County_criminal",
    "Statewide_criminal",
    "Statewide_criminal_db",
    "National Criminal",
    "National Criminal2",
    "National Alias Criminal",
    "National Federal Criminal",
    "Federal_criminal_criminal",
    "Federal_criminal_civil",
    "Federal_criminal_bankruptcy",
    "Federal_statewide_criminal",
    "Civil_County_criminal_lower",
    "Civil_County_criminal_upper",
    "Sex_Offender",
    "sex_offender_nationwide",
    "SSN",
    "CBSV",
    "AIM",
    "AIM2",
    "Trac",
    "OFAC",
    "globalreport",
    "GSA",
    "OIG",
    "SDN",
    "MVR",
    "CDLIS",
    "Credit",
    "Employment_verification",
    "Education_verification",
    "Credential_verification",
    "Reference_check",
    "Drug_screen",
    "evictions_check",
    "Workers Compensation",
    "Everify",
];

/// The product type of a `subOrder`.
pub(super) fn of(sub_order: &Element) -> Result<&str, Refusal> {
    let kind = sub_order.attribute("type").unwrap_or_default();
    if TYPES.contains(&kind) || kind.starts_with("cp_") {
        return Ok(kind);
    }
    Err(Refusal::new(
        30,
        "The subOrder type is missing or not known",
    ))
}

/// The children that a product needs.
pub(super) fn needs(kind: &str) -> &'static [&'static str] {
    match kind {
        "County_criminal" | "Civil_County_criminal_lower" | "Civil_County_criminal_upper" => {
            &["county", "state"]
        }
        "Statewide_criminal" | "Sex_Offender" | "Workers Compensation" | "evictions_check" => {
            &["state"]
        }
        "MVR" => &["dlnum", "dlstate"],
        _ => &[],
    }
}
