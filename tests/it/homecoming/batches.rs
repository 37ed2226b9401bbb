//! A vendor that shows many orders in one answer is asked for many at once, and each of them is
//! brought home as if it had been asked for alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::contract::Method;
use adapters::vocabulary::{Outcome, Progress, Standing, TheirRef};
use adapters::{
    Context, Effect, Fault, FetchMany, Found, Memo, Piece, Reply, Request, Translate, Turn, Unfit,
};
use cleargate::app::Setup;
use cleargate::config::Rate;
use cleargate::domain::contact::ContactKind;
use cleargate::domain::order::Waiting;
use cleargate::startup::caller;
use cleargate::vendors::Registry;
use serde_json::{Value, json};

use crate::support::{Database, Plan, World, on_both_databases};
use crate::vendors::peer::{Peer, answer, close};

/// The operation by hand: ids out, a list of orders with status words in.
struct Batch;

impl Translate<FetchMany> for Batch {
    fn encode(&self, op: &FetchMany, _: &Memo, _: &Context<'_>) -> Result<Request, Unfit> {
        let ids: Vec<&str> = op.theirs.iter().map(|theirs| theirs.0.as_str()).collect();
        Ok(Request {
            step: "many".to_owned(),
            method: Method::Post,
            path: "/many".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            mime: Some("application/json".to_owned()),
            body: vec![Piece::text(json!({"ids": ids}).to_string())],
            effect: Effect::Read,
        })
    }

    fn decode(
        &self,
        _: &FetchMany,
        _: &Memo,
        _: &Context<'_>,
        reply: &Reply,
    ) -> Result<Turn<Vec<(TheirRef, Found)>>, Fault> {
        let unclear = || Fault::Unclear("no list of orders".to_owned());
        let body: Value = serde_json::from_slice(&reply.body).map_err(|_| unclear())?;
        let orders = body["orders"].as_array().ok_or_else(unclear)?;
        Ok(Turn::Done(orders.iter().filter_map(seen).collect()))
    }
}

fn seen(order: &Value) -> Option<(TheirRef, Found)> {
    let asked = TheirRef(order["id"].as_str()?.to_owned());
    let named = TheirRef(order["is"].as_str().unwrap_or(&asked.0).to_owned());
    let standing = match order["status"].as_str()? {
        "running" => Some(Standing::InProgress),
        "passed" => Some(Standing::Complete(Outcome::Pass)),
        _ => None,
    };
    Some((asked, Found::One(Progress::new(named, standing))))
}

/// What the vendor says of each id that it is asked for, where that is not "passed": a list of
/// entries, none for an order it does not show.
type Says = Arc<Mutex<Vec<(&'static str, Vec<Value>)>>>;

/// A vendor of batches.
async fn vendor() -> (Peer, Says) {
    let says = Says::default();
    let script = Arc::clone(&says);
    let peer = Peer::start(move |asked| {
        let body: Value = serde_json::from_str(&asked.body).expect("a list of ids");
        let says = script.lock().unwrap();
        let entries = body["ids"].as_array().unwrap().iter().flat_map(|id| {
            let said = says.iter().find(|(about, _)| *about == *id);
            said.map_or_else(
                || vec![json!({"id": id, "status": "passed"})],
                |(_, entries)| entries.clone(),
            )
        });
        let orders: Vec<Value> = entries.collect();
        answer(200, "", &json!({"orders": orders}).to_string())
    })
    .await;
    (peer, says)
}

/// A gateway with so many orders, at a vendor whose batches come from `peer`.
async fn with_orders(database: Database, count: usize, rate: Option<Rate>, peer: &Peer) -> World {
    let (plan, _bag) = Plan::sandbox_by_hand(database);
    let world = plan.start().await;
    for number in 1..=count {
        world.placed_as(&format!("check-{number}")).await;
    }
    shows_many(&world, rate).await;
    world.vendor_is_at(&peer.url()).await;
    world
}

/// Gives the sandbox batches in the place of single looks.
async fn shows_many(world: &World, rate: Option<Rate>) {
    let setup = world.app().setup();
    let mut sandbox = setup.vendors.get("sandbox").unwrap().as_ref().clone();
    sandbox.fetch = None;
    sandbox.fetch_many = Some(Arc::new(Batch));
    let mut settings = world.settings.clone();
    settings.vendors.calls.rate = rate;
    let vendors: Registry = [Arc::new(sandbox)].into_iter().collect();
    let caller = caller(
        &settings,
        &vendors,
        &world.clock,
        &world.app().cache,
        &setup.keys,
    )
    .unwrap();
    let setup = Setup {
        vendors,
        caller,
        ..Setup::clone(&setup)
    };
    world.app().replace_setup(setup).await.unwrap();
}

/// How many orders each call asked for.
fn batches(peer: &Peer) -> Vec<usize> {
    let asked = peer.asked().into_iter().map(|asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        body["ids"].as_array().unwrap().len()
    });
    asked.collect()
}

async fn stage_of(world: &World, number: usize) -> String {
    let order = world.stored(&format!("check-{number}")).await;
    order.stage.as_str().to_owned()
}

/// Outcome and reason of the last look at an order.
async fn last_look(world: &World, number: usize) -> (String, String) {
    let order = world.stored(&format!("check-{number}")).await;
    let contacts = world.app().store.contacts(&order.id).await.unwrap();
    let looks = contacts
        .into_iter()
        .filter(|it| it.kind == ContactKind::Look);
    let look = looks.max_by_key(|look| look.number).expect("a look");
    (look.outcome, look.detail)
}

on_both_databases! {
    async fn orders_that_are_due_are_asked_for_in_one_call(database) {
        let (peer, _) = vendor().await;
        let world = with_orders(database, 12, None, &peer).await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(batches(&peer), [12]);
        let mut told: Vec<_> = world.webhooks().iter().map(|it| it["background_check_id"].clone()).collect();
        told.sort_by_key(ToString::to_string);
        told.dedup();
        assert_eq!(told.len(), 12);
        assert!(world.told_ats().iter().all(|told| *told == ("complete".into(), "Pass".into())));
        assert_eq!(last_look(&world, 7).await, ("moved".into(), "complete (pass)".into()));
    }

    async fn orders_that_soon_would_be_are_asked_for_along_with_them(database) {
        let (peer, _) = vendor().await;
        let world = with_orders(database, 2, None, &peer).await;
        world.execute("UPDATE orders SET look_at = look_at + 30000 WHERE background_check_id = 'check-2'").await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(batches(&peer), [2]);
    }

    async fn a_hundred_at_most_go_into_one_call(database) {
        let (peer, _) = vendor().await;
        let world = with_orders(database, 103, None, &peer).await;
        world.pass(Duration::from_secs(3)).await;
        let mut sizes = batches(&peer);
        sizes.sort_unstable();
        assert_eq!(sizes, [3, 100]);
        for number in 1..=103 {
            assert_eq!(stage_of(&world, number).await, "complete", "{number}");
        }
    }

    async fn an_order_that_is_not_in_the_answer_stays_as_it_is(database) {
        let (peer, says) = vendor().await;
        says.lock().unwrap().push(("sbx_00000002", vec![]));
        let world = with_orders(database, 3, None, &peer).await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(stage_of(&world, 1).await, "complete");
        assert_eq!(stage_of(&world, 2).await, "invited");
        assert_eq!(last_look(&world, 2).await, ("not_seen".into(), "the vendor does not show the order".into()));
        says.lock().unwrap().clear();
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(stage_of(&world, 2).await, "complete", "it is asked for again");
        assert_eq!(batches(&peer), [3, 1]);
    }

    async fn one_bad_entry_does_not_spoil_the_others(database) {
        let (peer, says) = vendor().await;
        says.lock().unwrap().extend([
            ("sbx_00000001", vec![json!({"id": "sbx_00000001", "status": 7})]),
            ("sbx_00000002", vec![json!({"id": "sbx_00000002", "is": "sbx_00000005", "status": "passed"})]),
            ("sbx_00000003", vec![
                json!({"id": "sbx_00000003", "status": "passed"}),
                json!({"id": "sbx_00000003", "status": "running"}),
            ]),
            ("sbx_00000004", vec![json!({"id": "sbx_of_nobody", "status": "passed"})]),
        ]);
        let world = with_orders(database, 6, None, &peer).await;
        world.pass(Duration::from_secs(3)).await;
        for (number, outcome) in [(1, "not_seen"), (2, "refused"), (3, "failed"), (4, "not_seen")] {
            assert_eq!(stage_of(&world, number).await, "invited", "{number}");
            assert_eq!(last_look(&world, number).await.0, outcome, "{number}");
        }
        assert_eq!(world.stored("check-2").await.waiting, Some(Waiting::OwnedByAnother));
        for number in [5, 6] {
            assert_eq!(stage_of(&world, number).await, "complete", "{number}");
        }
        assert_eq!(world.told_ats().len(), 2);
    }

    async fn a_batch_without_an_answer_is_made_again(database) {
        let broken = Peer::start(|_| close()).await;
        let world = with_orders(database, 3, None, &broken).await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(last_look(&world, 3).await.0, "failed");
        let (peer, _) = vendor().await;
        world.vendor_is_at(&peer.url()).await;
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(batches(&peer), [3]);
        assert_eq!(stage_of(&world, 3).await, "complete");
    }

    async fn a_batch_is_one_request_of_the_vendors_rate(database) {
        let (peer, _) = vendor().await;
        let two_an_hour = Rate { count: 2, per: Duration::from_secs(3600) };
        let world = with_orders(database, 30, Some(two_an_hour), &peer).await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(batches(&peer), [30]);
        assert_eq!(stage_of(&world, 30).await, "complete");
    }

    async fn a_single_order_is_looked_at_in_a_batch_of_one(database) {
        let (peer, says) = vendor().await;
        says.lock().unwrap().push(("sbx_00000001", vec![json!({"id": "sbx_00000001", "status": "running"})]));
        let world = with_orders(database, 1, None, &peer).await;
        let order = world.stored("check-1").await;
        world.app().clone().look(order).await.unwrap();
        assert_eq!(stage_of(&world, 1).await, "in_progress");
        assert_eq!(batches(&peer), [1]);
    }
}
