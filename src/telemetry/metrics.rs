//! Metrics, kept for Prometheus to fetch.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of every `..._seconds` histogram: from a cache hit to the longest
/// wait for a webhook's receiver, and 8 s because an order is answered within that by default.
const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 8.0, 10.0, 20.0, 30.0,
];

/// Upper bounds of the buckets of what the gateway itself takes: close to each other around what it
/// is held to, 1.5 and 8 ms for an order, 0.2 and 2 ms for a call to a vendor.
const OWN_SECONDS: &[f64] = &[
    0.000_05, 0.0001, 0.000_15, 0.0002, 0.0003, 0.0005, 0.000_75, 0.001, 0.001_25, 0.0015,
    0.001_75, 0.002, 0.0025, 0.003, 0.004, 0.006, 0.008, 0.012, 0.025, 0.05, 0.1, 0.25, 1.0, 8.0,
];

/// The metrics that have them.
const OWN: [&str; 2] = ["order_own_seconds", "vendor_call_own_seconds"];

/// Samples wait in memory until they are folded into buckets; this is how long at most.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// The metrics of this process, recorded from the first call on; `render` writes the page that
/// Prometheus reads.
pub fn metrics() -> &'static PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| {
        let handle = builder()
            .install_recorder()
            .expect("only this function sets a global recorder");
        super::catalog::describe();
        fold_forever(handle.clone());
        handle
    })
}

fn builder() -> PrometheusBuilder {
    let usual = (Matcher::Suffix("_seconds".to_owned()), SECONDS);
    let own = OWN.map(|name| (Matcher::Full(name.to_owned()), OWN_SECONDS));
    own.into_iter()
        .chain([usual])
        .fold(PrometheusBuilder::new(), |builder, (metrics, bounds)| {
            let builder = builder.set_buckets_for_metric(metrics, bounds);
            builder.expect("there are buckets")
        })
}

/// Memory stays flat even if nobody ever fetches the page. A thread, because it is needed before
/// and after the async runtime too; it holds nothing and ends with the process.
fn fold_forever(handle: PrometheusHandle) {
    let spawned = thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(FOLD_EVERY);
                handle.run_upkeep();
            }
        });
    spawned.expect("a process that cannot start a thread cannot serve");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_buckets() {
        let recorder = builder().build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            ::metrics::histogram!("orders_answered_seconds").record(0.3);
        });
        let page = recorder.handle().render();
        assert!(
            page.contains(r#"orders_answered_seconds_bucket{le="0.25"} 0"#),
            "{page}"
        );
        assert!(
            page.contains(r#"orders_answered_seconds_bucket{le="0.5"} 1"#),
            "{page}"
        );
        assert!(
            page.contains(r#"orders_answered_seconds_bucket{le="8"} 1"#),
            "{page}"
        );
    }

    #[test]
    fn what_the_gateway_itself_takes_is_counted_finely() {
        let recorder = builder().build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            for name in OWN {
                ::metrics::histogram!(name).record(0.0014);
            }
        });
        let page = recorder.handle().render();
        for (name, bound) in OWN
            .iter()
            .flat_map(|own| [(own, "0.00125 0"), (own, "0.0015 1")])
        {
            let (bound, count) = bound.split_once(' ').expect("a bound and a count");
            let line = format!(r#"{name}_bucket{{le="{bound}"}} {count}"#);
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn metrics_may_be_asked_for_again() {
        metrics();
        metrics();
    }
}
