//! One HTTP/1 connection to one judged address.
//!
//! No task stands behind a connection: whoever uses it also drives it. So an attempt that is cut
//! off at its deadline takes its socket with it, at once and whatever state it was in.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// The largest response head, in bytes.
pub(super) const HEAD_LIMIT: usize = 32 * 1024;

/// The most of a response body that is read, in bytes.
pub(super) const BODY_LIMIT: usize = 16 * 1024;

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection on which one request at a time can be sent.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    peer: SocketAddr,
}

/// Opens a TCP connection to `address`, and to nothing else.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.peer_addr()? != address {
        return Err(io::Error::other("the peer is not the address connected to"));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    /// HTTP over the stream as it is.
    pub(super) async fn plain(stream: TcpStream) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        Self::over(stream, peer).await
    }

    /// HTTP over TLS; the certificate must be `server`'s.
    pub(super) async fn tls(
        stream: TcpStream,
        server: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        let stream = TlsConnector::from(config).connect(server, stream).await?;
        Self::over(stream, peer).await
    }

    async fn over<S>(stream: S, peer: SocketAddr) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, driver) = Builder::new()
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(2 * HEAD_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            peer,
        })
    }

    /// The judged address at the other end.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends `request` and waits for the response head.
    ///
    /// The error hands the request back if no byte of it was sent.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let answer = self.sender.try_send_request(request);
        self.drive(answer).await
    }

    /// Reads `body` to its end, and tells whether it had one within [`BODY_LIMIT`].
    pub(super) async fn drain(&mut self, mut body: Incoming) -> bool {
        let ended = async move {
            let mut left = BODY_LIMIT;
            while let Some(frame) = body.frame().await {
                let length = frame.map(|frame| frame.data_ref().map_or(0, Bytes::len));
                match length.ok().and_then(|length| left.checked_sub(length)) {
                    Some(rest) => left = rest,
                    None => return false,
                }
            }
            true
        };
        self.drive(ended).await
    }

    /// Whether the connection still stands and waits for a request.
    pub(super) fn is_ready(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Runs `work`, which waits for this connection, and the connection beside it.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.advance(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// An error that ends the connection reaches the request or body that waits for it as well.
    fn advance(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            self.driver = None;
        }
    }
}
