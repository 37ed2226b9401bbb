//! The ATS's end of a webhook: it remembers what came and answers as it is told.

mod answers;
mod control;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response};

pub use answers::{Answer, Conduct};

use super::control as steering;
use super::journal::{Journal, Received};
use super::serving::{Reply, Serving, dripping, raw_head};
use super::wall_clock;
use answers::Answers;

/// What a huge body is made of.
const HUGE_PIECE: &[u8] = &[b' '; 64 << 10];

/// A webhook receiver that listens until it is stopped or dropped. It answers 200 to everything
/// until [`FakeAts::answer_with`] says otherwise.
///
/// It serves every path; `GET /_control/received` lists what came, `POST /_control/answer` takes
/// an [`Answer`].
pub struct FakeAts {
    serving: Serving,
    desk: Arc<Desk>,
}

#[derive(Default)]
struct Desk {
    journal: Arc<Journal>,
    answers: Mutex<Answers>,
}

impl FakeAts {
    /// Listens on `listen` (port 0: any free one), inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub fn start(listen: SocketAddr) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let serving = Serving::start(listen, {
            let desk = desk.clone();
            move |request| answer(desk.clone(), request)
        })?;
        Ok(Self { serving, desk })
    }

    /// Where it is reached; on loopback where it listens everywhere.
    pub fn addr(&self) -> SocketAddr {
        let mut addr = self.serving.addr();
        if addr.ip().is_unspecified() {
            addr.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        addr
    }

    /// A webhook URL of it; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr())
    }

    /// Says how the next requests, or all further ones, are answered.
    pub fn answer_with(&self, answer: Answer) {
        self.desk.answers().add(answer);
    }

    /// Every request so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.desk.journal.received()
    }

    /// Every request, as soon as there are `n`, or those there are after `timeout`.
    pub async fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Received> {
        self.desk.journal.wait_for(n, timeout).await
    }

    /// Closes the socket and every connection, and returns when nothing of it runs any more.
    pub async fn stop(self) {
        self.serving.stop().await;
    }
}

impl Desk {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Bytes>) -> Reply {
    if steering::is_control(&request) {
        return steering::answer(control::routes(desk), request).await;
    }
    let flight = desk.journal.note(&request, wall_clock());
    let answer = desk.answers().next(request.uri().path());
    match answer.conduct {
        Conduct::Hang => pending().await,
        Conduct::Drip => {
            let body = dripping(std::iter::repeat(b' '));
            streamed(&answer, Body::from_stream(flight.until_sent(body)))
        }
        Conduct::Huge { bytes } => {
            let body = flight.until_sent(huge(bytes));
            streamed(&answer, Body::from_stream(body))
        }
        Conduct::Reset => {
            flight.answered();
            Reply::Reset
        }
        Conduct::CloseAfter { bytes } => {
            flight.answered();
            Reply::Cut(cut(&answer, bytes))
        }
        Conduct::Plain => {
            flight.answered();
            plain(&answer)
        }
    }
}

fn plain(answer: &Answer) -> Reply {
    streamed(answer, Body::from(answer.body.clone()))
}

/// A sound answer with this body. A status no sound answer can have goes out without any body.
fn streamed(answer: &Answer, body: Body) -> Reply {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    match response.body(body) {
        Ok(response) if !response.status().is_informational() => Reply::Sound(response),
        _ => Reply::Cut(raw_head(answer.status, &answer.headers, 0)),
    }
}

/// The first `bytes` of an answer that announces more than it has.
fn cut(answer: &Answer, bytes: usize) -> Vec<u8> {
    let announced = answer.body.len() + bytes + 1;
    let mut whole = raw_head(answer.status, &answer.headers, announced);
    whole.extend_from_slice(answer.body.as_bytes());
    whole.resize(bytes, b' ');
    whole
}

fn huge(bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let pieces = stream::unfold(bytes, async |left| {
        let piece = usize::try_from(left)
            .map_or(HUGE_PIECE, |left| &HUGE_PIECE[..left.min(HUGE_PIECE.len())]);
        (left > 0).then(|| (Ok(Bytes::from_static(piece)), left - piece.len() as u64))
    });
    pieces.boxed()
}
