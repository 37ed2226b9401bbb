//! What a webhook looks like on the wire.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cleargate::sandbox::{Answer, Received};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::{NOON, Plan, World, on_both_databases};

/// Two secrets, as while one replaces the other.
const SECRETS: [&str; 2] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
];

/// A world whose ATS took the update of order `a` at the third attempt.
async fn third_time_lucky(plan: Plan) -> (World, Vec<Received>) {
    let world = plan.start().await;
    world.ats.answer_with(Answer::status(500).times(2));
    world.passed(&["a"]).await;
    world.settle().await;
    world.pass(Duration::from_secs(6)).await;
    world.pass(Duration::from_secs(36)).await;
    let arrived = world.arrivals().of("a").to_vec();
    assert_eq!(arrived.len(), 3);
    (world, arrived)
}

/// The names of the headers that are ours to choose.
fn header_names(webhook: &Received) -> Vec<&str> {
    let names = webhook.headers.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = names.filter(|name| *name != "host").collect();
    names.sort_unstable();
    names
}

/// The signature that a secret makes of a webhook, as Standard Webhooks says.
fn signature(secret: &str, webhook: &Received) -> String {
    let key = BASE64.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
    for part in ["webhook-id", "webhook-timestamp"] {
        mac.update(webhook.header(part).unwrap().as_bytes());
        mac.update(b".");
    }
    mac.update(&webhook.body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

on_both_databases! {
    async fn every_attempt_has_the_same_id_and_bytes_and_its_own_time(database) {
        let (world, arrived) = third_time_lucky(Plan::sandbox(database)).await;
        let seconds = [0, 6, 42].map(|after| (NOON / 1_000 + after).to_string());
        for (webhook, time) in arrived.iter().zip(seconds) {
            assert_eq!(webhook.method, "POST");
            assert_eq!(webhook.header("webhook-timestamp"), Some(time.as_str()));
        }
        world.check_deliveries(&["a"]).await;
    }

    async fn the_body_is_the_payload_of_the_ats_and_nothing_more(database) {
        let (world, arrived) = third_time_lucky(Plan::sandbox(database)).await;
        let body: serde_json::Value = serde_json::from_slice(&arrived[0].body).unwrap();
        let link = body["result_link_url"].as_str().unwrap();
        assert_eq!(world.tenant().anonymous().get(link).await.status, 200);
        let expected = serde_json::json!({
            "background_check_id": "a", "status": "complete", "result": "Pass", "result_link_url": link,
        });
        assert_eq!(body, expected);
    }

    async fn nothing_is_signed_and_no_password_is_sent_where_nobody_asked_for_it(database) {
        let (_world, arrived) = third_time_lucky(Plan::sandbox(database)).await;
        let names = ["content-length", "content-type", "webhook-id", "webhook-timestamp"];
        assert_eq!(header_names(&arrived[0]), names);
        assert_eq!(arrived[0].header("content-type"), Some("application/json"));
    }

    async fn every_live_secret_signs_every_attempt(database) {
        let secrets = format!("signing_secret = \"text:{}\"", SECRETS.join(" "));
        let (_world, arrived) = third_time_lucky(Plan::sandbox(database).webhook(&secrets)).await;
        for webhook in &arrived {
            let expected = SECRETS.map(|secret| signature(secret, webhook)).join(" ");
            assert_eq!(webhook.header("webhook-signature"), Some(expected.as_str()));
        }
    }

    async fn the_tenants_own_pair_is_sent_where_it_asked_for_it(database) {
        let (world, arrived) = third_time_lucky(Plan::sandbox(database).webhook("basic = true")).await;
        let pair = BASE64.encode(format!("ACCT123:{}", world.scene.api_secret));
        for webhook in &arrived {
            assert_eq!(webhook.header("authorization"), Some(format!("Basic {pair}").as_str()));
        }
    }
}
