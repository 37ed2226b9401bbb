//! Orders: what is taken, and what moves one (TazWorks XML, sections 4 and 5).

use super::posts::PostBack;
use super::{Refusal, TazworksXml};
use crate::simulator::xml::Element;
use crate::simulator::{HeldOrder, Response};
use crate::vocabulary::Millis;

/// What an order says of itself when it is done.
const READY: &str = "ready";

/// One order.
pub(super) struct Order {
    pub(super) id: String,
    pub(super) reference: String,
    /// Without its `x:`.
    pub(super) status: String,
    pub(super) flag: Option<String>,
    pub(super) decision: Option<String>,
    /// The searches that were bought, one for each time.
    pub(super) searches: Vec<String>,
    pub(super) post_back: Option<PostBack>,
    /// The result is linked as a PDF.
    pub(super) is_pdf: bool,
}

impl Order {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.id == key || self.reference == key
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status == READY
    }

    pub(super) fn held(&self) -> HeldOrder {
        HeldOrder {
            reference: self.reference.clone(),
            id: self.id.clone(),
            status: format!("x:{}", self.status),
            result: self.flag.clone(),
        }
    }
}

/// `FLAG[+decision=TEXT]`.
fn verdict(result: Option<&str>) -> Option<(Option<String>, Option<String>)> {
    let result = result.unwrap_or_default();
    let (flag, decision) = match result.split_once('+') {
        Some((flag, modifier)) => (flag, Some(modifier.strip_prefix("decision=")?)),
        None => (result, None),
    };
    let flag = Some(flag.to_owned()).filter(|flag| !flag.is_empty());
    Some((flag, decision.map(str::to_owned)))
}

/// Whether a result's words make sense.
pub(super) fn can_read(result: Option<&str>) -> bool {
    verdict(result).is_some()
}

impl TazworksXml {
    pub(super) fn submit(&mut self, package: &Element, now: Millis) -> Result<Response, Refusal> {
        let reference = package.text_of("ReferenceId").unwrap_or_default();
        let (items, searches) = self
            .wanted(package)
            .map_err(|refusal| refusal.of(reference))?;
        self.last_id += 1;
        let is_hosted = items.get("x:interface") == Some("Applicant");
        let order = Order {
            id: self.last_id.to_string(),
            reference: reference.to_owned(),
            status: String::new(),
            flag: None,
            decision: None,
            searches,
            post_back: PostBack::read(&items),
            is_pdf: items.get("x:postback_format") == Some("PDF"),
        };
        let index = self.orders.len();
        self.orders.push(order);
        let first = if is_hosted {
            self.timeline.plan(index, now, (1, "applicant-ready", None));
            self.timeline.plan(index, now, (2, "pending", None));
            self.timeline.plan(index, now, (3, READY, Some("FALSE")));
            self.account.applicant_pending.clone()
        } else {
            self.timeline.plan(index, now, (2, READY, Some("FALSE")));
            "pending".to_owned()
        };
        self.move_order(index, &first, None, now);
        Ok(self.submitted(index, is_hosted))
    }

    /// The control items and the searches of an order that can be taken.
    fn wanted<'e>(&self, package: &'e Element) -> Result<(Items<'e>, Vec<String>), Refusal> {
        let name = package.attribute("type").unwrap_or_default();
        let product = self.account.products.iter().find(|it| it.name == name);
        let product = product
            .ok_or_else(|| Refusal::new(104, format!("The product '{name}' is not configured.")))?;
        let screenings = package
            .child("Screenings")
            .ok_or_else(|| Refusal::new(105, "There are no Screenings."))?;
        let items = Items(screenings);
        person_is_whole(package, items.get("x:interface") == Some("Applicant"))?;
        // Whether defaults and explicit searches add up is unverified; here they do.
        let mut searches = Vec::new();
        if screenings.attribute("useConfigurationDefaults") == Some("yes") {
            searches.extend(product.searches.iter().cloned());
        }
        let explicit = screenings.all("Screening");
        searches.extend(explicit.filter_map(|it| it.attribute("type").map(str::to_owned)));
        if searches.is_empty() {
            return Err(Refusal::new(105, "There are no searches."));
        }
        Ok((items, searches))
    }

    pub(super) fn status(&self, package: &Element) -> Result<Response, Refusal> {
        let id = package.text_of("OrderId").unwrap_or_default();
        let index = self.orders.iter().position(|order| order.id == id);
        let index = index.ok_or_else(|| Refusal::new(106, "There is no such order."))?;
        Ok(self.shown(index))
    }

    pub(super) fn move_order(
        &mut self,
        index: usize,
        status: &str,
        result: Option<&str>,
        at: Millis,
    ) {
        let (flag, decision) = verdict(result).unwrap_or_default();
        let order = &mut self.orders[index];
        status.clone_into(&mut order.status);
        order.flag = flag;
        order.decision = decision;
        self.post(index, at);
    }
}

/// The `AdditionalItems` that control the gateway.
pub(super) struct Items<'e>(&'e Element);

impl<'e> Items<'e> {
    pub(super) fn get(&self, kind: &str) -> Option<&'e str> {
        let mut items = self.0.all("AdditionalItems");
        items
            .find(|item| item.attribute("type") == Some(kind))?
            .text_of("Text")
    }
}

/// Hosted orders need a name and an address to write to; the others need the person.
fn person_is_whole(package: &Element, is_hosted: bool) -> Result<(), Refusal> {
    let missing = |what: &str| Refusal::new(107, format!("The {what} is missing."));
    let person = package
        .child("PersonalData")
        .ok_or_else(|| missing("PersonalData"))?;
    let name = person
        .child("PersonName")
        .ok_or_else(|| missing("PersonName"))?;
    for part in ["GivenName", "FamilyName"] {
        name.text_of(part).ok_or_else(|| missing(part))?;
    }
    let address = person.child("PostalAddress");
    if let Some(region) = address.and_then(|address| address.text_of("Region")) {
        let is_code = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_code {
            return Err(Refusal::new(
                108,
                format!("The Region '{region}' is not known."),
            ));
        }
    }
    if is_hosted {
        return person
            .text_of("EmailAddress")
            .map(|_| ())
            .ok_or_else(|| missing("EmailAddress"));
    }
    let detail = person
        .child("DemographicDetail")
        .ok_or_else(|| missing("DemographicDetail"))?;
    for part in ["GovernmentId", "DateOfBirth"] {
        detail.text_of(part).ok_or_else(|| missing(part))?;
    }
    address.map(|_| ()).ok_or_else(|| missing("PostalAddress"))
}
