//! Whose certificate is trusted.

use super::*;
use crate::egress::testing::at;

#[tokio::test]
async fn the_certificate_must_be_the_hosts_own() {
    let authority = authority();
    let names = NameServer::start(|_, _| at("127.0.0.1")).await;
    let client = Client {
        client: client(&names, &authority),
        names,
    };
    let right = Receiver::tls(HOST, &authority).await;
    let url = |receiver: &Receiver| format!("https://{HOST}:{}/canary", receiver.port());
    assert_answered(&client.post(&url(&right)).await, 200);
    let wrong = Receiver::tls("other.example.com", &authority).await;
    assert_failed(&client.post(&url(&wrong)).await, FailureKind::Tls);
    let untrusted = Receiver::tls(HOST, &self::authority()).await;
    assert_failed(&client.post(&url(&untrusted)).await, FailureKind::Tls);
    let plain = Receiver::answering("200 OK").await;
    let attempt = client.post_within(SOON, &url(&plain)).await;
    assert!(matches!(attempt, Attempt::Failed(_)), "{attempt:?}");
    for receiver in [wrong, untrusted, plain] {
        assert_eq!(receiver.requests(), [""; 0]);
    }
}

#[test]
fn the_platforms_certificate_authorities_are_found() {
    client::platform_tls().unwrap();
}
