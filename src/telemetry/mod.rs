//! What the process tells of itself: a log on stderr and metrics for Prometheus.
//!
//! Both are global to a process and are set up once; every later call finds what the first one
//! made, so that tests may start many gateways in one process.

mod catalog;
mod log;
mod metrics;

pub use catalog::{Kind, METRICS, Metric};
pub use log::start_log;
pub use metrics::metrics;
