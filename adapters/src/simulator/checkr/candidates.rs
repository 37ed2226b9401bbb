//! Candidates: people, of whom the same one may be created only so often (Checkr, section 4).

use serde_json::{Map, Value, json};

use super::account::includes;
use super::paging::{PER_PAGE, page};
use super::{Answer, Checkr, iso8601, not_found, places, refusal};
use crate::simulator::{Arrived, Response};
use crate::vocabulary::Millis;

/// How many candidates with one e-mail address may be created in 24 hours.
const MOST_DUPLICATES: usize = 2;

const DAY: Millis = 24 * 3_600_000;

/// Text fields that come back as they were given, or as null.
const TEXTS: [&str; 13] = [
    "first_name",
    "middle_name",
    "last_name",
    "mother_maiden_name",
    "email",
    "phone",
    "zipcode",
    "dob",
    "driver_license_number",
    "driver_license_state",
    "previous_driver_license_number",
    "previous_driver_license_state",
    "custom_id",
];

/// A person at Checkr, as the request gave them.
pub(super) struct Candidate {
    pub(super) id: String,
    created_at: Millis,
    given: Map<String, Value>,
}

impl Candidate {
    /// A text of the request, empty where it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// True where lists hide the candidate.
    pub(super) fn is_abroad(&self) -> bool {
        self.given
            .get("work_locations")
            .is_some_and(places::any_abroad)
    }

    fn metadata(&self) -> Option<&Map<String, Value>> {
        self.given.get("metadata").and_then(Value::as_object)
    }

    /// Whether a query parameter lets the candidate through; ones that are no filters do. Metadata
    /// matches anywhere in the value.
    fn fits(&self, name: &str, wanted: &str) -> bool {
        if let Some(key) = name.strip_prefix("metadata[") {
            let key = key.trim_end_matches(']');
            let value = self.metadata().and_then(|data| data.get(key));
            return value
                .and_then(Value::as_str)
                .is_some_and(|value| value.contains(wanted));
        }
        match name {
            "email" => self.text("email").eq_ignore_ascii_case(wanted),
            "custom_id" => self.text("custom_id") == wanted,
            _ => true,
        }
    }
}

impl Checkr {
    pub(super) fn create_candidate(&mut self, body: &Value, now: Millis) -> Answer {
        let wrong = mistakes(body);
        if !wrong.is_empty() {
            return Err(Response::json(400, &json!({ "error": wrong })));
        }
        let given = body.as_object().cloned().unwrap_or_default();
        let candidate = Candidate {
            id: self.next_id("ca4d"),
            created_at: now,
            given,
        };
        self.refuse_duplicates(candidate.text("email"), now)?;
        self.candidates.push(candidate);
        let shown = self.candidate(self.candidates.len() - 1);
        self.announce("candidate.created", shown.clone(), now);
        Ok(Response::json(201, &shown))
    }

    fn refuse_duplicates(&self, email: &str, now: Millis) -> Result<(), Response> {
        let alike = self
            .candidates
            .iter()
            .filter(|other| now - other.created_at < DAY && other.fits("email", email));
        if alike.count() < MOST_DUPLICATES {
            return Ok(());
        }
        let text = "Duplicate candidate detected. No more than 2 duplicate candidates can be \
                    created within a 24 hour period";
        Err(refusal(409, text))
    }

    pub(super) fn list_candidates(&mut self, request: &Arrived, now: Millis) -> Answer {
        let filters = request.query();
        let hidden_after = self.faults.hidden_after(request, now);
        let seen = self.candidates.iter().enumerate().filter(|(_, candidate)| {
            candidate.created_at <= hidden_after
                && !candidate.is_abroad()
                && filters
                    .iter()
                    .all(|(name, wanted)| candidate.fits(name, wanted))
        });
        let shown = seen.map(|(index, _)| self.candidate(index)).collect();
        page(request, shown, PER_PAGE)
    }

    pub(super) fn show_candidate(&self, request: &Arrived, id: &str) -> Answer {
        let index = self.candidates.iter().position(|known| known.id == id);
        let index = index.ok_or_else(not_found)?;
        let mut shown = self.candidate(index);
        if includes(request, "reports") {
            shown["reports"] = self.reports_of(index).into();
        }
        Ok(Response::json(200, &shown))
    }

    /// The candidate as answers and events show it.
    fn candidate(&self, index: usize) -> Value {
        let candidate = &self.candidates[index];
        let given = |name: &str| candidate.given.get(name).cloned().unwrap_or_default();
        let report_ids: Vec<_> = self
            .reports_of(index)
            .into_iter()
            .map(|report| report["id"].clone())
            .collect();
        let mut shown = json!({
            "id": candidate.id,
            "object": self.object_name("candidate"),
            "uri": format!("/v1/candidates/{}", candidate.id),
            "created_at": iso8601(candidate.created_at),
            "no_middle_name": given("no_middle_name") == true,
            "ssn": masked(candidate.text("ssn")),
            "copy_requested": given("copy_requested") == true,
            "adjudication": null,
            "report_ids": report_ids,
            "geo_ids": [],
            "metadata": candidate.metadata().cloned().unwrap_or_default(),
        });
        for name in TEXTS {
            shown[name] = given(name);
        }
        shown
    }
}

/// Social Security numbers come back as `XXX-XX-1234`.
fn masked(ssn: &str) -> Option<String> {
    let last = ssn.get(ssn.len().checked_sub(4)?..)?;
    Some(format!("XXX-XX-{last}"))
}

/// Everything that is wrong with a candidate, as the vendor says it.
fn mistakes(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in TEXTS {
        if !matches!(body[name], Value::Null | Value::String(_)) {
            wrong.push(format!("{name} is invalid"));
        }
    }
    if !body["email"].as_str().is_some_and(is_deliverable) {
        wrong.push("Email is not a valid email address".to_owned());
    }
    for (name, title) in [
        ("first_name", "First name"),
        ("middle_name", "Middle name"),
        ("last_name", "Last name"),
    ] {
        if !body[name]
            .as_str()
            .unwrap_or_default()
            .chars()
            .all(is_of_a_name)
        {
            wrong.push(format!(
                "{title} must only contain letters, numbers, spaces, hyphens, apostrophes, \
                 periods, and commas"
            ));
        }
    }
    if body["last_name"]
        .as_str()
        .is_some_and(|name| name.chars().count() < 2)
    {
        wrong.push("Last name is too short (minimum is 2 characters)".to_owned());
    }
    if let Err(text) = places::check(&body["work_locations"]) {
        wrong.push(text.to_owned());
    }
    if !is_metadata(&body["metadata"]) {
        wrong.push("Metadata is invalid".to_owned());
    }
    wrong
}

/// Letters, with accents too; no letters of other scripts.
fn is_of_a_name(letter: char) -> bool {
    let accented = ('\u{c0}'..='\u{24f}').contains(&letter) && letter.is_alphabetic();
    letter.is_ascii_alphanumeric() || accented || " -'.,".contains(letter)
}

/// At most 50 pairs of texts, of 40 and 500 characters.
fn is_metadata(metadata: &Value) -> bool {
    match metadata {
        Value::Null => true,
        Value::Object(pairs) => {
            pairs.len() <= 50
                && pairs.iter().all(|(key, value)| {
                    let value = value.as_str().map(|value| value.chars().count());
                    key.chars().count() <= 40 && value.is_some_and(|length| length <= 500)
                })
        }
        _ => false,
    }
}

/// A plain mailbox at a domain that could accept mail, which reserved ones do not.
fn is_deliverable(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let labels: Vec<_> = domain.split('.').collect();
    email.len() <= 255
        && local.len() <= 64
        && local.split('.').all(is_dot_atom)
        && labels.len() >= 2
        && labels.iter().all(|label| is_host_label(label))
        && !is_reserved(&domain.to_ascii_lowercase())
}

/// RFC 5322, "atext".
fn is_dot_atom(text: &str) -> bool {
    let is_atext =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_atext)
}

fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// RFC 2606.
fn is_reserved(domain: &str) -> bool {
    [
        "example.com",
        "example.org",
        "example.net",
        "example",
        "test",
        "invalid",
        "localhost",
    ]
    .iter()
    .any(|reserved| {
        let before = domain.strip_suffix(reserved);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_receive_mail_are_refused() {
        for good in ["dana@mailbox.dev", "d.r+1@a.b-c.io", "d@notexample.com"] {
            assert!(is_deliverable(good), "{good}");
        }
        for bad in [
            "",
            "dana",
            "@mailbox.dev",
            "dana@",
            "dana@mailbox",
            "dana@example.com",
            "dana@mail.Example.ORG",
            "dana@example.net",
            "dana@mailhost.test",
            "dana@nowhere.invalid",
            ".dana@mailbox.dev",
            "da..na@mailbox.dev",
            "da na@mailbox.dev",
            "a@b@mailbox.dev",
            "dana@-mailbox.dev",
        ] {
            assert!(!is_deliverable(bad), "{bad}");
        }
        assert!(!is_deliverable(&format!(
            "dana@{}dev",
            "mailbox.".repeat(32)
        )));
    }

    #[test]
    fn names_are_made_of_latin_letters() {
        for good in ["Dana", "Zoë", "Łukasz", "O'Neil-Smith, Jr.", "Dana 2"] {
            assert!(good.chars().all(is_of_a_name), "{good}");
        }
        for bad in ["李", "Dana😀", "Dana_R", "A×B", "<b>"] {
            assert!(!bad.chars().all(is_of_a_name), "{bad}");
        }
    }
}
