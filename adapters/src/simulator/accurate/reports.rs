//! Reports: a whole HTML page as base64 (Accurate, section 7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::{Accurate, Answer, not_found};
use crate::simulator::{Manner, Response};

impl Accurate {
    pub(super) fn show_report(&self, id: &str) -> Answer {
        let mut orders = self.orders.iter();
        let order = orders.find(|order| order.report.as_deref() == Some(id));
        let order = order.ok_or_else(not_found)?;
        let page = format!(
            "<!DOCTYPE html><html><head><title>Report</title></head><body>Order {}</body></html>",
            order.id
        );
        let text = BASE64.encode(page);
        if self.account.quoted_reports {
            return Ok(Response::json(200, &Value::from(text)));
        }
        Ok(Response {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: text.into_bytes(),
            manner: Manner::Plainly,
        })
    }
}
