//! Orders, from the hosted form to the report (TazWorks, sections 4.2 to 5 and 7).

use serde_json::{Value, json};

use super::documents::{needed, text, truth};
use super::paging::page;
use super::{Answer, Tazworks, guid, invalid, not_found};
use crate::simulator::{Arrived, HeldOrder, Response};
use crate::vocabulary::Millis;

const DAY: Millis = 24 * 3_600_000;

/// How long the hosted form stays open. The real number is the agency's to choose.
const FORM_DAYS: Millis = 7;

/// The file number before the first one.
const FILES_BEFORE: u64 = 100_200;

/// The life of an ordinary order, in steps of the pace.
type Life = &'static [(u32, &'static str, Option<&'static str>)];
const HOSTED_LIFE: Life = &[
    (1, "app-ready", None),
    (2, "pending", None),
    (3, "complete", None),
];
const DIRECT_LIFE: Life = &[(1, "pending", None), (3, "complete", None)];

/// An order.
pub(super) struct Order {
    pub(super) guid: String,
    pub(super) status: String,
    pub(super) external_identifier: Option<String>,
    /// `null` only where somebody said so.
    flagged: Value,
    file_number: u64,
    /// The applicant's index.
    applicant: usize,
    product: super::Product,
    ordered_at: Millis,
    completed_at: Option<Millis>,
    /// When the hosted form closes; `None`: the order has none.
    form_expires_at: Option<Millis>,
    notifies: bool,
    report_reference: Option<String>,
    notes: Option<String>,
    optional_searches: Vec<String>,
    custom_fields: Value,
}

impl Order {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.guid == key
            || self.external_identifier.as_deref() == Some(key)
            || self.file_number.to_string() == key
    }

    pub(super) fn held(&self) -> HeldOrder {
        let result = match self.flagged {
            _ if !self.is_finished() => None,
            Value::Bool(false) => Some("clear"),
            Value::Bool(true) => Some("flagged"),
            _ => None,
        };
        HeldOrder {
            reference: self.external_identifier.clone().unwrap_or_default(),
            id: self.guid.clone(),
            status: self.status.clone(),
            result: result.map(str::to_owned),
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        ["complete", "archived"].contains(&self.status.as_str())
    }

    fn report_url(&self, format: &str) -> String {
        let file = self.file_number;
        format!(
            "https://lightning.instascreen.net/send/interchangeview/?a=TOKEN{file}&b=365&c=rptview&file={file}{format}"
        )
    }
}

impl Tazworks {
    pub(super) fn create_order(&mut self, body: &Value, now: Millis) -> Answer {
        let applicant = self.applicant_index(&needed(body, "applicantGuid")?)?;
        let product = needed(body, "clientProductGuid")?;
        let product = self.product(&product).cloned();
        let product = product.ok_or_else(|| not_found("Client product"))?;
        if truth(body, "certifyPermissiblePurpose")? != Some(true) {
            return Err(invalid("certifyPermissiblePurpose must be true"));
        }
        let hosted = truth(body, "useQuickApp")? == Some(true);
        if hosted && !product.uses_quickapp {
            return Err(invalid("The product is not set up for QuickApp"));
        }
        if !hosted && !self.applicants[applicant].is_whole() {
            return Err(invalid(
                "The applicant needs ssn, dateOfBirth and an address",
            ));
        }
        let index = self.orders.len();
        let order = Order {
            guid: self.next_guid("a6"),
            status: if hosted { "app-pending" } else { "new" }.to_owned(),
            external_identifier: text(body, "externalIdentifier")?,
            flagged: json!(false),
            file_number: FILES_BEFORE + 1 + index as u64,
            applicant,
            product,
            ordered_at: now,
            completed_at: None,
            form_expires_at: hosted.then_some(now + FORM_DAYS * DAY),
            notifies: truth(body, "quickappNotifyApplicants")? == Some(true),
            report_reference: text(body, "generalReportReference")?,
            notes: text(body, "orderNotes")?,
            optional_searches: searches(&body["optionalSearches"])?,
            custom_fields: body["customFields"].clone(),
        };
        self.orders.push(order);
        let life = if hosted { HOSTED_LIFE } else { DIRECT_LIFE };
        for planned in life {
            self.timeline.plan(index, now, *planned);
        }
        self.announce("order.created", index, now);
        Ok(Response::json(201, &self.placed(index)))
    }

    /// Newest first.
    pub(super) fn list_orders(
        &mut self,
        request: &Arrived,
        applicant: Option<&str>,
        now: Millis,
    ) -> Answer {
        let applicant = match applicant {
            Some(guid) => Some(self.applicant_index(guid)?),
            None => None,
        };
        let hidden_after = self.faults.hidden_after(request, now);
        let seen = (0..self.orders.len()).rev().filter(|index| {
            let order = &self.orders[*index];
            order.ordered_at <= hidden_after
                && applicant.is_none_or(|wanted| order.applicant == wanted)
        });
        page(request, seen.map(|index| self.placed(index)).collect())
    }

    pub(super) fn show_order(&self, guid: &str) -> Answer {
        let index = self.order_index(guid)?;
        Ok(Response::json(200, &self.detail(index)))
    }

    /// Has the links, and not the flag.
    pub(super) fn show_status(&self, guid: &str) -> Answer {
        let order = &self.orders[self.order_index(guid)?];
        let file = order.file_number;
        let mut detail = json!({
            "externalIdentifier": order.external_identifier,
            "fileNumber": file,
            "status": order.status,
        });
        if order.is_finished() {
            detail["reportUrl"] = order.report_url("").into();
            let portal = "https://lightning.instascreen.net/editor/viewReport.taz";
            detail["reportUrlLoginRequired"] = format!("{portal}?file={file}").into();
        }
        let status = json!({"orderDetail": detail, "coApplicantDetails": []});
        Ok(Response::json(200, &status))
    }

    /// Answers a link, not the document; before the end it is a 400.
    pub(super) fn show_pdf(&self, guid: &str) -> Answer {
        let order = &self.orders[self.order_index(guid)?];
        if !order.is_finished() {
            return Err(invalid(&format!(
                "Report results are not available for orders in {} status.",
                order.status
            )));
        }
        let pdf = json!({
            "resultsUrl": order.report_url("&format=pdf"),
            "externalIdentifier": order.external_identifier,
        });
        Ok(Response::json(200, &pdf))
    }

    pub(super) fn order_index(&self, guid: &str) -> Result<usize, Response> {
        let found = self.orders.iter().position(|order| order.guid == guid);
        found.ok_or_else(|| not_found("Order"))
    }

    /// Gives an order its words and tells the account's webhook. Nothing is told of the form: there
    /// is no event for it.
    pub(super) fn move_order(
        &mut self,
        index: usize,
        status: &str,
        flag: Option<Value>,
        at: Millis,
    ) {
        let has_records = self.applicants[self.orders[index].applicant].has_records();
        let order = &mut self.orders[index];
        let was_finished = order.is_finished();
        order.status = status.to_owned();
        let is_finished = order.is_finished();
        match flag {
            Some(flag) => order.flagged = flag,
            None if is_finished && !was_finished => order.flagged = json!(has_records),
            None => {}
        }
        order.completed_at = is_finished.then_some(order.completed_at.unwrap_or(at));
        match status {
            "pending" => self.announce_search("order.search.created", index, at),
            "complete" => {
                self.announce_search("order.search.completed", index, at);
                self.announce("order.completed", index, at);
            }
            "canceled" => self.announce("order.canceled", index, at),
            _ => {}
        }
    }

    /// What submitting answers, and lists show: neither the applicant's GUID nor the product's.
    fn placed(&self, index: usize) -> Value {
        let order = &self.orders[index];
        let mut shown = json!({
            "orderGuid": order.guid,
            "fileNumber": order.file_number,
            "orderStatus": order.status,
            "orderType": order.product.order_type,
            "orderedDate": order.ordered_at,
            "externalIdentifier": order.external_identifier,
            "applicantName": self.applicants[order.applicant].listed_name(),
            "clientName": "Acme Staffing",
            "clientCode": guid("a7", 1),
            "productName": order.product.name,
            "requestedBy": "Gateway App",
            "searchFlagged": order.flagged,
            "createdDate": order.ordered_at,
            "createdBy": "Gateway App",
            "modifiedDate": order.ordered_at,
            "modifiedBy": "Gateway App",
        });
        if order.form_expires_at.is_some() {
            shown["quickappApplicantLink"] = format!(
                "https://lightning.instascreen.net/orderquickapp/index.taz?x=TOKEN&y={}&z=1",
                order.file_number
            )
            .into();
        }
        if let Some(reference) = &order.report_reference {
            shown["generalReportReference"] = reference.to_uppercase().into();
        }
        shown
    }

    /// The whole order.
    fn detail(&self, index: usize) -> Value {
        let order = &self.orders[index];
        let applicant = &self.applicants[order.applicant];
        let email = applicant.text("email").to_uppercase();
        let mut shown = self.placed(index);
        shown["completedDate"] = order.completed_at.into();
        shown["clientProductGuid"] = order.product.client_product.clone().into();
        shown["applicantGuid"] = applicant.guid.clone().into();
        shown["applicantEmail"] = email.clone().into();
        shown["applicantPosition"] = Value::Null;
        shown["applicantDateOfBirth"] = applicant.text("dateOfBirth").into();
        shown["applicantPhone"] = applicant.text("phoneNumber").into();
        shown["totalCharges"] = json!(29.95);
        shown["orderNotes"] = order.notes.clone().into();
        shown["includedSearches"] = self.included(index).into();
        shown["customFields"] = order.custom_fields.clone();
        if let Some(expires_at) = order.form_expires_at {
            shown["quickappInfo"] = json!({
                "daysActive": FORM_DAYS,
                "dateExpires": expires_at,
                "emailUsed": email,
                "notificationsSentByEmail": u8::from(order.notifies),
                "textsSent": 0,
                "remindersSent": 0,
            });
        }
        shown
    }

    /// The display names of an order's searches: those of the package, and those ordered beside it.
    fn included(&self, index: usize) -> Vec<String> {
        let more = self.orders[index].optional_searches.iter();
        let more = more.map(|name| name.replace('_', " "));
        ["COUNTY CRIMINAL RECORD".to_owned()]
            .into_iter()
            .chain(more)
            .collect()
    }
}

/// Search types by name, such as `COUNTY_CRIMINAL_RECORD`.
fn searches(list: &Value) -> Result<Vec<String>, Response> {
    let is_name = |name: &String| {
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(plain)
    };
    let names: Option<Vec<String>> = match list {
        Value::Null => Some(Vec::new()),
        list => serde_json::from_value(list.clone()).ok(),
    };
    names
        .filter(|names| names.iter().all(is_name))
        .ok_or_else(|| invalid("optionalSearches must be an array of search types"))
}
