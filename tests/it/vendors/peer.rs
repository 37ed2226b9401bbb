//! A vendor of raw sockets, that does what no well-behaved server would.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::PATIENCE;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// The head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What the vendor does about a request.
pub(crate) enum Act {
    /// Sends these bytes and waits for another request.
    Say(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SayAndClose(Vec<u8>),
    /// Never answers.
    Hang,
    /// A byte now and then, for ever.
    Drip,
    /// A whole answer of so many bytes.
    Flood(usize),
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(
        format!("HTTP/1.1 {status} Word\r\n{headers}content-length: {length}\r\n\r\n{body}")
            .into_bytes(),
    )
}

/// Closes the connection without a word.
pub(crate) fn close() -> Act {
    Act::SayAndClose(Vec::new())
}

type Script = Arc<dyn Fn(&Asked) -> Act + Send + Sync>;

/// The vendor.
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    flooded: Arc<Mutex<usize>>,
    connections: Arc<Mutex<usize>>,
    _runs: tokio_util::task::AbortOnDropHandle<()>,
}

impl Peer {
    /// Starts one that follows `script`.
    pub(crate) async fn start(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::over(None, script).await
    }

    /// Starts one that speaks TLS.
    pub(crate) async fn tls(acceptor: TlsAcceptor) -> Self {
        Self::over(Some(acceptor), |_| answer(200, "", "{}")).await
    }

    async fn over(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (asked, flooded) = (Arc::default(), Arc::default());
        let connections = Arc::new(Mutex::new(0));
        let opened = Arc::clone(&connections);
        let served = Served {
            script: Arc::new(script),
            asked: Arc::clone(&asked),
            flooded: Arc::clone(&flooded),
        };
        let runs = tokio_util::task::AbortOnDropHandle::new(spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *opened.lock().unwrap() += 1;
                let (served, tls) = (served.clone(), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => served.serve(stream).await,
                        // A peer that ends the handshake has asked for nothing.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => served.serve(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        }));
        Self {
            addr,
            asked,
            flooded,
            connections,
            _runs: runs,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests there were below that path.
    pub(crate) fn count(&self, path: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|one| one.path.starts_with(path))
            .count()
    }

    /// Waits until there were so many.
    pub(crate) async fn until_asked(&self, path: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(path) < times {
            assert!(
                Instant::now() < deadline,
                "{} of {times} asked",
                self.count(path)
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// How much of a flood was taken.
    pub(crate) fn flooded(&self) -> usize {
        *self.flooded.lock().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "it ends with its test")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(work)
}

#[derive(Clone)]
struct Served {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
    flooded: Arc<Mutex<usize>>,
}

impl Served {
    /// Serves one connection; `None` when it is over.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) -> Option<()> {
        loop {
            let asked = request(&mut stream).await?;
            let act = (self.script)(&asked);
            self.asked.lock().unwrap().push(asked);
            match act {
                Act::Say(bytes) => stream.write_all(&bytes).await.ok()?,
                Act::SayAndClose(bytes) => {
                    stream.write_all(&bytes).await.ok()?;
                    stream.shutdown().await.ok()?;
                    return None;
                }
                Act::Hang => std::future::pending().await,
                Act::Drip => self.drip(&mut stream).await?,
                Act::Flood(size) => self.flood(&mut stream, size).await?,
            }
        }
    }

    async fn drip<S: AsyncWrite + Unpin>(&self, stream: &mut S) -> Option<()> {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        stream.write_all(head).await.ok()?;
        loop {
            stream.write_all(b" ").await.ok()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn flood<S: AsyncWrite + Unpin>(&self, stream: &mut S, size: usize) -> Option<()> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        let chunk = [b' '; 16 * 1024];
        let mut left = size;
        while left > 0 {
            let sent = stream.write(&chunk[..left.min(chunk.len())]).await.ok()?;
            left -= sent;
            *self.flooded.lock().unwrap() += sent;
        }
        Some(())
    }
}

/// Reads one request with its body.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Some(Asked { path, head, body })
}
