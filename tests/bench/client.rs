//! An HTTP client that keeps its connections and adds next to nothing to what it measures.

use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::serving::whole;

/// Sends to one address.
pub(crate) struct Client {
    to: SocketAddr,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    connections: TaskTracker,
}

impl Client {
    pub(crate) fn new(to: SocketAddr) -> Self {
        Self {
            to,
            idle: Mutex::default(),
            connections: TaskTracker::new(),
        }
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        let mut request = request;
        loop {
            let mut connection = self.connection().await;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let body = whole(body).await.expect("the answer is whole");
                    self.idle().push(connection);
                    return (head.status, body);
                }
                // The gateway closed an idle connection at this very moment.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => panic!("the gateway answers: {}", error.error()),
                },
            }
        }
    }

    /// GET without credentials.
    pub(crate) async fn get(&self, path: &str) -> String {
        let request = Request::get(path)
            .header("host", "bench")
            .body(Full::default());
        let (status, body) = self.send(request.expect("a plain request")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        String::from_utf8(body.to_vec()).expect("text")
    }

    /// The connection that was used last, so that no more are open than are needed.
    async fn connection(&self) -> SendRequest<Full<Bytes>> {
        loop {
            let Some(mut idle) = self.idle().pop() else {
                break;
            };
            if idle.ready().await.is_ok() {
                return idle;
            }
        }
        let stream = TcpStream::connect(self.to).await;
        let stream = stream.expect("the gateway takes connections");
        stream.set_nodelay(true).expect("a TCP socket");
        let (connection, driver) = handshake(TokioIo::new(stream))
            .await
            .expect("a new connection");
        // It ends when the gateway closes an idle connection, which is no failure.
        self.connections.spawn(async move { drop(driver.await) });
        connection
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().expect("nobody panics with it")
    }
}
