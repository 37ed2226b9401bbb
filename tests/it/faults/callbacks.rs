//! F10: callbacks as nobody would send them: fifty times at once, in any order, forged, oversized,
//! in pieces, no text, before the order's own answer, and a storm of them.

use std::time::Instant;

use adapters::simulator::FaultKind;
use futures_util::{StreamExt, stream};
use rand::seq::SliceRandom as _;
use reqwest::{Body, Client};
use serde_json::json;

use super::cluster::{LEASES_END, SHORT_LEASES, trial};
use super::form::{either, random};
use crate::support::Database;
use crate::support::homecoming::proof;
use crate::support::trial::gateway::Gateway;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::trial::{Trial, checker};

const ORDERS: usize = 10;
const TIMES: usize = 50;
/// Orders that a storm is about.
const STORMED: usize = 40;
/// Callbacks on their way at once, in a storm.
const AT_ONCE: usize = 64;
/// What a gateway may hold more than before, in KiB, when a storm is over.
const MEMORY: u64 = 48 << 10;

/// The vendor's end of callbacks.
struct Postman<'a> {
    trial: &'a Trial,
    client: Client,
    url: String,
}

impl<'a> Postman<'a> {
    fn of(trial: &'a Trial) -> Self {
        Self {
            trial,
            client: Client::builder().no_proxy().build().unwrap(),
            url: trial.callback_url(),
        }
    }

    /// What the vendor would say of an order that it has, in words of its own or of the test's.
    fn says(&self, event: &str, reference: &str, status: &str, result: Option<&str>) -> Vec<u8> {
        let held = self.trial.vendor.orders();
        let held = held.iter().find(|it| it.reference == reference);
        let order = json!({
            "id": held.expect("it has the order").id, "reference": reference, "status": status,
            "result": result, "report_url": null, "updated_at": "2027-01-15T08:00:00Z",
        });
        json!({"event": event, "order": order})
            .to_string()
            .into_bytes()
    }

    /// Sends a body with the vendor's proof.
    async fn carry(&self, body: &[u8]) -> u16 {
        let secret = self.trial.credential("callback_secret");
        self.send(secret, body, Body::from(body.to_vec())).await
    }

    /// Sends what claims to be `body`, with a proof by that secret.
    async fn send(&self, secret: &str, body: &[u8], sent: Body) -> u16 {
        let now = cleargate::sandbox::wall_clock() / 1000;
        let (name, value) = proof(secret, now, body).remove(0);
        let request = self.client.post(&self.url).header(name, value).body(sent);
        request
            .send()
            .await
            .expect("it is answered")
            .status()
            .as_u16()
    }

    /// The same in pieces, without saying how long it is.
    async fn carry_in_pieces(&self, body: &[u8]) -> u16 {
        let pieces: Vec<_> = body
            .chunks(7)
            .map(|it| Ok::<_, std::io::Error>(it.to_vec()))
            .collect();
        let secret = self.trial.credential("callback_secret");
        self.send(secret, body, Body::wrap_stream(stream::iter(pieces)))
            .await
    }

    /// Tells what is no callback of the vendor's: nothing of it is stored.
    async fn forges(&self, body: &[u8]) {
        let rows = self.trial.count("callbacks").await;
        for secret in ["", "guess"] {
            assert_eq!(
                self.send(secret, body, Body::from(body.to_vec())).await,
                401
            );
        }
        let mut flipped = body.to_vec();
        flipped[9] ^= 1;
        let secret = self.trial.credential("callback_secret");
        assert_eq!(self.send(secret, body, Body::from(flipped)).await, 401);
        let large = vec![b' '; (1 << 20) + 1];
        assert_eq!(self.carry(&large).await, 413);
        assert_eq!(
            self.trial.count("callbacks").await,
            rows,
            "{}",
            self.trial.name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_of_every_bad_kind_are_applied_once_or_not_at_all() {
    let setup = Setup {
        settings: SHORT_LEASES,
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let trial = trial("F10", &setup).await;
    // The test carries what the vendor has to say.
    trial.fault(FaultKind::Mute, "", 0);
    let gateway = trial.serve(None).await;
    let postman = Postman::of(&trial);
    early(&trial, &postman).await;
    let mut bag = Vec::new();
    for number in 0..ORDERS {
        let id = number.to_string();
        assert_eq!(trial.place(&trial.order(&id, "John")).await, Some(201));
        let reference = trial.stored(&id).await.unwrap().our_ref.0;
        for (status, result) in [
            ("in_progress", None),
            ("on_hold", None),
            ("complete", Some("fail")),
        ] {
            trial.vendor.advance(&reference, status, result);
            bag.push(postman.says("evt_by_hand", &reference, status, result));
        }
    }
    bag.shuffle(&mut random(1));
    postman.forges(&bag[0]).await;
    let many = stream::iter(bag.iter().flat_map(|body| [body; TIMES / ORDERS]));
    let answers = many.map(|body| postman.carry(body)).buffer_unordered(TIMES);
    let mut answers: Vec<u16> = answers.collect().await;
    answers.push(postman.carry_in_pieces(&bag[1]).await);
    assert!(
        answers.iter().all(|status| *status == 200),
        "{}: {answers:?}",
        trial.name
    );
    // Taken in, and kept for somebody to look at.
    for body in [&b"\xff\xfe\x00"[..], b"{}", b"<xml/>"] {
        assert_eq!(postman.carry(body).await, 200);
    }
    trial.until_over().await;
    let parked = "callbacks WHERE state = 'parked'";
    let all_parked = async || trial.count(parked).await == 3;
    trial
        .until("what makes no sense is parked", all_parked)
        .await;
    trial
        .sql("UPDATE callbacks SET state = 'settled', due_at = NULL WHERE state = 'parked'")
        .await;
    storm(&trial, &postman, &gateway).await;
    checker::check(&trial, 0).await;
}

/// The vendor calls back before it answers the placing, which it never does.
async fn early(trial: &Trial, postman: &Postman<'_>) {
    trial.fault(FaultKind::ActAndHang, "/orders", 0);
    let order = trial.order("early", "John");
    let (status, ()) = tokio::join!(trial.place(&order), async {
        let held = async || !trial.vendor.orders().is_empty();
        trial.until("the vendor has the order", held).await;
        let reference = trial.vendor.orders()[0].reference.clone();
        trial.vendor.advance(&reference, "complete", Some("pass"));
        let body = postman.says("evt_early", &reference, "complete", Some("pass"));
        assert_eq!(postman.carry(&body).await, 200);
    });
    assert_eq!(status, Some(201), "{}", trial.name);
    trial.fault(FaultKind::None, "", 0);
    trial.fault(FaultKind::Mute, "", 0);
}

/// Callbacks as fast as they are taken: all have their row, none changes anything twice, and when it
/// is over nothing is held that was not before.
async fn storm(trial: &Trial, postman: &Postman<'_>, gateway: &Gateway) {
    let mut references = Vec::new();
    for number in 0..STORMED {
        let id = format!("storm-{number}");
        assert_eq!(trial.place(&trial.order(&id, "John")).await, Some(201));
        let reference = trial.stored(&id).await.unwrap().our_ref.0;
        trial.vendor.advance(&reference, "in_progress", None);
        references.push(reference);
    }
    let (rows, memory) = (trial.count("callbacks").await, gateway.memory());
    let number = either(1_000, 30_000);
    let bodies: Vec<Vec<u8>> = (0..number)
        .map(|number| {
            let reference = &references[number % STORMED];
            postman.says(
                &format!("evt_storm_{number}"),
                reference,
                "in_progress",
                None,
            )
        })
        .collect();
    let began = Instant::now();
    let answers = stream::iter(&bodies).map(|body| postman.carry(body));
    let answers: Vec<u16> = answers.buffer_unordered(AT_ONCE).collect().await;
    let took = began.elapsed();
    let refused = answers.iter().filter(|status| **status != 200).count();
    assert_eq!(refused, 0, "{}: all are taken", trial.name);
    let settled = async || trial.count("callbacks WHERE state <> 'settled'").await == 0;
    trial
        .until_within(LEASES_END, "the storm is over", settled)
        .await;
    let stored = usize::try_from(trial.count("callbacks").await - rows).unwrap();
    assert_eq!(stored, number, "{}", trial.name);
    for reference in &references {
        trial.vendor.advance(reference, "complete", Some("pass"));
        let body = postman.says("evt_end", reference, "complete", Some("pass"));
        assert_eq!(postman.carry(&body).await, 200);
    }
    trial.until_over().await;
    let held = gateway.memory();
    assert!(
        held < memory + MEMORY,
        "{}: {memory} KiB before, {held} after",
        trial.name
    );
    println!("F10: {number} callbacks in {took:?}");
}
