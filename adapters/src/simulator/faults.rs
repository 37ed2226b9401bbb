//! Which fault strikes what, and what each does to a response.

use super::{Arrived, FaultKind, FaultOrder, Manner, Response};
use crate::vocabulary::Millis;

/// How long [`FaultKind::Invisible`] hides an order from look-ups.
const INVISIBLE_FOR: Millis = 30_000;

/// How deep [`FaultKind::ActAndNest`] nests.
const DEEP: usize = 10_000;

/// The faults that were ordered and have not run out, oldest first; the first that fits strikes.
#[derive(Default)]
pub(super) struct Faults {
    orders: Vec<FaultOrder>,
}

impl Faults {
    /// Takes an order; [`FaultKind::None`] clears all others.
    pub(super) fn order(&mut self, fault: FaultOrder) {
        if fault.kind == FaultKind::None {
            self.orders.clear();
        } else {
            self.orders.push(fault);
        }
    }

    /// What strikes this request.
    pub(super) fn strike(&mut self, request: &Arrived) -> Strike {
        use FaultKind::{Invisible, Mute, None as Nothing, Stutter};
        Strike(self.take(&request.method, request.path(), |kind| {
            !matches!(kind, Nothing | Mute | Stutter | Invisible)
        }))
    }

    /// How often a callback to `url` is queued: not at all while mute, twice while stuttering.
    pub(super) fn copies(&mut self, url: &str) -> usize {
        let mut takes = |wanted| self.take("POST", url, |kind| kind == wanted).is_some();
        if takes(FaultKind::Mute) {
            0
        } else if takes(FaultKind::Stutter) {
            2
        } else {
            1
        }
    }

    /// Orders placed after this moment are hidden from this look-up.
    pub(super) fn hidden_after(&mut self, request: &Arrived, now: Millis) -> Millis {
        let hides = self.take(&request.method, request.path(), |kind| {
            kind == FaultKind::Invisible
        });
        hides.map_or(Millis::MAX, |_| now - INVISIBLE_FOR)
    }

    fn take(
        &mut self,
        method: &str,
        path: &str,
        fits: impl Fn(FaultKind) -> bool,
    ) -> Option<FaultKind> {
        let index = self.orders.iter().position(|order| {
            fits(order.kind)
                && path.contains(&order.path)
                && (order.method.is_empty() || order.method.eq_ignore_ascii_case(method))
        })?;
        let kind = self.orders[index].kind;
        match self.orders[index].times {
            0 => {}
            1 => drop(self.orders.remove(index)),
            _ => self.orders[index].times -= 1,
        }
        Some(kind)
    }
}

/// The fault that strikes a request, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike(Option<FaultKind>);

impl Strike {
    /// What is answered where the fault keeps the vendor from acting. `denied` and `too_many` are
    /// the vendor's own words for these.
    pub(super) fn instead_of_acting(
        self,
        denied: impl FnOnce() -> Response,
        too_many: impl FnOnce() -> Response,
    ) -> Option<Response> {
        match self.0? {
            FaultKind::Hang => Some(Response::nothing(Manner::Never)),
            FaultKind::Reset => Some(Response::nothing(Manner::Reset)),
            FaultKind::Unavailable => {
                Some(page(503, "Service Unavailable").with_header("retry-after", "2"))
            }
            FaultKind::TooMany => Some(too_many()),
            FaultKind::Unauthorized => Some(denied()),
            _ => None,
        }
    }

    /// The answer of a vendor that acts, unless the fault keeps it from acting, and as the fault
    /// leaves it. `denied` and `too_many` are as for [`Strike::instead_of_acting`].
    pub(super) fn around(
        self,
        denied: impl FnOnce() -> Response,
        too_many: impl FnOnce() -> Response,
        act: impl FnOnce() -> Response,
    ) -> Response {
        match self.instead_of_acting(denied, too_many) {
            Some(instead) => instead,
            None => self.spoil(act()),
        }
    }

    /// What becomes of the answer of a vendor that has acted.
    pub(super) fn spoil(self, response: Response) -> Response {
        match self.0 {
            Some(FaultKind::ActAndHang) => response.sent(Manner::Never),
            Some(FaultKind::ActAndReset) => response.sent(Manner::Reset),
            Some(FaultKind::ActAndBadGateway) => page(502, "Bad Gateway"),
            Some(FaultKind::ActAndPage) => page(response.status, "OK"),
            Some(FaultKind::ActAndNest) => nested(response),
            Some(FaultKind::ActAndTruncate) => response.sent(Manner::Truncated),
            Some(FaultKind::ActAndDrip) => response.sent(Manner::Dripping),
            _ => response,
        }
    }
}

/// What the proxy in front of a vendor answers in its place.
fn page(status: u16, title: &str) -> Response {
    let html = format!("<html><head><title>{status} {title}</title></head></html>");
    Response {
        status,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: html.into_bytes(),
        manner: Manner::Plainly,
    }
}

/// A document of the same notation that nests too deep to be read by calling oneself.
fn nested(response: Response) -> Response {
    let mime = response
        .headers
        .iter()
        .find(|(name, _)| name == "content-type");
    let is_xml = mime.is_some_and(|(_, mime)| mime.contains("xml"));
    let (open, close) = if is_xml { ("<a>", "</a>") } else { ("[", "]") };
    Response {
        body: (open.repeat(DEEP) + &close.repeat(DEEP)).into_bytes(),
        ..response
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, get};
    use super::*;

    #[test]
    fn a_fault_strikes_only_what_it_names_and_only_so_often() {
        let mut faults = Faults::default();
        faults.order(FaultOrder {
            kind: FaultKind::Hang,
            path: "/orders".into(),
            method: "get".into(),
            times: 2,
        });
        assert_eq!(faults.strike(&get("/packages?x=/orders")), Strike(None));
        assert_eq!(
            faults.strike(&get("/orders/1")),
            Strike(Some(FaultKind::Hang))
        );
        assert_eq!(
            faults.strike(&get("/orders")),
            Strike(Some(FaultKind::Hang))
        );
        assert_eq!(faults.strike(&get("/orders")), Strike(None));
    }

    #[test]
    fn a_fault_without_a_number_lasts_until_all_are_cleared() {
        let mut faults = Faults::default();
        faults.order(fault(FaultKind::Reset, 0));
        for _ in 0..3 {
            assert_eq!(faults.strike(&get("/")), Strike(Some(FaultKind::Reset)));
        }
        faults.order(fault(FaultKind::None, 0));
        assert_eq!(faults.strike(&get("/")), Strike(None));
    }

    #[test]
    fn faults_of_callbacks_and_look_ups_do_not_strike_requests() {
        let mut faults = Faults::default();
        for kind in [FaultKind::Mute, FaultKind::Stutter, FaultKind::Invisible] {
            faults.order(fault(kind, 1));
        }
        assert_eq!(faults.strike(&get("/")), Strike(None));
        assert_eq!(faults.hidden_after(&get("/"), 40_000), 10_000);
        assert_eq!(faults.hidden_after(&get("/"), 40_000), Millis::MAX);
        assert_eq!(
            [faults.copies("u"), faults.copies("u"), faults.copies("u")],
            [0, 2, 1]
        );
    }
}
