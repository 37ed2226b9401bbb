//! Searches and their results: records about a person, with dates as dirty as real ones (TazWorks,
//! sections 5 and 10). A gateway that only reports where an order stands never reads them.

use serde_json::{Value, json};

use super::{Answer, Tazworks, guid, not_found};
use crate::simulator::Response;

/// Dates as they stand in real results.
const DIRTY_DATES: [&str; 5] = [
    "XXXX-04-01",
    "10/27/2020&nbsp;",
    "Partial DOB On File: 04/21",
    "201-12",
    "2019/07/04",
];

impl Tazworks {
    pub(super) fn list_searches(&self, order: &str) -> Answer {
        let index = self.order_index(order)?;
        Ok(Response::json(200, &json!([self.search(index)])))
    }

    pub(super) fn show_results(&self, order: &str, search: &str) -> Answer {
        let index = self.order_index(order)?;
        if search != search_guid(index) {
            return Err(not_found("Search"));
        }
        let record = |date: &&str| {
            json!({
                "caseNumber": "CR-1", "fileDate": date, "subject": {"dateOfBirth": date},
                "offenses": [{"type": "Misdemeanor", "description": "Trespass"}],
            })
        };
        let records: Vec<Value> = DIRTY_DATES.iter().map(record).collect();
        let mut shown = self.search(index);
        shown["results"] = json!({"records": records});
        Ok(Response::json(200, &shown))
    }

    fn search(&self, index: usize) -> Value {
        let is_done = self.orders[index].is_finished();
        json!({
            "orderSearchGuid": search_guid(index),
            "type": "COUNTY_CRIMINAL_RECORD",
            "displayName": "County Criminal Record",
            "status": if is_done { "complete" } else { "pending" },
        })
    }
}

/// The GUID of an order's one search.
pub(super) fn search_guid(order: usize) -> String {
    guid("ab", order as u64 + 1)
}
