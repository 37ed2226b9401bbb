//! `Retry-After`, as RFC 9110, section 10.2.3 has it: whole seconds or an HTTP date.

use std::time::{Duration, UNIX_EPOCH};

use adapters::vocabulary::Millis;
use http::{HeaderMap, header};

/// The longest wait that a destination can impose.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the destination asks us to wait, seen from `now`.
///
/// At most [`LONGEST`]; a date that has passed is zero; what is neither number nor date is `None`.
/// All three date forms that HTTP recipients owe are read. Of several headers the first counts.
#[must_use]
pub fn parse(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => until(value, now)?,
    };
    Some(wait.min(LONGEST))
}

/// A number too large for `u64` is still a number: the longest wait.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().map_or(LONGEST, Duration::from_secs))
}

fn until(value: &str, now: Millis) -> Option<Duration> {
    let at = httpdate::parse_http_date(value).ok()?;
    let now = Duration::from_millis(u64::try_from(now).ok()?);
    let at = at.duration_since(UNIX_EPOCH).ok()?;
    Some(at.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01T00:00:00Z.
    const NOW: Millis = 1_704_067_200_000;

    #[track_caller]
    fn check(value: &str, expected_ms: Option<u64>) {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(
            parse(&headers, NOW),
            expected_ms.map(Duration::from_millis),
            "{value:?}"
        );
    }

    #[test]
    fn seconds_are_read_and_capped_at_a_day() {
        check("0", Some(0));
        check("120", Some(120_000));
        check(" 7 ", Some(7_000));
        check("86400", Some(86_400_000));
        check("86401", Some(86_400_000));
        check("99999999999999999999999", Some(86_400_000));
    }

    #[test]
    fn all_three_date_forms_are_read_and_capped_at_a_day() {
        check("Mon, 01 Jan 2024 00:01:00 GMT", Some(60_000));
        check("Monday, 01-Jan-24 00:01:00 GMT", Some(60_000));
        check("Mon Jan  1 00:01:00 2024", Some(60_000));
        check("Wed, 01 Jan 2025 00:00:00 GMT", Some(86_400_000));
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait() {
        check("Sun, 31 Dec 2023 23:59:59 GMT", Some(0));
        check("Mon, 01 Jan 2024 00:00:00 GMT", Some(0));
    }

    #[test]
    fn what_is_neither_number_nor_date_is_ignored() {
        for value in [
            "",
            "-1",
            "+5",
            "1.5",
            "soon",
            "5 seconds",
            "2024-01-01T00:01:00Z",
        ] {
            check(value, None);
        }
    }

    #[test]
    fn without_the_header_there_is_no_wish() {
        assert_eq!(parse(&HeaderMap::new(), NOW), None);
    }
}
