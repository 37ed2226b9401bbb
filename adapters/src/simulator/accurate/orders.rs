//! Orders, from the invitation to the result (Accurate, sections 4.2 to 5).

use serde_json::{Value, json};

use super::{Accurate, Answer, invalid, not_found, refusal};
use crate::simulator::{Arrived, HeldOrder, Response};
use crate::vocabulary::Millis;

/// How long the duplicate check looks back.
const DUPLICATE_FOR: Millis = 30 * 24 * 3_600_000;

/// How many reference codes an order may have.
const MOST_REFERENCES: usize = 4;

/// The searches that any account may order; others must be switched on by the vendor.
const PRODUCTS: [&str; 4] = ["NCRIM", "SON", "TERB", "MOV"];

/// The postal codes of the states and the District of Columbia.
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS \
                      MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI \
                      WY";

/// The life of an ordinary order, in steps of the pace.
const USUAL_LIFE: [(u32, &str, Option<&str>); 3] = [
    (1, "PENDING%10", None),
    (2, "PENDING%50", None),
    (3, "COMPLETE", None),
];

/// An order.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) id: String,
    /// The candidate's index.
    pub(super) candidate: usize,
    pub(super) placed_at: Millis,
    pub(super) status: String,
    pub(super) result: Value,
    pub(super) percent: u32,
    pub(super) references: Vec<String>,
    /// There once it is complete.
    pub(super) report: Option<String>,
    package: String,
    workflow: String,
    job_location: Value,
    products: Vec<String>,
}

impl Order {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.id == key || self.references.iter().any(|code| code == key)
    }

    pub(super) fn held(&self) -> HeldOrder {
        HeldOrder {
            reference: self.references.first().cloned().unwrap_or_default(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: self.result.as_str().map(str::to_owned),
        }
    }
}

/// `WORD[%PERCENT]`.
pub(super) fn is_readable(status: &str) -> bool {
    let percent = status.split_once('%').map(|(_, percent)| percent);
    percent.is_none_or(|percent| percent.parse::<u32>().is_ok_and(|percent| percent <= 100))
}

impl Accurate {
    pub(super) fn create_order(&mut self, body: &Value, now: Millis) -> Answer {
        let order = self.ordered(body, now)?;
        if let Some(older) = self.duplicate_of(&order, now) {
            return Ok(Response::json(200, &self.shown(older)));
        }
        let index = self.orders.len();
        self.orders.push(order);
        for planned in USUAL_LIFE {
            self.timeline.plan(index, now, planned);
        }
        self.announce(index, now);
        Ok(Response::json(200, &self.shown(&self.orders[index])))
    }

    /// The order that a body asks for.
    fn ordered(&mut self, body: &Value, now: Millis) -> Result<Order, Response> {
        let text = |name: &str| {
            let found = body[name].as_str().filter(|text| !text.is_empty());
            found.ok_or_else(|| invalid(name, "is required"))
        };
        let unknown = || invalid("candidateId", "is not a candidate");
        let candidate = self
            .candidate_index(text("candidateId")?)
            .ok_or_else(unknown)?;
        let package = text("packageType")?;
        if self.package(package).is_none() {
            return Err(invalid("packageType", "is not a package of this account"));
        }
        let workflow = text("workflow")?;
        match workflow {
            "INTERACTIVE" => {}
            "EXPRESS" => {
                if let Some(missing) = self.candidates[candidate].lacks() {
                    return Err(invalid(missing, "is required for EXPRESS orders"));
                }
            }
            _ => return Err(invalid("workflow", "is EXPRESS or INTERACTIVE")),
        }
        check_location(&body["jobLocation"])?;
        let requestor = &body["requestor"];
        if !requestor.is_null() && !requestor.as_str().is_some_and(|text| text.contains('@')) {
            return Err(invalid("requestor", "is not an email address"));
        }
        Ok(Order {
            id: self.next_id("0d"),
            candidate,
            placed_at: now,
            status: "PENDING".to_owned(),
            result: json!("PENDING"),
            percent: 0,
            references: references(&body["referenceCodes"])?,
            report: None,
            package: package.to_owned(),
            workflow: workflow.to_owned(),
            job_location: body["jobLocation"].clone(),
            products: products(&body["additionalProductTypes"])?,
        })
    }

    /// The order that this one repeats, where the account has the check: the same package and the
    /// same first reference code within thirty days. It is answered as if it had just been made.
    fn duplicate_of(&self, order: &Order, now: Millis) -> Option<&Order> {
        let first = order.references.first()?;
        let repeats = |older: &&Order| {
            older.package == order.package
                && older.references.first() == Some(first)
                && now - older.placed_at < DUPLICATE_FOR
        };
        let mut older = self.orders.iter().rev();
        older.find(repeats).filter(|_| self.account.duplicate_check)
    }

    pub(super) fn list_orders(&mut self, request: &Arrived, now: Millis) -> Response {
        let hidden_after = self.faults.hidden_after(request, now);
        let orders = self.orders.iter();
        let seen = orders.filter(|order| order.placed_at <= hidden_after);
        Response::json(200, &seen.map(|order| self.shown(order)).collect())
    }

    pub(super) fn show_order(&self, id: &str) -> Answer {
        Ok(Response::json(
            200,
            &self.shown(&self.orders[self.order_index(id)?]),
        ))
    }

    pub(super) fn show_link(&self, id: &str) -> Answer {
        let index = self.order_index(id)?;
        let link = format!("https://candidate.accuratebackground.com/invitation/{index:012x}");
        Ok(Response::json(200, &json!({"invitationLink": link})))
    }

    pub(super) fn invite_again(&self, id: &str) -> Answer {
        Ok(Response::json(
            200,
            &self.shown(&self.orders[self.order_index(id)?]),
        ))
    }

    /// A cancelled order of the interactive kind can be taken up again.
    pub(super) fn reinitiate(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.order_index(id)?;
        let order = &self.orders[index];
        if order.workflow != "INTERACTIVE" || order.status != "CANCELLED" {
            return Err(refusal(400, "102", "the order cannot be reinitiated", None));
        }
        self.move_order(index, "PENDING%0", Some("PENDING"), now);
        Ok(Response::json(200, &self.shown(&self.orders[index])))
    }

    fn order_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.orders.iter().position(|order| order.id == id);
        found.ok_or_else(not_found)
    }

    /// Gives an order its words, as [`super`] reads them, and tells of it.
    pub(super) fn move_order(
        &mut self,
        index: usize,
        status: &str,
        result: Option<&str>,
        at: Millis,
    ) {
        let (word, percent) = status.split_once('%').unwrap_or((status, ""));
        let is_complete = word == "COMPLETE";
        let report = is_complete.then(|| self.next_id("4e"));
        let usual = match word {
            "COMPLETE" => json!(self.account.good_result.as_deref().unwrap_or_default()),
            "CANCELLED" => json!("CANCELLED"),
            _ => json!("PENDING"),
        };
        let order = &mut self.orders[index];
        order.percent = match percent.parse() {
            Ok(percent) => percent,
            Err(_) if is_complete => 100,
            Err(_) => order.percent,
        };
        order.status = word.to_owned();
        order.result = match result {
            Some("null") => Value::Null,
            Some(result) => json!(result),
            None => usual,
        };
        order.report = order.report.take().or(report);
        self.announce(index, at);
    }

    /// An order as answers show it. The percentage is a text.
    pub(super) fn shown(&self, order: &Order) -> Value {
        let product = |code: &String| json!({"productType": code});
        let report = order.report.iter().map(|id| format!("/report/{id}"));
        json!({
            "id": order.id,
            "candidateId": self.candidates[order.candidate].id,
            "packageType": order.package,
            "workflow": order.workflow,
            "jobLocation": order.job_location,
            "status": order.status,
            "result": order.result,
            "percentageComplete": order.percent.to_string(),
            "referenceCodes": order.references,
            "additionalProductTypes": order.products.iter().map(product).collect::<Vec<_>>(),
            "reports": report.collect::<Vec<_>>(),
        })
    }
}

/// Country, region and city are needed; the county only sometimes.
fn check_location(location: &Value) -> Result<(), Response> {
    let text = |name: &str| {
        let found = location[name].as_str().filter(|text| !text.is_empty());
        found.ok_or_else(|| invalid(&format!("jobLocation.{name}"), "is required"))
    };
    let country = text("country")?;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid(
            "jobLocation.country",
            "is not a two-letter country code",
        ));
    }
    let region = text("region")?;
    if country == "US" && !STATES.split(' ').any(|code| code == region) {
        return Err(invalid("jobLocation.region", "is not a US state"));
    }
    text("city")?;
    match &location["region2"] {
        Value::Null | Value::String(_) => Ok(()),
        _ => Err(invalid("jobLocation.region2", "must be a string")),
    }
}

fn references(codes: &Value) -> Result<Vec<String>, Response> {
    let codes: Option<Vec<String>> = match codes {
        Value::Null => Some(Vec::new()),
        codes => serde_json::from_value(codes.clone()).ok(),
    };
    codes
        .filter(|codes| codes.len() <= MOST_REFERENCES)
        .ok_or_else(|| invalid("referenceCodes", "is an array of at most 4 strings"))
}

fn products(list: &Value) -> Result<Vec<String>, Response> {
    let items = match list {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(invalid("additionalProductTypes", "must be an array")),
    };
    let codes = items.iter().enumerate().map(|(nth, item)| {
        let code = item["productType"].as_str().unwrap_or_default();
        let param = format!("additionalProductTypes[{nth}].productType");
        let known = PRODUCTS.contains(&code).then(|| code.to_owned());
        known.ok_or_else(|| invalid(&param, "is not enabled for this account"))
    });
    codes.collect()
}
