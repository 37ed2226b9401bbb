//! Moments: in which forms vendors write them, and how we write ours.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::vocabulary::Millis;

/// Numbers below this are seconds since the epoch, others milliseconds.
const FIRST_MILLIS: i64 = 100_000_000_000;
/// The form of ISO 8601 in which a time is written where the sheet names no other.
pub(super) const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The moment in a text: ISO 8601 with a zone, an HTTP date, or a number of seconds or
/// milliseconds since the epoch.
pub(in super::super) fn time(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let is_seconds = number.unsigned_abs() < FIRST_MILLIS.unsigned_abs();
        return Some(if is_seconds { number * 1000 } else { number });
    }
    let iso = text.parse().ok().map(Timestamp::as_millisecond);
    iso.or_else(|| http_date(text))
}

pub(in super::super) fn http_date(text: &str) -> Option<Millis> {
    let time = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(time.as_millisecond())
}

/// The moment in the form `format` (as `strftime` writes it), in UTC.
pub(super) fn date(text: &str, format: &str) -> Option<String> {
    let time = Timestamp::from_millisecond(time(text)?).ok()?;
    written(time, format)
}

fn written(time: Timestamp, format: &str) -> Option<String> {
    let zoned: Zoned = time.to_zoned(TimeZone::UTC);
    jiff::fmt::strtime::format(format, &zoned).ok()
}

/// True for a format that can be written at all.
pub(super) fn is_format(format: &str) -> bool {
    written(Timestamp::UNIX_EPOCH, format).is_some()
}
