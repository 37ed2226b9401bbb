//! Posts about orders, and what counts as their acknowledgement (Accio, section 6).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Accio;
use crate::simulator::Outgoing;
use crate::simulator::outbox::Schedule;
use crate::simulator::xml::Element;
use crate::vocabulary::Millis;

/// The schedule is not documented. Recorded posts came again after one and after three days, once
/// the receiver had been repaired.
pub(super) const RETRIES: Schedule = &[(3, Duration::from_mins(10)), (4, Duration::from_hours(24))];

/// Where an order's news go, and how they prove themselves.
#[derive(Clone)]
pub(super) struct PostBack {
    url: String,
    guid: String,
    basic: Option<String>,
    /// `None`: all kinds.
    kinds: Option<Vec<String>>,
}

impl PostBack {
    /// Reads `postBackInfo`. One that stands behind the `subject` is passed over, as recorded
    /// traffic shows.
    pub(super) fn read(order: &Element) -> Option<Self> {
        let names = order.names();
        let place = |name: &str| names.iter().position(|known| *known == name);
        if place("postBackInfo")? > place("subject")? {
            return None;
        }
        let info = order.child("postBackInfo")?;
        let authentication = info.child("authentication");
        let authentication = authentication.filter(|it| it.text_of("type") == Some("Basic"));
        let basic = authentication.map(|it| {
            let part = |name: &str| it.text_of(name).unwrap_or_default();
            BASE64.encode(format!("{}:{}", part("username"), part("password")))
        });
        let kinds = info.text_of("postback_types");
        let kinds = kinds.map(|list| list.split("::").map(str::to_owned).collect());
        Some(Self {
            url: info.text_of("URL")?.to_owned(),
            guid: info.text_of("guID").unwrap_or_default().to_owned(),
            basic,
            kinds,
        })
    }

    fn wants(&self, kind: &str) -> bool {
        let kinds = self.kinds.as_ref();
        kinds.is_none_or(|kinds| kinds.iter().any(|known| known == kind))
    }

    /// The `guID` three times.
    fn login(&self) -> Element {
        let names = ["account", "username", "password"];
        let said = names.map(|name| Element::saying(name, self.guid.as_str()));
        Element::new("login").holding(said)
    }
}

/// True for a well-formed document, not a page, without an element `error`.
pub(super) fn acknowledges(body: &[u8]) -> bool {
    fn has_error(element: &Element) -> bool {
        element.name == "error" || element.children.iter().any(has_error)
    }
    Element::parse(body).is_ok_and(|root| root.name != "html" && !has_error(&root))
}

impl Accio {
    /// Posts where an order stands, if its client wants that kind.
    pub(super) fn post_order(&mut self, index: usize, kind: &str, at: Millis) {
        let results = self.results(index);
        self.post(index, kind, results, at);
    }

    /// Posts that one component has been filled.
    pub(super) fn post_component(&mut self, index: usize, nth: usize, at: Millis) {
        let result = self.component_result(index, nth);
        self.post(index, "ICR", result, at);
    }

    fn post(&mut self, index: usize, kind: &str, said: Vec<Element>, at: Millis) {
        let post_back = self.orders[index].post_back.clone();
        let Some(post_back) = post_back.filter(|it| it.wants(kind)) else {
            return;
        };
        let root = Element::new("ScreeningResults")
            .holding([post_back.login()])
            .holding(said);
        self.outbox
            .hold(&post_back.url, &root.document(), at, &mut self.faults);
    }

    pub(super) fn send_posts(&mut self, now: Millis) -> Vec<Outgoing> {
        if self.failed_posts >= self.account.most_failed_posts {
            return Vec::new();
        }
        let mime = ("Content-Type".to_owned(), "text/xml".to_owned());
        let mut due = self.outbox.due(now, &|_, _| vec![mime.clone()]);
        for outgoing in &mut due {
            let basic = self.orders.iter().find_map(|order| {
                let post_back = order.post_back.as_ref()?;
                (post_back.url == outgoing.url).then_some(post_back.basic.as_ref()?)
            });
            let header = basic.map(|it| ("Authorization".to_owned(), format!("Basic {it}")));
            outgoing.headers.extend(header);
        }
        due
    }
}
