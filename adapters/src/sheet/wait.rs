//! How long a vendor asks us to wait: seconds, an HTTP date or an ISO 8601 time.
//!
//! Nothing here knows what time it is, so a date counts from the answer's own `Date` header and is
//! ignored where there is none.

use std::time::Duration;

use super::expression::Expression;
use super::functions::{http_date, time};
use super::scope::Scope;
use crate::contract::Reply;

/// The wait that the answer asks for: in `Retry-After`, else where `retry_at` finds it.
pub(super) fn wait(scope: &Scope<'_>, retry_at: Option<&Expression>) -> Option<Duration> {
    let reply = scope.reply?;
    let standard = reply
        .header("retry-after")
        .and_then(|text| seconds(text).or_else(|| until(reply, http_date(text)?)));
    standard.or_else(|| {
        let text = retry_at?.read_text(scope)?;
        seconds(&text).or_else(|| until(reply, time(&text)?))
    })
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

fn until(reply: &Reply, then: i64) -> Option<Duration> {
    let now = http_date(reply.header("date")?)?;
    let apart = u64::try_from(then.saturating_sub(now)).unwrap_or(0);
    Some(Duration::from_millis(apart))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn waits(headers: &[(&str, &str)]) -> Option<u64> {
        let reply = Reply {
            status: 429,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Vec::new(),
        };
        let (memo, settings) = (BTreeMap::new(), BTreeMap::new());
        let cx = crate::Context {
            settings: &settings,
            key: "",
            base_url: "",
        };
        let scope = Scope {
            reply: Some(&reply),
            ..Scope::new(&memo, &cx)
        };
        let reset = Expression::parse("header.x-ratelimit-reset").expect("well formed");
        wait(&scope, Some(&reset)).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_read_from_seconds_dates_and_timestamps() {
        let date = ("date", "Fri, 02 Feb 2018 16:38:30 GMT");
        assert_eq!(waits(&[("retry-after", "7")]), Some(7));
        assert_eq!(
            waits(&[date, ("retry-after", "Fri, 02 Feb 2018 16:39:30 GMT")]),
            Some(60)
        );
        assert_eq!(
            waits(&[date, ("x-ratelimit-reset", "2018-02-02T16:39:00Z")]),
            Some(30)
        );
        assert_eq!(
            waits(&[date, ("x-ratelimit-reset", "2018-02-02T16:00:00Z")]),
            Some(0)
        );
    }

    #[test]
    fn a_date_without_the_vendors_own_clock_and_nonsense_are_no_wait() {
        assert_eq!(
            waits(&[("retry-after", "Fri, 02 Feb 2018 16:39:30 GMT")]),
            None
        );
        assert_eq!(waits(&[("retry-after", "-5")]), None);
        assert_eq!(waits(&[("x-ratelimit-reset", "soon")]), None);
        assert_eq!(waits(&[]), None);
    }
}
