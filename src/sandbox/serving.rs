//! A listener whose answers may break every rule of HTTP.
//!
//! hyper reads the requests and writes sound answers. What it would never write (a reset, half an
//! answer, status 103 as the last word) ends hyper's part of the connection: the socket is taken
//! back from it and treated by hand.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The largest request body a fake takes: the largest any part of the gateway may send.
const REQUEST_BODY_LIMIT: usize = 32 << 20;
/// The pause between two bytes of a dripping body.
const DRIP_PAUSE: Duration = Duration::from_millis(100);
/// The pause after a failed accept. It fails for want of descriptors, which others give back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What a request is answered with.
pub(super) enum Reply {
    /// A sound answer, or one whose body takes its time.
    Sound(Response<Body>),
    /// Exactly these bytes, then the connection is closed.
    Cut(Vec<u8>),
    /// Nothing: the connection is reset (RST).
    Reset,
}

/// How a fake answers: a request in, a reply out.
type Answerer = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A listening socket and everything that runs for it.
pub(super) struct Serving {
    addr: SocketAddr,
    tasks: Tasks,
}

impl Serving {
    /// Listens on `listen` (port 0: any free one) and answers every request by `answerer`.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub(super) fn start<F, R>(listen: SocketAddr, answerer: F) -> io::Result<Self>
    where
        F: Fn(Request<Bytes>) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        let listener = bind(listen).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
        })?;
        let addr = listener.local_addr()?;
        let tasks = Tasks::default();
        let answerer: Answerer = Arc::new(move |request| Box::pin(answerer(request)));
        tasks.spawn(accept(listener, answerer, tasks.clone()));
        Ok(Self { addr, tasks })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What else runs as long as the socket listens.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Closes the socket and all connections, and returns when every task has ended.
    pub(super) async fn stop(self) {
        self.tasks.stop.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

/// Tasks that end together.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` to its end, or until the [`Serving`] stops or is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: TcpListener, answerer: Answerer, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => tasks.spawn(serve(socket, answerer.clone())),
            Err(error) => {
                tracing::warn!(%error, "a fake could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How a connection ends that hyper may not end.
enum Ending {
    Cut(Vec<u8>),
    Reset,
}

/// Tells hyper to stop; the reason is left in the connection's [`Ending`].
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without a sound answer")]
struct Unsound;

async fn serve(socket: TcpStream, answerer: Answerer) {
    if let Err(error) = serve_socket(socket, answerer).await {
        tracing::debug!(%error, "a caller left a fake before the answer's end");
    }
}

async fn serve_socket(socket: TcpStream, answerer: Answerer) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let ending = Arc::new(Mutex::new(None));
    let service = service_fn({
        let ending = ending.clone();
        move |request| answer(request, answerer.clone(), ending.clone())
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let mut socket = connection.into_parts().io.into_inner();
    let ending = ending.lock().unwrap_or_else(PoisonError::into_inner).take();
    match ending {
        None => served.map_err(io::Error::other),
        Some(Ending::Reset) => socket.set_zero_linger(),
        Some(Ending::Cut(bytes)) => {
            socket.write_all(&bytes).await?;
            socket.shutdown().await
        }
    }
}

fn answer(
    request: Request<Incoming>,
    answerer: Answerer,
    ending: Arc<Mutex<Option<Ending>>>,
) -> BoxFuture<'static, Result<Response<Body>, Unsound>> {
    Box::pin(async move {
        let last = match read_whole(request).await? {
            Err(too_large) => return Ok(too_large),
            Ok(request) => match answerer(request).await {
                Reply::Sound(response) => return Ok(response),
                Reply::Cut(bytes) => Ending::Cut(bytes),
                Reply::Reset => Ending::Reset,
            },
        };
        *ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Err(Unsound)
    })
}

/// The request with its whole body, or the answer to one that is too large.
async fn read_whole(
    request: Request<Incoming>,
) -> Result<Result<Request<Bytes>, Response<Body>>, Unsound> {
    let (head, body) = request.into_parts();
    #[expect(clippy::disallowed_methods, reason = "the body is limited right here")]
    let whole = Limited::new(body, REQUEST_BODY_LIMIT).collect();
    match whole.await {
        Ok(body) => Ok(Ok(Request::from_parts(head, body.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut response = Response::new(Body::from("a fake takes at most 32 MiB\n"));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            Ok(Err(response))
        }
        Err(_) => Err(Unsound),
    }
}

/// The head of an answer as bytes. `length` is what it announces, whatever follows.
pub(super) fn raw_head(status: u16, headers: &[(String, String)], length: usize) -> Vec<u8> {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    let own = ["content-length", "transfer-encoding", "connection"];
    for (name, value) in headers {
        if !own.contains(&name.to_ascii_lowercase().as_str()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!(
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    ));
    head.into_bytes()
}

/// `bytes` a byte at a time, slowly.
pub(super) fn dripping(
    bytes: impl Iterator<Item = u8> + Send + 'static,
) -> impl stream::Stream<Item = Result<Bytes, io::Error>> + Send {
    stream::unfold(bytes, async |mut bytes| {
        let byte = bytes.next()?;
        tokio::time::sleep(DRIP_PAUSE).await;
        Some((Ok(Bytes::copy_from_slice(&[byte])), bytes))
    })
}
