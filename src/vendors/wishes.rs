//! What an answer's headers say about its vendor's clock, and about when to come back: `Retry-After` (RFC 9110, section 10.2.3),
//! and the rate limit headers that vendors send under several names.

use std::time::{Duration, UNIX_EPOCH};

use adapters::Reply;
use adapters::vocabulary::Millis;
use http::{HeaderMap, HeaderValue, header};

use crate::egress::retry_after;

/// Names of the header that says how many requests are left.
const REMAINING: &[&str] = &[
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
];
/// Names of the header that says when there are more again.
const RESET: &[&str] = &["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];
/// A number of seconds beyond this is a time since the epoch, and beyond that in milliseconds.
const EPOCH_SECONDS: u64 = 1_000_000_000;
const EPOCH_MILLIS: u64 = 1_000_000_000_000;

/// How long `Retry-After` asks us to wait, seen from `now`.
pub(super) fn retry_after(reply: &Reply, now: Millis) -> Option<Duration> {
    let value = HeaderValue::from_str(reply.header("retry-after")?).ok()?;
    retry_after::parse(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]), now)
}

/// True where the vendor says that no request is left.
pub(super) fn is_spent(reply: &Reply) -> bool {
    number(reply, REMAINING) == Some(0)
}

/// How long until there are requests again, seen from `now`: vendors give the seconds, or the
/// moment.
pub(super) fn reset(reply: &Reply, now: Millis) -> Option<Duration> {
    let number = number(reply, RESET)?;
    let now = u64::try_from(now).ok()?;
    Some(match number {
        EPOCH_MILLIS.. => Duration::from_millis(number.saturating_sub(now)),
        EPOCH_SECONDS.. => Duration::from_millis((number * 1000).saturating_sub(now)),
        seconds => Duration::from_secs(seconds),
    })
}

/// The vendor's clock, as the answer's `Date` tells it.
pub(super) fn date(reply: &Reply) -> Option<Millis> {
    let at = httpdate::parse_http_date(reply.header("date")?).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

fn number(reply: &Reply, names: &[&str]) -> Option<u64> {
    let text = names.iter().find_map(|name| reply.header(name))?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01T00:00:00Z.
    const NOW: Millis = 1_704_067_200_000;

    fn reply(headers: &[(&str, &str)]) -> Reply {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Reply {
            status: 429,
            headers: headers.iter().map(owned).collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let after =
            |value| retry_after(&reply(&[("retry-after", value)]), NOW).map(|d| d.as_secs());
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("Mon, 01 Jan 2024 00:01:00 GMT"), Some(60));
        assert_eq!(after("Sun, 31 Dec 2023 00:00:00 GMT"), Some(0));
        assert_eq!(after("99999999999999999999999"), Some(86_400));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn a_reset_is_a_number_of_seconds_or_a_moment() {
        let until =
            |value| reset(&reply(&[("x-ratelimit-reset", value)]), NOW).map(|d| d.as_secs());
        assert_eq!(until("30"), Some(30));
        assert_eq!(until("1704067260"), Some(60));
        assert_eq!(until("1704067260000"), Some(60));
        assert_eq!(until("1704067100"), Some(0));
        assert_eq!(until("2024-01-01"), None);
    }

    #[test]
    fn only_a_zero_means_that_nothing_is_left() {
        assert!(is_spent(&reply(&[("ratelimit-remaining", "0")])));
        assert!(!is_spent(&reply(&[("ratelimit-remaining", "1")])));
        assert!(!is_spent(&reply(&[("ratelimit-remaining", "none")])));
        assert!(!is_spent(&reply(&[])));
    }
}
