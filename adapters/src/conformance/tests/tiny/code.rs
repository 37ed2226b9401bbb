//! The vendor's code, for all of its operations, each of which may have a defect.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::Defect;
use crate::callback::{Note, OrderKey, ReadCallback, Says, Unreadable, Verified};
use crate::contract::{
    CancelOrder, Context, Effect, Escape, Fault, FetchOrder, FetchToken, Found, Memo, Method,
    Piece, PlaceOrder, Reply, Request, Token, Translate, Turn, Unfit,
};
use crate::vocabulary::{Outcome, Private, Progress, Standing, TheirRef};

/// The vendor's code, for all of its operations.
pub(super) struct Tiny {
    pub(super) defect: Defect,
    pub(super) calls: AtomicUsize,
}

impl Tiny {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// A number that is never the same, for a vendor of moods.
    fn mood(&self) -> Option<String> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Some(format!("mood {call}"))
    }

    fn request(&self, step: &str, method: Method, path: &str, body: Value) -> Request {
        Request {
            step: step.into(),
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            mime: Some("application/json".into()),
            body: vec![Piece::text(body.to_string())],
            effect: match method {
                Method::Get => Effect::Read,
                _ => Effect::Once,
            },
        }
    }

    fn person(&self, op: &PlaceOrder) -> Result<Request, Unfit> {
        let unfit = |field: &str| Unfit {
            field: field.into(),
            why: "is missing, and the vendor needs it".into(),
        };
        let email = op.order.text("applicant.email");
        let lenient = self.has(Defect::MissedTooLate) || self.has(Defect::NotMissed);
        if email.is_none() && !lenient {
            let named = match self.defect {
                Defect::MissedUnderOtherName => "applicant.phone",
                _ => "applicant.email",
            };
            return Err(unfit(named));
        }
        let mut body = json!({});
        for field in crate::vocabulary::Order::FIELDS {
            let forgotten = self.has(Defect::ZipForgotten) && *field == "applicant.zip";
            if !field.starts_with("order.") && !forgotten {
                body[field] = op.order.text(field).into();
            }
        }
        let pasted = body.to_string().replace("\\\"", "\"");
        let mut request = self.request("person", Method::Post, "/people", body);
        let city = op.order.text("applicant.city").unwrap_or_default();
        let email = email.unwrap_or_default().to_owned();
        let literal = vec![Piece::text("Bearer literal")];
        let hole = vec![Piece::Secret {
            name: "nobody_gave_it".into(),
            escape: Escape::None,
        }];
        match self.defect {
            Defect::RelativePath => request.path = "people".into(),
            Defect::PersonalPath => {
                request.path = format!("/people/{}", email.replace('@', "%40").replace('/', "%2F"))
            }
            Defect::PersonalQuery => request.query.push(("email".into(), email)),
            Defect::OwnAuthorization => request.headers.push(("Authorization".into(), literal)),
            Defect::PastedText => request.body = vec![Piece::text(pasted)],
            Defect::SplitHeader => request
                .headers
                .push(("x-city".into(), vec![Piece::text(city)])),
            Defect::UnnamedHole => request.headers.push(("x-partner".into(), hole)),
            _ => {}
        }
        Ok(request)
    }

    fn order(&self, op: &PlaceOrder, memo: &Memo) -> Result<Request, Unfit> {
        if self.has(Defect::MissedTooLate) && op.order.text("applicant.email").is_none() {
            return Err(Unfit {
                field: "applicant.email".into(),
                why: "is missing, and the vendor needs it".into(),
            });
        }
        let mut body = json!({
            "person": memo.values.get("person"),
            "package": op.order.package,
            "add_ons": op.order.add_ons,
            "reference": op.ours.0,
        });
        if self.has(Defect::NoReference) || self.has(Defect::NamelessCallbacks) {
            body["reference"] = Value::Null;
        }
        Ok(self.request("order", Method::Post, "/orders", body))
    }

    fn person_made(&self, op: &PlaceOrder, reply: &Reply) -> Result<Turn<Progress>, Fault> {
        let body = self.body(reply)?;
        let id = body["person"].as_str().filter(|id| !id.is_empty());
        let id = id.filter(|_| reply.status == 201);
        let Some(id) = id else {
            return Err(match reply.status {
                401 | 403 => Fault::Denied,
                _ => unclear(),
            });
        };
        let mut memo = Memo {
            step: "order".into(),
            ..Memo::default()
        };
        memo.values.insert("person".into(), id.into());
        if self.has(Defect::PersonalMemo) {
            let email = op.order.text("applicant.email").unwrap_or_default();
            memo.values.insert("email".into(), email.into());
        }
        if self.has(Defect::UnknownStep) {
            memo.step = "order_it".into();
        }
        Ok(Turn::Next(memo))
    }

    fn order_made(&self, memo: &Memo, reply: &Reply) -> Result<Turn<Progress>, Fault> {
        let refused = Err(Fault::Refused {
            code: "unacceptable".into(),
            field: None,
            message: "The vendor did not take the order.".into(),
        });
        let person = || TheirRef(memo.values.get("person").cloned().unwrap_or_default());
        let placed = |theirs| Ok(Turn::Done(Progress::new(theirs, Some(Standing::Invited))));
        match (self.defect, reply.status) {
            (_, 422) | (Defect::ServerErrorRefuses, 500..) => return refused,
            (Defect::AnyCreatedPlaces, 201) => {
                return self
                    .progress(&self.body(reply)?)
                    .map(Turn::Done)
                    .or(placed(person()));
            }
            (Defect::ServerErrorPlaces, 503) => return placed(person()),
            (_, 201) => {}
            _ => return Err(unclear()),
        }
        let body = self.body(reply)?;
        if self.has(Defect::BackToTheStart) && body["person"].is_string() {
            return Ok(Turn::Next(Memo {
                step: "person".into(),
                ..Memo::default()
            }));
        }
        if self.has(Defect::AnyIdPlaces) && body["status"].is_string() {
            let id = body["id"].as_str();
            return placed(id.map_or_else(person, |id| TheirRef(id.into())));
        }
        Ok(Turn::Done(self.progress(&body)?))
    }

    fn body(&self, reply: &Reply) -> Result<Value, Fault> {
        if self.has(Defect::PanicsOnOddBytes) {
            std::str::from_utf8(&reply.body).unwrap();
        }
        Ok(serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
    }

    /// Where the order in `body` stands.
    fn progress(&self, body: &Value) -> Result<Progress, Fault> {
        let id = body["id"].as_str().filter(|id| !id.is_empty());
        let mut progress = Progress::new(TheirRef(id.ok_or_else(unclear)?.into()), None);
        let status = body["status"].as_str().ok_or_else(unclear)?;
        progress.standing = match status {
            "invited" => Some(Standing::Invited),
            "working" => Some(Standing::InProgress),
            "canceled" => Some(Standing::Canceled),
            "done" => Some(Standing::Complete(self.outcome(body))),
            _ => match self.defect {
                Defect::UnknownStatusCancels => Some(Standing::Canceled),
                Defect::UnknownStatusFails => Some(Standing::Failed),
                Defect::UnknownStatusRefuses => return Err(Fault::Denied),
                _ => None,
            },
        };
        if progress.standing.is_none() && !self.has(Defect::UnknownStatusHidden) {
            progress.unknown.push(format!("status={status}"));
        }
        Ok(progress)
    }

    fn outcome(&self, body: &Value) -> Outcome {
        let whole = match self.defect {
            Defect::MissingPartialPasses => {
                body["partial"] == json!(false) || body["partial"].is_null()
            }
            // It reads `partial`, but takes what it does not know for good.
            Defect::PartialUnread => body["partial"] == json!(false) || body["partial"].is_string(),
            _ => body["partial"] == json!(false),
        };
        match body["result"].as_str() {
            Some("clear") if whole => Outcome::Pass,
            Some("clear" | "hits") | None => Outcome::Review,
            Some(_) if self.has(Defect::UnknownResultPasses) => Outcome::Pass,
            Some(_) => Outcome::Review,
        }
    }

    fn search(&self, ours: &str, reply: &Reply) -> Result<Found, Fault> {
        let absent = Ok(Found::NotSeen { blind: false });
        if reply.status >= 500 && self.has(Defect::ServerErrorIsAbsence) {
            return absent;
        }
        let body = self.body(reply)?;
        let orders = body["orders"].as_array().filter(|_| reply.status == 200);
        let Some(orders) = orders else {
            return match self.has(Defect::ProxyPageIsAbsence) && reply.body.starts_with(b"<") {
                true => absent,
                false => Err(unclear()),
            };
        };
        match orders.iter().find(|order| order["reference"] == ours) {
            Some(order) => Ok(Found::One(self.progress(order)?)),
            None => absent,
        }
    }
}

fn unclear() -> Fault {
    Fault::Unclear("the answer is not of the vendor's form".into())
}

impl Translate<PlaceOrder> for Tiny {
    fn encode(&self, op: &PlaceOrder, memo: &Memo, _: &Context<'_>) -> Result<Request, Unfit> {
        match memo.step.as_str() {
            "" | "person" => self.person(op),
            _ => self.order(op, memo),
        }
    }

    fn decode(
        &self,
        op: &PlaceOrder,
        memo: &Memo,
        _: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Progress>, Fault> {
        match memo.step.as_str() {
            "" | "person" => self.person_made(op, reply),
            _ => self.order_made(memo, reply),
        }
    }
}

impl Translate<FetchOrder> for Tiny {
    fn encode(&self, op: &FetchOrder, _: &Memo, _: &Context<'_>) -> Result<Request, Unfit> {
        Ok(match op {
            FetchOrder::Theirs(theirs) => {
                let path = format!("/orders/{}", theirs.0);
                self.request("read", Method::Get, &path, Value::Null)
            }
            FetchOrder::Ours { ours, .. } => {
                let mut request = self.request("search", Method::Get, "/orders", Value::Null);
                request.query.push(("reference".into(), ours.0.clone()));
                request
            }
        })
    }

    fn decode(
        &self,
        op: &FetchOrder,
        _: &Memo,
        _: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Found>, Fault> {
        let mut found = match op {
            FetchOrder::Ours { ours, .. } => self.search(&ours.0, reply)?,
            FetchOrder::Theirs(_) if reply.status == 200 => {
                Found::One(self.progress(&self.body(reply)?)?)
            }
            FetchOrder::Theirs(_) => return Err(unclear()),
        };
        if let (Found::One(progress), true) = (&mut found, self.has(Defect::MoodyMeaning)) {
            progress.detail = self.mood();
        }
        Ok(Turn::Done(found))
    }
}

impl Translate<CancelOrder> for Tiny {
    fn encode(&self, op: &CancelOrder, _: &Memo, cx: &Context<'_>) -> Result<Request, Unfit> {
        let reason = match self.defect {
            Defect::OtherReason => "no reason",
            _ => "withdrawn",
        };
        let path = format!("/orders/{}/cancel", op.theirs.0);
        let mut request = self.request("cancel", Method::Post, &path, json!({ "reason": reason }));
        request
            .headers
            .push(("X-Tiny".into(), vec![Piece::text(cx.key)]));
        Ok(request)
    }

    fn decode(
        &self,
        _: &CancelOrder,
        _: &Memo,
        _: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Progress>, Fault> {
        Ok(Turn::Done(self.progress(&self.body(reply)?)?))
    }
}

impl Translate<FetchToken> for Tiny {
    fn encode(&self, _: &FetchToken, _: &Memo, _: &Context<'_>) -> Result<Request, Unfit> {
        Ok(self.request("token", Method::Post, "/token", json!({})))
    }

    fn decode(
        &self,
        _: &FetchToken,
        _: &Memo,
        _: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Token>, Fault> {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        let value = match (self.defect, body["token"].as_str()) {
            (_, Some(token)) => token,
            (Defect::AnythingIsAToken, None) => "none",
            (_, None) => return Err(Fault::Denied),
        };
        Ok(Turn::Done(Token {
            value: Private::from(value),
            lifetime: None,
        }))
    }
}

impl ReadCallback for Tiny {
    fn read(&self, callback: Verified<'_>, _: &Context<'_>) -> Result<Vec<Note>, Unreadable> {
        if self.has(Defect::ReaderPanicsOnOddBytes) {
            std::str::from_utf8(callback.body()).unwrap();
        }
        let unreadable = |_| Unreadable("it is not of the vendor's form".into());
        let body: Value = serde_json::from_slice(callback.body()).unwrap_or(Value::Null);
        let mut progress = self.progress(&body).map_err(unreadable)?;
        if self.has(Defect::MoodyReader) {
            progress.detail = self.mood();
        }
        Ok(vec![Note {
            order: vec![OrderKey::Theirs(progress.theirs.clone())],
            says: Says::Progress(Box::new(progress)),
        }])
    }
}
