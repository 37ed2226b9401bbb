//! Every metric with its meaning: the page for operators, and the HELP lines of `/metrics`. No
//! label holds an id or an address.

use metrics::Unit;

/// What kind a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// A level.
    Gauge,
    /// Times, in buckets.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// What it tells, and its labels.
    pub meaning: &'static str,
}

const fn metric(name: &'static str, kind: Kind, meaning: &'static str) -> Metric {
    Metric {
        name,
        kind,
        meaning,
    }
}

/// All metrics.
pub const METRICS: &[Metric] = &[
    metric(
        "cache_requests_total",
        Kind::Counter,
        "Questions to Redis, by kind (catalog, token) and result: hit, miss, failed, skipped (it is down)",
    ),
    metric(
        "cache_up",
        Kind::Gauge,
        "1 while Redis answers, 0 while it is done without",
    ),
    metric(
        "reloads_total",
        Kind::Counter,
        "Reloads of settings and sheets on SIGHUP, by result: done, refused",
    ),
    metric(
        "http_request_seconds",
        Kind::Histogram,
        "Requests on the public listener, from the head to the answer, by route and status class",
    ),
    metric(
        "order_own_seconds",
        Kind::Histogram,
        "Placing an order, without the time its vendor took: what the gateway itself costs",
    ),
    metric(
        "orders_placing_ended_total",
        Kind::Counter,
        "Drives of an order to its vendor, by vendor and ending: placed, refused, unavailable, unconfirmed, overtaken",
    ),
    metric(
        "orders_ended_by_look_total",
        Kind::Counter,
        "Orders whose end was found by a look that no callback had asked for, by vendor; none of a vendor that never calls back",
    ),
    metric(
        "orders_foreign_total",
        Kind::Counter,
        "Answers and callbacks refused because they name an order that belongs to another one, by vendor and how: answer, look, look_up, cancel, callback. One is one too many",
    ),
    metric(
        "orders_waiting_for_a_person",
        Kind::Gauge,
        "Orders that nobody but a person can settle; `cleargate order waiting` lists them",
    ),
    metric(
        "catalog_changes_total",
        Kind::Counter,
        "Changes of vendors' package lists between two fetches, by vendor and kind: gone, renamed, repriced, added; `cleargate connection show` lists them",
    ),
    metric(
        "vendor_call_seconds",
        Kind::Histogram,
        "Calls to vendors, by vendor, step and outcome: never (nothing left), maybe (no whole answer), answered",
    ),
    metric(
        "vendor_call_own_seconds",
        Kind::Histogram,
        "What calls to vendors took beside their vendor's time (waiting for their turn, a permit, a token or another copy), by vendor",
    ),
    metric(
        "vendor_refused_total",
        Kind::Counter,
        "Calls to vendors that were held back, by vendor and cause: rate, breaker, bulkhead, paused (it asked to wait, or refuses our credentials)",
    ),
    metric(
        "vendor_breakers_open",
        Kind::Gauge,
        "Base URLs of a vendor that are not called because their calls failed, by vendor",
    ),
    metric(
        "callbacks_total",
        Kind::Counter,
        "Callbacks that arrived, by vendor and verdict: acknowledged, not_believed, method_not_allowed",
    ),
    metric(
        "callbacks_parked",
        Kind::Gauge,
        "Callbacks that cannot be read or belong to no known order; `cleargate callback list` shows them",
    ),
    metric(
        "delivery_attempt_seconds",
        Kind::Histogram,
        "Attempts to deliver a webhook, by what follows: delivered, again, dead",
    ),
    metric(
        "deliveries_dead",
        Kind::Gauge,
        "Webhooks that were given up; `cleargate delivery list` shows them",
    ),
    metric(
        "delivery_lanes_open",
        Kind::Gauge,
        "Orders with a webhook that is due, being sent or backing off",
    ),
    metric(
        "delivery_lanes_held",
        Kind::Gauge,
        "Of these, orders whose webhook is held, at no cost of attempts, because its destination is full or left alone",
    ),
    metric(
        "delivery_destinations_left_alone",
        Kind::Gauge,
        "Destinations of webhooks that this replica leaves alone, because they keep failing or asked for it; the log names them",
    ),
    metric(
        "delivery_overdue_seconds",
        Kind::Gauge,
        "How long the longest waiting webhook has been due and not been attempted",
    ),
];

/// Tells the recorder what its metrics mean.
pub(super) fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram => {
                metrics::describe_histogram!(metric.name, Unit::Seconds, metric.meaning)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The names that the program records, read from its source.
    fn recorded() -> BTreeSet<String> {
        let mut files = Vec::new();
        sources(Path::new("src"), &mut files);
        let mut names = BTreeSet::new();
        for file in files
            .iter()
            .filter(|file| !file.starts_with("src/telemetry"))
        {
            let text = fs::read_to_string(file).unwrap();
            for kind in [
                "metrics::counter!(",
                "metrics::gauge!(",
                "metrics::histogram!(",
            ] {
                for call in text.split(kind).skip(1) {
                    names.insert(
                        call.trim_start()
                            .trim_start_matches('"')
                            .split('"')
                            .next()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
        names
    }

    #[test]
    fn every_metric_is_explained_and_every_explained_metric_exists() {
        let explained: BTreeSet<String> = METRICS
            .iter()
            .map(|metric| metric.name.to_owned())
            .collect();
        assert_eq!(recorded(), explained);
    }
}
