//! The table of laws.

mod callbacks;
mod fields;
mod fixtures;
mod injection;
mod nasty;
mod placing;
mod requests;
mod words;

use super::bench::Bench;
pub(super) use words::subjects;

/// A law that every vendor owes.
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub sentence: &'static str,
    pub(super) broken: fn(&Bench<'_>) -> Vec<String>,
}

macro_rules! laws {
    ($($name:literal, $sentence:literal, $broken:path;)*) => {
        /// Every law, in the order in which a person who writes a vendor meets them.
        pub const LAWS: &[Law] = &[$(Law { name: $name, sentence: $sentence, broken: $broken }),*];
    };
}

laws! {
    "complete_fixtures", "the fixtures show every operation, every placing step, a pass and something else",
        fixtures::complete;
    "golden", "requests, results, faults and notes are those of the fixtures",
        fixtures::golden;
    "deterministic", "the same input gives the same bytes and the same meaning",
        requests::deterministic;
    "path", "a path is relative, begins with `/` and holds nothing personal",
        requests::path;
    "secrets", "every secret is a hole that names a credential",
        requests::secrets;
    "one_value", "whatever stands in a value, a request says the same things",
        injection::one_value;
    "memo", "a memo names a known step and holds nothing personal",
        requests::memo;
    "reference", "our reference is in a placing request, or something replaces it",
        placing::reference;
    "required", "a field that the vendor needs is missed by its own name before anything is sent",
        fields::required;
    "used_or_dropped", "every canonical field is in a placing request or declared as dropped",
        fields::used_or_dropped;
    "turns", "placing ends within its turns, whatever the vendor answers",
        placing::turns;
    "unmapped", "a failure that nobody declared is unclear where a repeat could order again",
        placing::unmapped;
    "positive_sign", "an order is placed where its id says so, not where a status does",
        placing::positive_sign;
    "absence", "an order is absent where a list says so, not where an answer is senseless",
        words::absence;
    "false_pass", "nothing unknown or missing makes a pass",
        words::false_pass;
    "unknown_words", "a word nobody knows moves nothing, and is shown to operators",
        words::unknown_words;
    "survives", "nothing a vendor answers or calls back makes a reader panic",
        nasty::survives;
    "proof", "a callback is believed as it came, and no otherwise",
        callbacks::proof;
    "hint", "a callback without proof says no more than `look`",
        callbacks::hint;
    "pure_reading", "what a callback says depends on its bytes alone",
        callbacks::pure_reading;
}
