//! A peer of the catalog: an axum handler that answers the same bytes and does nothing else, on
//! the same hyper settings. What lies between it and the gateway is what the gateway adds.

use std::io::Write;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Serves a file's bytes and prints where, until the process is killed.
pub(crate) async fn serve(file: &Path) {
    let body = Bytes::from(std::fs::read(file).expect("the bytes to answer"));
    let answer = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/json")], body) }
    };
    let routes = Router::new().route("/v1/packages", get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    std::io::stdout().flush().expect("somebody reads it");
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a TCP socket");
        let service = TowerToHyperService::new(routes.clone());
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        let serving = http.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move { drop(serving.await) });
    }
}
