//! Bringing home: what a vendor says reaches the ATS once, in the end as the vendor says it, and
//! never as a pass that the vendor did not mean.

mod batches;
mod callbacks;
mod cancelling;
mod checkr;
mod foreign;
mod in_a_browser;
mod looking;
mod no_false_pass;
mod results;
mod retention;
mod several;
mod silence;
mod story;
mod waiting;
