//! Laws on the canonical fields: none is lost in silence, and none is missed too late.

use super::super::bench::{Bench, Ran};
use super::super::canary::varied;
use super::super::fixtures::Case;
use super::super::wire;
use crate::contract::Unfit;
use crate::vocabulary::Order;

/// Members of every order: the type has no way to leave them out.
const ALWAYS_THERE: &[&str] = &["order.package", "order.placed_at"];

fn placing<'b>(bench: &'b Bench<'_>) -> &'b [Case] {
    bench.fixtures.cases.get("place").map_or(&[], Vec::as_slice)
}

/// Law `required`.
pub(super) fn required(bench: &Bench<'_>) -> Vec<String> {
    let required = &bench.fixtures.connection.required;
    let mut broken = Vec::new();
    for field in Order::FIELDS {
        if ALWAYS_THERE.contains(field) {
            continue;
        }
        let missed = placing(bench).iter().filter_map(|case| {
            let order = bench.order(case).without(field);
            let ran = bench.placed(case, order)?;
            let sent = ran.stops.len();
            Some((ran.unfit?, sent))
        });
        let missed: Vec<(Unfit, usize)> = missed.collect();
        let declared = required.iter().any(|name| name == field);
        if declared && missed.is_empty() {
            broken.push(format!(
                "`{field}` is required by vendor.toml, but not missed"
            ));
        }
        if !declared && !missed.is_empty() {
            broken.push(format!(
                "an order without `{field}` is refused, but `required` in vendor.toml lacks it"
            ));
        }
        for (Unfit { field: named, .. }, sent) in missed {
            if named != *field {
                broken.push(format!("without `{field}` the message names `{named}`"));
            }
            if sent > 0 {
                broken.push(format!(
                    "`{field}` is missed only after {sent} request(s) have been sent; the first \
                     step must look for it"
                ));
            }
        }
    }
    broken
}

/// Law `used_or_dropped`.
pub(super) fn used_or_dropped(bench: &Bench<'_>) -> Vec<String> {
    let dropped = &bench.vendor.dropped;
    let mut broken = Vec::new();
    for field in Order::FIELDS {
        let used = placing(bench)
            .iter()
            .any(|case| is_used(bench, case, field));
        match (used, dropped.iter().any(|name| name == field)) {
            (false, false) => broken.push(format!(
                "`{field}` is in no placing request: use it, or name it among the dropped fields"
            )),
            (true, true) => broken.push(format!(
                "`{field}` is named among the dropped fields, but it is used"
            )),
            _ => {}
        }
    }
    for name in dropped {
        if name != "reference" && !Order::FIELDS.contains(&name.as_str()) {
            broken.push(format!("`{name}` is dropped, but it is no canonical field"));
        }
    }
    broken
}

/// Whether another value of the field changes what is sent, or is refused by the field's name.
fn is_used(bench: &Bench<'_>, case: &Case, field: &str) -> bool {
    let order = bench.order(case);
    let varied = bench.placed(case, varied(&order, field));
    let plain = bench.placed(case, order);
    let (Some(plain), Some(varied)) = (plain, varied) else {
        return false;
    };
    let refused = varied
        .unfit
        .as_ref()
        .is_some_and(|unfit| unfit.field == field);
    refused || sent(&plain) != sent(&varied)
}

fn sent(ran: &Ran<'_>) -> Vec<String> {
    ran.stops
        .iter()
        .map(|stop| wire::everything(&stop.request))
        .collect()
}
