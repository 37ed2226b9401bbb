//! What a fake was asked, in order of arrival, and what was under way at the same time.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Request;
use tokio::sync::Notify;

/// A caller that hung up may have done so this long before we noticed. Without this allowance a
/// caller that gives up and at once tries again would look as if it did both at the same time.
const HANG_UP_NOTICED_WITHIN: Duration = Duration::from_millis(50);

/// A request as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// HTTP method, upper case.
    pub method: String,
    /// Path with its query, as on the request line.
    pub target: String,
    /// Headers, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// When it arrived: milliseconds since the Unix epoch, by the fake's clock.
    pub at: Millis,
    /// An earlier request to the same path was still unanswered when this one arrived.
    pub overlapped: bool,
}

impl Received {
    pub(super) fn of(request: &Request<Bytes>, at: Millis) -> Self {
        Self {
            method: request.method().as_str().to_owned(),
            target: target(request),
            headers: headers(request),
            body: request.body().to_vec(),
            at,
            overlapped: false,
        }
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&header.1)
    }
}

/// Bodies hold applicants' data, headers credentials and queries tokens: none of them is shown.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("body_bytes", &self.body.len())
            .field("at", &self.at)
            .field("overlapped", &self.overlapped)
            .finish_non_exhaustive()
    }
}

/// Every request a fake was sent. It forgets none, so a fake is not for weeks of load.
#[derive(Default)]
pub(super) struct Journal {
    entries: Mutex<Vec<Entry>>,
    arrived: Notify,
}

struct Entry {
    received: Received,
    began: Instant,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Open,
    Answered(Instant),
    HungUp(Instant),
}

impl Journal {
    /// Writes a request down. It is in flight until the returned value is dropped.
    pub(super) fn note(self: &Arc<Self>, request: &Request<Bytes>, at: Millis) -> InFlight {
        let entry = Entry {
            received: Received::of(request, at),
            began: Instant::now(),
            end: End::Open,
        };
        let mut entries = self.entries();
        entries.push(entry);
        let number = entries.len() - 1;
        drop(entries);
        self.arrived.notify_waiters();
        InFlight {
            journal: self.clone(),
            number,
        }
    }

    /// All requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        let entries = self.entries();
        let mut busy_until: HashMap<&str, Option<Instant>> = HashMap::new();
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries.iter() {
            let mut received = entry.received.clone();
            let until = entry.busy_until();
            match busy_until.get_mut(entry.received.path()) {
                Some(busy) => {
                    received.overlapped = busy.is_none_or(|busy| busy > entry.began);
                    *busy = busy.zip(until).map(|(busy, until)| busy.max(until));
                }
                None => {
                    busy_until.insert(entry.received.path(), until);
                }
            }
            all.push(received);
        }
        all
    }

    /// How many requests there were, by `METHOD /path`.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for Entry { received, .. } in self.entries().iter() {
            let key = format!("{} {}", received.method, received.path());
            *counts.entry(key).or_default() += 1;
        }
        counts
    }

    /// All requests, as soon as there are `n`, or those there are after `timeout`.
    pub(super) async fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Received> {
        let enough = async {
            loop {
                let mut arrived = std::pin::pin!(self.arrived.notified());
                arrived.as_mut().enable();
                if self.entries().len() >= n {
                    return;
                }
                arrived.await;
            }
        };
        if tokio::time::timeout(timeout, enough).await.is_err() {
            tracing::debug!(n, "a wait for requests to a fake ended early");
        }
        self.received()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Until when it surely was in flight; `None`: it still is.
    fn busy_until(&self) -> Option<Instant> {
        match self.end {
            End::Open => None,
            End::Answered(at) => Some(at),
            End::HungUp(at) => Some(at.checked_sub(HANG_UP_NOTICED_WITHIN).unwrap_or(self.began)),
        }
    }
}

/// A request that is being answered.
pub(super) struct InFlight {
    journal: Arc<Journal>,
    number: usize,
}

impl InFlight {
    /// The answer is about to leave. Dropped without this, the caller hung up.
    pub(super) fn answered(&self) {
        self.end(End::Answered(Instant::now()));
    }

    /// Keeps the request in flight until `body` is sent, or its caller has gone.
    pub(super) fn until_sent<S>(self, body: S) -> impl Stream<Item = io::Result<Bytes>> + Send
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        body.chain(stream::once(async move {
            self.answered();
            Ok(Bytes::new())
        }))
    }

    fn end(&self, end: End) {
        if let Some(entry) = self.journal.entries().get_mut(self.number)
            && matches!(entry.end, End::Open)
        {
            entry.end = end;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.end(End::HungUp(Instant::now()));
    }
}

fn target(request: &Request<Bytes>) -> String {
    let target = request.uri().path_and_query();
    target.map_or_else(|| "/".to_owned(), ToString::to_string)
}

fn headers(request: &Request<Bytes>) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(journal: &Arc<Journal>, path: &str) -> InFlight {
        let request = Request::post(path).body(Bytes::new()).unwrap();
        journal.note(&request, 0)
    }

    fn overlaps(journal: &Journal) -> Vec<bool> {
        let received = journal.received();
        received.iter().map(|each| each.overlapped).collect()
    }

    #[test]
    fn a_request_overlaps_one_of_the_same_path_that_is_unanswered() {
        let journal = Arc::new(Journal::default());
        let _first = note(&journal, "/a?x=1");
        let _second = note(&journal, "/a?x=2");
        let _other = note(&journal, "/b");
        assert_eq!(overlaps(&journal), [false, true, false]);
    }

    #[test]
    fn a_request_after_an_answer_does_not_overlap_it() {
        let journal = Arc::new(Journal::default());
        note(&journal, "/a").answered();
        note(&journal, "/a").answered();
        assert_eq!(overlaps(&journal), [false, false]);
    }

    #[test]
    fn an_overlap_is_remembered_after_both_were_answered() {
        let journal = Arc::new(Journal::default());
        let first = note(&journal, "/a");
        note(&journal, "/a").answered();
        first.answered();
        assert_eq!(overlaps(&journal), [false, true]);
    }

    #[test]
    fn a_caller_that_hangs_up_and_tries_again_at_once_does_not_overlap_itself() {
        let journal = Arc::new(Journal::default());
        let first = note(&journal, "/a");
        let _second = note(&journal, "/a");
        drop(first);
        assert_eq!(overlaps(&journal), [false, false]);
    }

    #[test]
    fn debug_shows_no_body_header_or_query() {
        let request = Request::post("/a?token=canary")
            .header("authorization", "canary")
            .body(Bytes::from("canary"))
            .unwrap();
        let journal = Arc::new(Journal::default());
        let _flight = journal.note(&request, 0);
        assert!(!format!("{:?}", journal.received()).contains("canary"));
    }
}
