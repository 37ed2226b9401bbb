//! The documents that are answered and posted (TazWorks XML, sections 4, 6 and 8).

use super::orders::Order;
use super::{Refusal, TazworksXml};
use crate::simulator::xml::Element;
use crate::simulator::{Manner, Response};

impl TazworksXml {
    /// The answer to an order. Only here is an invited applicant's order `x:app_pending`.
    pub(super) fn submitted(&self, index: usize, is_hosted: bool) -> Response {
        let order = &self.orders[index];
        let mut package = head(&order.reference).holding([Element::saying("OrderId", &order.id)]);
        if is_hosted {
            let link = format!("{}/apply?order={}", self.account.host, order.id);
            package = package.holding([Element::saying("ApplicantInterfaceURL", link)]);
        }
        let word = if is_hosted {
            "app_pending"
        } else {
            &order.status
        };
        self.reply(package.holding([status(Element::saying("OrderStatus", format!("x:{word}")))]))
    }

    /// The answer to a question for an order.
    pub(super) fn shown(&self, index: usize) -> Response {
        self.reply(self.package(&self.orders[index]))
    }

    /// What a refusal looks like: it has no `OrderId`.
    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let report = Element::new("ErrorReport").holding([
            Element::saying("ErrorCode", refusal.code.to_string()),
            Element::saying("ErrorDescription", refusal.text.as_str()),
        ]);
        let error = status(Element::saying("OrderStatus", "x:error"));
        self.reply(head(&refusal.reference).holding([error, report]))
    }

    /// Where an order stands, as it is answered and posted.
    pub(super) fn package(&self, order: &Order) -> Element {
        let word = format!("x:{}", order.status);
        let mut said = Element::saying("OrderStatus", word);
        if let Some(flag) = &order.flag {
            said = said.with("flag", flag.as_str());
        }
        let decision = order.decision.as_ref();
        let decision = decision.map(|text| Element::saying("OrderDecision", text.as_str()));
        let package = head(&order.reference)
            .holding([Element::saying("OrderId", &order.id)])
            .holding([status(said).holding(decision)]);
        if !order.is_ready() {
            return package;
        }
        let host = &self.account.host;
        let page = format!("{host}/editor/viewReport.taz?file={}", order.id);
        if !order.is_pdf {
            return package.holding([Element::saying("ReportURL", page + "&view=html")]);
        }
        let link = Element::saying("InternetWebAddress", page + "&format=pdf").in_cdata();
        let results = Element::new("ScreeningResults")
            .with("type", "result")
            .with("mediaType", "PDF")
            .with("resultType", "report")
            .holding([link]);
        let screening = Element::new("Screening").holding([results]);
        package.holding([Element::new("Screenings").holding([screening])])
    }

    /// A whole document around `package`.
    pub(super) fn reports(&self, user: &str, password: &str, package: Element) -> String {
        let root = Element::new("BackgroundReports")
            .with("userId", user)
            .with("password", password)
            .with("databaseset", "")
            .holding([package])
            .to_string();
        match self.account.escapes_links {
            true => root,
            false => root.replace("&amp;view=", "&view="),
        }
    }

    /// Our own credentials come back in it.
    fn reply(&self, package: Element) -> Response {
        let account = &self.account;
        let document = self.reports(&account.user_id, &account.password, package);
        Response {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
            body: format!("<?xml version=\"1.0\"?>{document}").into_bytes(),
            manner: Manner::Plainly,
        }
    }
}

fn head(reference: &str) -> Element {
    let reference = Element::saying("ReferenceId", reference).in_cdata();
    Element::new("BackgroundReportPackage").holding([reference])
}

fn status(said: Element) -> Element {
    Element::new("ScreeningStatus").holding([said])
}
