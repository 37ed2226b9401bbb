//! The documents that are answered (IBR, sections 4, 6 and 7).

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Ibr;
use super::orders::Order;
use crate::simulator::xml::Element;
use crate::simulator::{Manner, Response};
use crate::vocabulary::Millis;

impl Ibr {
    /// Where orders stand, or one report.
    pub(super) fn tell(&self, root: &Element, now: Millis) -> Response {
        if let Some(id) = root.text_of("REPORT") {
            return self.report(id, now);
        }
        let Some(ids) = root.text_of("REPORTSTATUS") else {
            return refused("REPORTSTATUS is missing", now);
        };
        let ids = ids.split(',').map(str::trim);
        let known = |id: &str| self.orders.iter().find(|order| order.id == id);
        if self.account.tells_report_status {
            let told = ids.map(|id| short(id, known(id)));
            return answer("ibr_response1.dtd", Element::new("IBR").holding(told));
        }
        let told = ids.map(|id| long(id, known(id))).collect();
        answer("ibr_response1.dtd", responses(told, now))
    }

    /// The same address answers with a PDF, told by its content type.
    fn report(&self, id: &str, now: Millis) -> Response {
        let order = self.orders.iter().find(|order| order.id == id);
        if order.is_none_or(|order| order.completed.is_none()) {
            return refused("There is no report", now);
        }
        Response {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/pdf".to_owned())],
            body: format!("%PDF-1.4\n% report of order {id}\n%%EOF\n").into_bytes(),
            manner: Manner::Plainly,
        }
    }
}

/// An id that the account may not see has a word of its own.
fn status(order: Option<&Order>) -> Element {
    Element::saying("STATUS", order.map_or("Unauthorized", |it| &it.status))
}

fn long(id: &str, order: Option<&Order>) -> Element {
    let text =
        |name: &str, of: fn(&Order) -> String| order.map(|order| Element::saying(name, of(order)));
    let completed = order.and_then(|order| order.completed);
    let completed = completed.map(|at| Element::saying("COMPLETED", stamp(at)));
    let section = Element::new("EXTENDEDSTATUS")
        .holding([Element::saying("SECTION", "Federal"), status(order)]);
    Element::new("RESPONSE")
        .holding(text("BATCHID", |order| order.batch.clone()))
        .holding([Element::saying("IBR_ID", id)])
        .holding(text("CLIENTID", |order| order.client_id.clone()))
        .holding(text("SUBMITTED", |order| stamp(order.submitted)))
        .holding(completed)
        .holding([status(order)])
        .holding(order.map(|_| Element::new("EXTENDEDSTATUSES").holding([section])))
}

/// The other shape, which spells `CLIENT_ID` otherwise too.
fn short(id: &str, order: Option<&Order>) -> Element {
    let client = order.map(|order| Element::saying("CLIENT_ID", order.client_id.as_str()));
    let link = order.map(|order| {
        let link = format!("https://ibr.example/reports/{}", order.id);
        Element::saying("REPORTURL", link)
    });
    Element::new("REPORTSTATUS")
        .with("id", id)
        .holding([status(order)])
        .holding(client)
        .holding(link)
}

pub(super) fn responses(list: Vec<Element>, now: Millis) -> Element {
    Element::new("IBR").holding([
        Element::saying("TIMESTAMP", stamp(now)),
        Element::new("RESPONSES").holding(list),
    ])
}

/// The refusal of a whole document: a response without a sequence.
pub(super) fn refused(why: &str, now: Millis) -> Response {
    let response = Element::new("RESPONSE").holding([Element::saying("ERROR", why)]);
    answer("ibr_loader1.dtd", responses(vec![response], now))
}

/// Every answer names a document type.
pub(super) fn answer(dtd: &str, root: Element) -> Response {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    Response {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: format!("{head}\n<!DOCTYPE IBR SYSTEM '{dtd}'>\n{root}").into_bytes(),
        manner: Manner::Plainly,
    }
}

/// `MM/DD/YYYY HH:MM:SS` without a zone; US Eastern is likely, and unverified.
fn stamp(moment: Millis) -> String {
    let zone = Offset::constant(-5).to_time_zone();
    let moment = Timestamp::from_millisecond(moment).unwrap_or(Timestamp::UNIX_EPOCH);
    let civil = moment.to_zoned(zone).datetime();
    format!(
        "{:02}/{:02}/{:04} {:02}:{:02}:{:02}",
        civil.month(),
        civil.day(),
        civil.year(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}
