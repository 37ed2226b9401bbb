//! Places: countries, states, and the word that stands for the applicant's own.

use serde_json::{Value, json};

use super::super::scope::Scope;
use super::plain;
use crate::contract::{Unfit, is_region};

/// The word that stands for the applicant's own state where a setting wants a region.
pub(super) const APPLICANT: &str = "applicant";

pub(super) fn country(place: &str) -> String {
    match place {
        APPLICANT => "US".to_owned(),
        _ => place.split('-').next().unwrap_or(place).to_uppercase(),
    }
}

/// `US-CA` as country and state; [`APPLICANT`] as the US and the applicant's own state.
pub(super) fn region(place: &str, scope: &Scope<'_>) -> Result<Value, Unfit> {
    if place == APPLICANT {
        return Ok(json!({"country": "US", "state": own_state(scope)?}));
    }
    Ok(match place.split_once('-') {
        Some((_, state)) => json!({"country": country(place), "state": state.to_uppercase()}),
        None => json!({"country": country(place)}),
    })
}

/// The state in `US-CA`, of [`APPLICANT`], or of a US state's own name or code.
pub(super) fn state(place: &str, scope: &Scope<'_>) -> Result<Option<String>, Unfit> {
    if place == APPLICANT {
        return Ok(Some(own_state(scope)?.to_owned()));
    }
    let code = place.to_uppercase();
    let of_region = code.split_once('-').filter(|_| is_region(&code));
    let of_region = of_region.map(|(_, state)| state.to_owned());
    Ok(of_region.or_else(|| us_state(place).map(str::to_owned)))
}

fn own_state(scope: &Scope<'_>) -> Result<&'static str, Unfit> {
    let state = own("applicant.state", scope)?;
    us_state(&state).ok_or_else(|| Unfit {
        field: "applicant.state".to_owned(),
        why: "is not a US state's name or two-letter code".to_owned(),
    })
}

/// The order's field of that name, where a setting asks for the applicant's own.
pub(super) fn own(field: &str, scope: &Scope<'_>) -> Result<String, Unfit> {
    let text = scope.order.and_then(|order| order.text(field));
    text.map(str::to_owned).ok_or_else(|| Unfit {
        field: field.to_owned(),
        why: "is missing, and the vendor needs it".to_owned(),
    })
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
