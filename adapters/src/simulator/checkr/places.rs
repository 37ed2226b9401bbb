//! Work locations, which choose the legal disclosures (Checkr, section 4, "Create invitation").

use serde_json::Value;

/// The states, the District of Columbia and the inhabited territories, by postal code.
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS \
                      MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI \
                      WY AS GU MP PR VI";

/// Checks the locations in a request, if there are any.
///
/// # Errors
/// The vendor's sentence about what is wrong.
pub(super) fn check(locations: &Value) -> Result<(), &'static str> {
    let locations = match locations {
        Value::Null => return Ok(()),
        Value::Array(locations) => locations,
        _ => return Err("work_locations must be an array"),
    };
    locations.iter().try_for_each(|location| {
        if !location.is_object() {
            return Err("work_locations must hold objects");
        }
        if !is_country(&location["country"]) {
            return Err("Country is not a valid country");
        }
        let abroad = is_abroad(location);
        let state = location["state"].as_str().unwrap_or_default();
        let known = state.len() == 2 && STATES.split(' ').any(|code| code == state);
        (abroad || known)
            .then_some(())
            .ok_or("State is not a valid US state")
    })
}

/// True where one of the locations is outside the United States; the country defaults to them.
pub(super) fn any_abroad(locations: &Value) -> bool {
    let mut locations = locations.as_array().into_iter().flatten();
    locations.any(is_abroad)
}

/// Two capital letters, or none given.
fn is_country(country: &Value) -> bool {
    match country {
        Value::Null => true,
        Value::String(code) => {
            code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
        }
        _ => false,
    }
}

fn is_abroad(location: &Value) -> bool {
    location["country"]
        .as_str()
        .is_some_and(|country| country != "US")
}
