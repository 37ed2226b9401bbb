//! A small HTTP server for the vendor and the webhook receiver.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What answers a request.
pub(crate) type Answer<S> = fn(&S, &Request<()>, &[u8]) -> Response<Full<Bytes>>;

/// Serves until it is dropped; every request is read whole and answered by a function.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start<S: Send + Sync + 'static>(state: Arc<S>, answer: Answer<S>) -> Self {
        let (addr, accepting) = listen(move |stream| {
            stream.set_nodelay(true).expect("a TCP socket");
            let state = Arc::clone(&state);
            let service = service_fn(move |request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move {
                    let (head, body) = request.into_parts();
                    let body = whole(body).await?;
                    let head = Request::from_parts(head, ());
                    Ok::<_, hyper::Error>(answer(&state, &head, &body))
                }
            });
            let http = hyper::server::conn::http1::Builder::new();
            let serving = http.serve_connection(TokioIo::new(stream), service);
            // How a connection ends is the client's business.
            async move { drop(serving.await) }
        })
        .await;
        Self {
            addr,
            _accepting: accepting,
        }
    }
}

/// Serves every connection to a new port of loopback, until what is returned is dropped.
pub(crate) async fn listen<F>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinSet<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback has a free port");
    let addr = listener.local_addr().expect("it is bound");
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream));
        }
    });
    (addr, accepting)
}

/// A whole body.
#[expect(clippy::disallowed_methods, reason = "both ends are ours")]
pub(crate) async fn whole(body: Incoming) -> hyper::Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

/// An answer with JSON, or with nothing.
pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .expect("a plain answer")
}
