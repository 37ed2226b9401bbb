//! Applicants: people, of whom the same one may be created any number of times (TazWorks,
//! section 4.1).

use serde_json::{Map, Value, json};

use super::documents::{has_form, needed, text, truth};
use super::paging::page;
use super::{Answer, Tazworks, invalid, not_found};
use crate::simulator::{Arrived, Response};
use crate::vocabulary::Millis;

/// The SSN of the vendor's test person with records (TazWorks, section 2).
const WITH_RECORDS: &str = "333-22-1111";

/// Members that come back as they were given, where they were.
const TEXTS: [&str; 6] = [
    "firstName",
    "middleName",
    "lastName",
    "email",
    "dateOfBirth",
    "gender",
];

/// The postal codes of the states, the District of Columbia and the inhabited territories.
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS \
                      MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI \
                      WY AS GU MP PR VI";

/// A person at TazWorks.
pub(super) struct Applicant {
    pub(super) guid: String,
    created_at: Millis,
    modified_at: Millis,
    version: u32,
    given: Map<String, Value>,
    ssn: Option<String>,
    addresses: Vec<Value>,
}

impl Applicant {
    /// A text of the request, empty where it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        let value = self.given.get(name);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// `LAST, FIRST M.` in upper case.
    pub(super) fn listed_name(&self) -> String {
        let middle = self.text("middleName").chars().next();
        let middle = middle.map_or_else(String::new, |letter| format!(" {letter}."));
        let name = format!(
            "{}, {}{middle}",
            self.text("lastName"),
            self.text("firstName")
        );
        name.to_uppercase()
    }

    /// True for the vendor's test persons with records.
    pub(super) fn has_records(&self) -> bool {
        let is_named = |name: &str, wanted| self.text(name).eq_ignore_ascii_case(wanted);
        self.ssn.as_deref() == Some(WITH_RECORDS)
            || is_named("firstName", "Hank") && is_named("lastName", "Mess")
    }

    /// True where an order can run without the hosted form.
    pub(super) fn is_whole(&self) -> bool {
        self.ssn.is_some() && !self.text("dateOfBirth").is_empty() && !self.addresses.is_empty()
    }

    /// As answers show it; lists leave out the child arrays.
    fn shown(&self, with_children: bool) -> Value {
        let mut shown = json!({
            "applicantGuid": self.guid,
            "textingEnabled": self.given.get("textingEnabled").cloned().unwrap_or(json!(false)),
            "noMiddleName": self.given.get("noMiddleName").cloned().unwrap_or(json!(false)),
            "createdDate": self.created_at,
            "createdBy": "Gateway App",
            "modifiedDate": self.modified_at,
            "modifiedBy": "Gateway App",
            "version": self.version,
        });
        for name in TEXTS.iter().chain(&["phoneNumber"]) {
            if let Some(value) = self.given.get(*name) {
                shown[*name] = value.clone();
            }
        }
        if with_children {
            shown["addresses"] = self.addresses.clone().into();
            let others = [
                "employment",
                "education",
                "aliases",
                "professionalLicenses",
                "references",
            ];
            for name in others {
                shown[name] = json!([]);
            }
        }
        shown
    }
}

impl Tazworks {
    pub(super) fn create_applicant(&mut self, body: &Value, now: Millis) -> Answer {
        let (given, ssn) = person(body)?;
        let guid = self.next_guid("a5");
        self.applicants.push(Applicant {
            guid,
            created_at: now,
            modified_at: now,
            version: 1,
            given,
            ssn,
            addresses: Vec::new(),
        });
        let made = &self.applicants[self.applicants.len() - 1];
        Ok(Response::json(201, &made.shown(true)))
    }

    pub(super) fn replace_applicant(&mut self, guid: &str, body: &Value, now: Millis) -> Answer {
        let index = self.applicant_index(guid)?;
        let (given, ssn) = person(body)?;
        let applicant = &mut self.applicants[index];
        applicant.given = given;
        applicant.ssn = ssn;
        applicant.modified_at = now;
        applicant.version += 1;
        Ok(Response::json(200, &applicant.shown(true)))
    }

    pub(super) fn list_applicants(&self, request: &Arrived) -> Answer {
        let applicants = self.applicants.iter();
        page(request, applicants.map(|one| one.shown(false)).collect())
    }

    pub(super) fn show_applicant(&self, guid: &str) -> Answer {
        let applicant = &self.applicants[self.applicant_index(guid)?];
        Ok(Response::json(200, &applicant.shown(true)))
    }

    pub(super) fn add_address(&mut self, guid: &str, body: &Value) -> Answer {
        let index = self.applicant_index(guid)?;
        let mut address = address(body)?;
        address["addressGuid"] = self.next_guid("aa").into();
        self.applicants[index].addresses.push(address.clone());
        Ok(Response::json(201, &address))
    }

    pub(super) fn list_addresses(&self, guid: &str) -> Answer {
        let applicant = &self.applicants[self.applicant_index(guid)?];
        Ok(Response::json(200, &applicant.addresses.clone().into()))
    }

    pub(super) fn applicant_index(&self, guid: &str) -> Result<usize, Response> {
        let found = self.applicants.iter().position(|one| one.guid == guid);
        found.ok_or_else(|| not_found("Applicant"))
    }
}

/// The members of a person, checked, and their SSN, which no answer shows.
fn person(body: &Value) -> Result<(Map<String, Value>, Option<String>), Response> {
    let mut given = Map::new();
    for name in TEXTS {
        if let Some(value) = text(body, name)? {
            given.insert(name.to_owned(), value.into());
        }
    }
    for name in ["firstName", "lastName"] {
        needed(body, name)?;
    }
    if !needed(body, "email")?.contains('@') {
        return Err(invalid("email is not a valid email address"));
    }
    for name in ["textingEnabled", "noMiddleName"] {
        if let Some(truth) = truth(body, name)? {
            given.insert(name.to_owned(), truth.into());
        }
    }
    if let Some(phone) = text(body, "phoneNumber")? {
        let phone = stored_phone(&phone).ok_or_else(|| invalid("phoneNumber is not valid"))?;
        given.insert("phoneNumber".to_owned(), phone.into());
    }
    let born = text(body, "dateOfBirth")?;
    if born.is_some_and(|date| !has_form(&date, "0000-00-00")) {
        return Err(invalid("dateOfBirth must be yyyy-MM-dd"));
    }
    let ssn = text(body, "ssn")?;
    if ssn
        .as_ref()
        .is_some_and(|ssn| !has_form(ssn, "000-00-0000"))
    {
        return Err(invalid("ssn must be ddd-dd-dddd"));
    }
    Ok((given, ssn))
}

/// Phones are stored as `(ddd) ddd-dddd`, however they were given.
fn stored_phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let local = match digits.len() {
        11 => digits.strip_prefix('1')?,
        _ => &digits,
    };
    (local.len() == 10).then(|| format!("({}) {}-{}", &local[..3], &local[3..6], &local[6..]))
}

fn address(body: &Value) -> Result<Value, Response> {
    let kind = needed(body, "addressType")?;
    if !["DOMESTIC", "INTL"].contains(&kind.as_str()) {
        return Err(invalid("addressType must be DOMESTIC or INTL"));
    }
    let state = needed(body, "stateOrProvince")?;
    if kind == "DOMESTIC" && !STATES.split(' ').any(|code| code == state) {
        return Err(invalid("stateOrProvince is not a two-letter state code"));
    }
    Ok(json!({
        "addressType": kind,
        "streetOne": needed(body, "streetOne")?,
        "streetTwo": text(body, "streetTwo")?,
        "city": needed(body, "city")?,
        "stateOrProvince": state,
        "postalCode": needed(body, "postalCode")?,
        "country": text(body, "country")?.unwrap_or_else(|| "US".to_owned()),
    }))
}
