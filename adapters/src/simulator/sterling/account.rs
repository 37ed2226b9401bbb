//! The account: what a constructor may choose, its tokens and its packages (Sterling, sections 2
//! and 3).

use serde_json::{Value, json};

use super::{Answer, Sterling, refusal};
use crate::simulator::{Arrived, Pace, Response};
use crate::vocabulary::Millis;

/// How long a token lives, in seconds.
const TOKEN_LIFE: Millis = 3_600;

/// A customer's account in one region and environment.
#[derive(Clone)]
pub struct Account {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// What may be ordered.
    pub packages: Vec<Package>,
    /// Callbacks that are due together are sent in reverse.
    pub reorder: bool,
}

/// A package of the account.
#[derive(Clone)]
pub struct Package {
    /// What orders it; digits.
    pub id: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Whether it may be ordered.
    pub active: bool,
    /// The names of its searches.
    pub components: Vec<&'static str>,
    /// What a candidate must have before it is ordered without an invitation.
    pub required: Vec<&'static str>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            client_id: "sterling-test-client".to_owned(),
            client_secret: "sterling-test-secret".to_owned(),
            pace: Pace::default(),
            packages: usual_packages(),
            reorder: false,
        }
    }
}

fn usual_packages() -> Vec<Package> {
    let package = |id, title, active, components: &[&'static str]| Package {
        id,
        title,
        active,
        components: components.to_vec(),
        required: vec![
            "givenName",
            "familyName",
            "email",
            "dob",
            "ssn",
            "address.addressLine",
            "address.municipality",
            "address.regionCode",
            "address.postalCode",
            "address.countryCode",
        ],
    };
    let basic = ["SSN Trace", "County Criminal Record"];
    vec![
        package("540000", "Basic", true, &basic),
        package(
            "540001",
            "Standard Plus",
            true,
            &[
                "SSN Trace",
                "County Criminal Record",
                "DOJ Sex Offender Search",
            ],
        ),
        package("540002", "Basic of last year", false, &basic),
    ]
}

/// A token that was issued.
pub(super) struct Issued {
    token: String,
    ends_at: Millis,
}

impl Sterling {
    /// The client credentials grant: the client in Basic, the grant in a form.
    pub(super) fn issue_token(&mut self, request: &Arrived, now: Millis) -> Answer {
        let account = &self.account;
        if !request.is_basic(&account.client_id, &account.client_secret) {
            return Err(denied());
        }
        let mime = request.header("content-type").unwrap_or_default();
        let body = String::from_utf8_lossy(&request.body);
        let grants = |pair: &str| pair == "grant_type=client_credentials";
        if !mime.starts_with("application/x-www-form-urlencoded") || !body.split('&').any(grants) {
            return Err(refusal("400#grant_type", "grant_type is missing"));
        }
        let token = format!("eyJhbGciOi.sterling.{:06}", self.tokens.len() + 1);
        self.tokens.push(Issued {
            token: token.clone(),
            ends_at: now + TOKEN_LIFE * 1_000,
        });
        // The life is a text, not a number.
        let body = json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_LIFE.to_string(),
        });
        Ok(Response::json(200, &body))
    }

    /// A live token behind `Bearer `.
    pub(super) fn authorize(&self, request: &Arrived, now: Millis) -> Result<(), Response> {
        let given = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        let live = |issued: &Issued| issued.token == given && now < issued.ends_at;
        let fits = self.tokens.iter().any(live);
        fits.then_some(()).ok_or_else(denied)
    }

    /// A bare array of all packages, also of those that may not be ordered.
    pub(super) fn list_packages(&self) -> Response {
        let packages = self.account.packages.iter();
        let shown: Vec<Value> = packages.map(Package::shown).collect();
        Response::json(200, &shown.into())
    }

    pub(super) fn package(&self, id: &str) -> Option<&Package> {
        let mut packages = self.account.packages.iter();
        packages.find(|package| package.id == id && package.active)
    }
}

impl Package {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "active": self.active,
            "type": "Standard",
            "components": self.components,
            "products": [],
            "requiredFields": self.required,
        })
    }
}

/// What a missing, unknown or old token is answered; the body is not documented.
pub(super) fn denied() -> Response {
    refusal("401", "Unauthorized")
}
