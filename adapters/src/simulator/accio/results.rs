//! What is said of orders, in posts and in answers to `getOrderResults` (Accio, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::orders::{Component, Order, status};
use super::{Accio, Answer, Refusal, document};
use crate::simulator::xml::Element;
use crate::vocabulary::Millis;

impl Accio {
    pub(super) fn show_results(&self, query: &Element) -> Answer {
        let number = query
            .attribute("orderID")
            .filter(|number| !number.is_empty())
            .ok_or_else(|| Refusal::new(89, "The orderID is missing"))?;
        let found = self
            .orders
            .iter()
            .position(|order| order.is_numbered(number));
        let index = found.ok_or_else(|| Refusal::new(90, "There is no such order"))?;
        let mut root = Element::new("ScreeningResults");
        if query.attribute("format") == Some("pdf") {
            let pdf = format!("%PDF-1.4\n% report of order {number}\n%%EOF\n");
            let pdf = Element::saying("pdfresults", BASE64.encode(pdf)).with("encoding", "base64");
            root = root.holding([pdf]);
        } else {
            root = root.holding(self.results(index));
        }
        let order = &self.orders[index];
        let was_changed = number != order.number() && order.numbers.iter().any(|own| own == number);
        if was_changed
            && let Some(info) = root.children.iter_mut().find(|it| it.name == "orderInfo")
        {
            let changed = Element::saying("ordernumber_changed_to", order.number());
            info.children.push(changed);
        }
        Ok(document(root))
    }

    /// The order's own block, and one for each order that it has led to.
    pub(super) fn results(&self, index: usize) -> Vec<Element> {
        let order = &self.orders[index];
        let own = self.block(
            order,
            [("number", order.ours.as_str()), ("reference_number", "")],
            order.number(),
            &order.components,
        );
        let generated = order.generated.iter().map(|one| {
            self.block(
                order,
                [("number", ""), ("reference_number", order.ours.as_str())],
                &one.number,
                std::slice::from_ref(&one.component),
            )
        });
        let blocks = std::iter::once(own).chain(generated);
        std::iter::once(info(order)).chain(blocks).collect()
    }

    fn block(
        &self,
        order: &Order,
        [ours, reference]: [(&str, &str); 2],
        number: &str,
        components: &[Component],
    ) -> Element {
        let block = Element::new("completeOrder")
            .with(ours.0, ours.1)
            .with("remote_number", number)
            .with("isactive", if order.is_active { "Y" } else { "N" })
            .with("archived", "N")
            .with("reviewed", "N")
            .with(reference.0, reference.1);
        let verdict = order
            .is_complete()
            .then(|| Element::saying("status", status(components.iter())));
        if self.account.summary {
            let state = order.is_complete().then_some("order complete");
            let state = Element::saying("state", state.unwrap_or(&order.state));
            return block.holding(verdict).holding([state]);
        }
        let state = self.account.states.get(&order.state);
        let state = format!("{} ", state.unwrap_or(&order.state));
        let state = Element::saying("order_state", state);
        let filled = order
            .filled_at
            .map(|at| Element::saying("time_filled", local(at)));
        // The manual's samples have blanks behind some values.
        let ordered = Element::saying("time_ordered", local(order.placed_at) + " ");
        block
            .holding(verdict)
            .holding([ordered])
            .holding(filled)
            .holding(order.is_complete().then(|| self.links(number)))
            .holding([subject(order), state])
            .holding(
                components
                    .iter()
                    .map(|it| shown(Element::new("subOrder"), it)),
            )
    }

    fn links(&self, number: &str) -> Element {
        let page = format!("{}/c/d/show_order?order_number={number}", self.account.host);
        Element::new("reportURL").holding([
            Element::saying("HTML", page.as_str()),
            Element::saying("PDF_Color", format!("{page}&pdf2=1")),
            Element::saying("PDF_BW", format!("{page}&pdf2=1&black=X")),
        ])
    }

    /// One component, as it is posted when it is filled.
    pub(super) fn component_result(&self, index: usize, nth: usize) -> Vec<Element> {
        let order = &self.orders[index];
        let component = &order.components[nth];
        let result = Element::new("postResults")
            .with("order", order.ours.as_str())
            .with("subOrder", "")
            .with("remote_order", order.number())
            .with("remote_subOrder", component.number.as_str());
        let result = shown(result, component)
            .with("reference_number", "")
            .holding([Element::saying("time_ordered", local(order.placed_at))])
            .holding(
                order
                    .filled_at
                    .map(|at| Element::saying("time_filled", local(at))),
            );
        vec![result, info(order)]
    }
}

fn info(order: &Order) -> Element {
    let package = Element::saying("packagename", order.package.as_str());
    Element::new("orderInfo").holding([package])
}

fn subject(order: &Order) -> Element {
    Element::new("subject").holding([
        Element::saying("name_first", order.first_name.as_str()),
        Element::saying("name_last", order.last_name.as_str()),
    ])
}

fn shown(element: Element, component: &Component) -> Element {
    let element = if element.name == "subOrder" {
        element
            .with("number", "")
            .with("remote_number", component.number.as_str())
    } else {
        element
    };
    element
        .with("held_for_review", if component.is_held { "Y" } else { "N" })
        .with("held_for_release_form", "N")
        .with("filledStatus", component.filled_status)
        .with("filledCode", component.code.as_str())
        .with("type", component.kind.as_str())
}

/// `YYYY-MM-DD HH:MM:SS` in the agency's local time, which it does not name.
fn local(moment: Millis) -> String {
    let zone = Offset::constant(-6).to_time_zone();
    let moment = Timestamp::from_millisecond(moment).unwrap_or(Timestamp::UNIX_EPOCH);
    let civil = moment.to_zoned(zone).datetime();
    let (date, time) = (civil.date(), civil.time());
    format!(
        "{date} {:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    )
}
