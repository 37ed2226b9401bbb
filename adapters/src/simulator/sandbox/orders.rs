//! Orders at the sandbox vendor, and what the applicant's last name makes of one. The table is in
//! the documentation of [`super`].

use std::time::Duration;

use serde_json::{Value, json};

use super::super::idempotency::{Keys, Recalled};
use super::super::wire::iso8601;
use super::super::{Arrived, HeldOrder, Manner, Response};
use super::{Answer, Sandbox, catalog, not_found, refusal};
use crate::vocabulary::Millis;

/// How long the placing of a `Slow` applicant takes.
const SLOW_ANSWER: Duration = Duration::from_secs(3);

/// Status words after which nothing more happens.
const ENDED: [&str; 4] = ["complete", "canceled", "expired", "failed"];

/// One order. Two with the same reference are two.
pub(super) struct Order {
    id: String,
    reference: String,
    status: String,
    result: Option<String>,
    callback_url: String,
    quiet: bool,
    placed_at: Millis,
    updated_at: Millis,
}

impl Order {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.id == key || self.reference == key
    }

    /// True where nobody is ever called back about it.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(super) fn callback_url(&self) -> &str {
        &self.callback_url
    }

    pub(super) fn move_to(&mut self, status: &str, result: Option<&str>, at: Millis) {
        status.clone_into(&mut self.status);
        self.result = result.map(str::to_owned);
        self.updated_at = at;
    }

    pub(super) fn held(&self) -> HeldOrder {
        HeldOrder {
            reference: self.reference.clone(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: self.result.clone(),
        }
    }

    /// The order as callbacks show it.
    pub(super) fn announced(&self, report_base: &str) -> Value {
        let report_url = self
            .has_ended()
            .then(|| format!("{report_base}/{}", self.id));
        json!({
            "id": self.id,
            "reference": self.reference,
            "status": self.status,
            "result": self.result,
            "report_url": report_url,
            "updated_at": iso8601(self.updated_at),
        })
    }

    /// The order as calls are answered.
    fn shown(&self, report_base: &str) -> Value {
        let mut shown = self.announced(report_base);
        shown["apply_url"] = format!("https://apply.sandbox.example/{}", self.id).into();
        shown
    }

    fn has_ended(&self) -> bool {
        ENDED.contains(&self.status.as_str())
    }
}

/// What an applicant's last name makes of the order.
struct Fate {
    moves: [(u32, &'static str, Option<&'static str>); 2],
    manner: Manner,
    quiet: bool,
}

impl Fate {
    /// `None`: the vendor refuses the applicant.
    fn of(last_name: &str) -> Option<Self> {
        let usual = |result| Self {
            moves: [(1, "in_progress", None), (3, "complete", Some(result))],
            manner: Manner::Plainly,
            quiet: false,
        };
        let passing_after = |steps| Self {
            moves: [(1, "in_progress", None), (steps, "complete", Some("pass"))],
            ..usual("pass")
        };
        Some(match last_name.to_ascii_lowercase().as_str() {
            "refused" => return None,
            "review" => usual("review"),
            "fail" => usual("fail"),
            "odd" => usual("gremlins"),
            "slow" => Self {
                manner: Manner::After(SLOW_ANSWER),
                ..passing_after(120)
            },
            "hang" => Self {
                manner: Manner::Never,
                ..usual("pass")
            },
            "lost" => Self {
                quiet: true,
                ..passing_after(4)
            },
            _ => usual("pass"),
        })
    }
}

impl Sandbox {
    pub(super) fn place(&mut self, request: &Arrived, now: Millis) -> Answer {
        if Keys::key(request).is_none() {
            let message = "an order needs an Idempotency-Key header";
            return Err(refusal(400, "idempotency_key_missing", message, None));
        }
        match self.keys.recall(request, now) {
            Some(Recalled::InFlight) => {
                let message = "the first request with this key is still being answered";
                return Err(refusal(409, "in_flight", message, None));
            }
            Some(Recalled::OtherBody(_)) => {
                let message = "this key was used with another body";
                return Err(refusal(422, "key_reused", message, None));
            }
            Some(Recalled::Same(stored)) => return Ok(stored),
            None => {}
        }
        let wanted = read(&request.body)?;
        let Some(fate) = Fate::of(&wanted.last_name) else {
            let message = "this applicant cannot be screened";
            return Err(refusal(422, "refused", message, None));
        };
        Ok(self.take(wanted, &fate, now))
    }

    fn take(&mut self, wanted: Wanted, fate: &Fate, now: Millis) -> Response {
        let index = self.orders.len();
        let order = Order {
            id: format!("sbx_{:08}", index + 1),
            reference: wanted.reference,
            status: "invited".to_owned(),
            result: None,
            callback_url: wanted.callback_url,
            quiet: fate.quiet,
            placed_at: now,
            updated_at: now,
        };
        let shown = order.shown(&self.account.report_base);
        self.orders.push(order);
        for planned in fate.moves {
            self.timeline.plan(index, now, planned);
        }
        Response::json(201, &shown).sent(fate.manner)
    }

    pub(super) fn list(&mut self, request: &Arrived, now: Millis) -> Response {
        let reference = request.parameter("reference");
        let hidden_after = self.faults.hidden_after(request, now);
        let orders: Vec<_> = self
            .orders
            .iter()
            .filter(|order| order.placed_at <= hidden_after)
            .filter(|order| {
                reference
                    .as_ref()
                    .is_none_or(|wanted| order.reference == *wanted)
            })
            .map(|order| order.shown(&self.account.report_base))
            .collect();
        Response::json(200, &json!({ "orders": orders }))
    }

    pub(super) fn show(&self, id: &str) -> Answer {
        let order = self.orders.iter().find(|order| order.id == id);
        let order = order.ok_or_else(not_found)?;
        Ok(Response::json(200, &order.shown(&self.account.report_base)))
    }

    pub(super) fn cancel(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.orders.iter().position(|order| order.id == id);
        let index = index.ok_or_else(not_found)?;
        if self.orders[index].has_ended() {
            let message = "the order has ended and cannot be canceled";
            return Err(refusal(409, "already_ended", message, None));
        }
        self.timeline.forget(index);
        self.say(index, "canceled", None, now);
        self.show(id)
    }
}

/// What a placing asks for, once it was found to be orderly.
struct Wanted {
    reference: String,
    callback_url: String,
    last_name: String,
}

fn read(body: &[u8]) -> Result<Wanted, Response> {
    let body: Value = serde_json::from_slice(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| refusal(400, "bad_json", "the body is not a JSON object", None))?;
    let reference = text(&body, "/reference")?;
    let callback_url = text(&body, "/callback_url")?;
    text(&body, "/applicant/first_name")?;
    let last_name = text(&body, "/applicant/last_name")?;
    text(&body, "/applicant/email")?;
    if !catalog::has_package(&text(&body, "/package")?) {
        let message = "there is no such package";
        return Err(refusal(422, "unknown_package", message, Some("package")));
    }
    if !add_ons_are_known(&body["add_ons"]) {
        let message = "there is no such add-on";
        return Err(refusal(422, "unknown_add_on", message, Some("add_ons")));
    }
    Ok(Wanted {
        reference,
        callback_url,
        last_name,
    })
}

/// The text at a JSON pointer, or the refusal that names it.
fn text(body: &Value, pointer: &str) -> Result<String, Response> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            refusal(422, "missing", "a text is needed here", Some(&field))
        })
}

fn add_ons_are_known(add_ons: &Value) -> bool {
    match add_ons {
        Value::Null => true,
        Value::Array(ids) => ids
            .iter()
            .all(|id| id.as_str().is_some_and(catalog::has_add_on)),
        _ => false,
    }
}
