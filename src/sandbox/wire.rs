//! A client for tests that shows what really came over the wire.

#![expect(
    clippy::disallowed_methods,
    reason = "a test believes the fakes it started"
)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing here takes this long unless it is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long silence is listened to.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

/// Any free port of this machine.
pub(super) fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A connection on which `path` has been asked for.
pub(super) async fn ask(base_url: &str, path: &str) -> TcpStream {
    let addr = base_url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: fake\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Everything until the connection is closed.
pub(super) async fn read_to_end(socket: &mut TcpStream) -> io::Result<String> {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut all));
    read.await.expect("the connection is closed in the end")?;
    Ok(String::from_utf8(all).unwrap())
}

/// Reads until what came ends with `end`; tells how many reads that took.
pub(super) async fn read_until(socket: &mut TcpStream, end: &str) -> (String, usize) {
    let (mut all, mut reads) = (String::new(), 0);
    while !all.ends_with(end) {
        let mut piece = [0; 1024];
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut piece));
        let n = read.await.expect("more comes").unwrap();
        assert!(n > 0, "the connection was closed after {all:?}");
        all.push_str(std::str::from_utf8(&piece[..n]).unwrap());
        reads += 1;
    }
    (all, reads)
}

/// Whether nothing comes and the connection stays open.
pub(super) async fn is_silent(socket: &mut TcpStream) -> bool {
    let read = socket.read_u8();
    tokio::time::timeout(SILENCE, read).await.is_err()
}

/// A GET, its status and its body as JSON.
pub(super) async fn get(url: String) -> (StatusCode, Value) {
    let response = reqwest::get(url).await.unwrap();
    (response.status(), json(response).await)
}

/// A POST, its status and the answer's body as JSON.
pub(super) async fn post(url: String, body: &str) -> (StatusCode, Value) {
    let request = reqwest::Client::new().post(url).body(body.to_owned());
    let response = request.send().await.unwrap();
    (response.status(), json(response).await)
}

async fn json(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
