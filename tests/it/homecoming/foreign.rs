//! A vendor that confuses orders: what it says of one order never reaches another one, nor another
//! tenant, and operators are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cleargate::domain::order::{Stage, Waiting};
use cleargate::sandbox::import_file;
use serde_json::json;

use crate::support::homecoming::says;
use crate::support::{Database, Plan, TenantClient, World, import, on_both_databases};
use crate::vendors::peer::{Act, Peer, answer};

const MINUTE: Duration = Duration::from_secs(60);

/// What the vendor answers, whatever it is asked: one order.
#[derive(Clone)]
struct Tongue(Arc<Mutex<String>>);

impl Tongue {
    fn says(&self, id: &str, status: &str) {
        let order = json!({"id": id, "status": status, "result": "pass", "report_url": null});
        *self.0.lock().unwrap() = order.to_string();
    }

    fn answer(&self) -> Act {
        answer(201, "", &self.0.lock().unwrap())
    }
}

/// A gateway with two tenants, `ACCT123` and the one returned, at one vendor; the first has an order
/// that the vendor calls `first`.
async fn two_tenants(database: Database) -> (World, TenantClient, Peer, Tongue) {
    let world = Plan::sandbox(database).start().await;
    world.tenant().packages().await;
    let tongue = Tongue(Arc::default());
    let script = tongue.clone();
    let peer = Peer::start(move |_| script.answer()).await;
    let known = world.vendor.base_url();
    let file = import_file(&world.scene).replace("\"ACCT123\"", "\"ACCT456\"");
    import(world.app(), &file, &world.scene).await;
    let other = world.tenant().with("ACCT456", &world.scene.api_secret);
    other.packages().await;
    import(
        world.app(),
        &file.replace(&known, &peer.url()),
        &world.scene,
    )
    .await;
    world.vendor_is_at(&peer.url()).await;
    tongue.says("first", "invited");
    world.placed().await;
    (world, other, peer, tongue)
}

async fn order_of(world: &World, account: &str) -> cleargate::domain::order::Order {
    let tenant = world.app().tenant_named(account).unwrap();
    world
        .app()
        .tenant_order(&tenant.id, "224466")
        .await
        .unwrap()
}

/// The alarms so far, over all tests; rises by one at least with each.
async fn alarms(world: &World) -> f64 {
    world.metric("orders_foreign_total", "sandbox").await
}

on_both_databases! {
    async fn another_tenants_order_in_the_answer_to_a_placing_is_refused_and_told(database) {
        let (world, other, _peer, _tongue) = two_tenants(database).await;
        let before = alarms(&world).await;
        let taken = other.place(&world.order_of_account("ACCT456")).await;
        assert_eq!((taken.status, &taken.body["stage"]), (201, &"unconfirmed".into()));
        let order = order_of(&world, "ACCT456").await;
        assert_eq!((order.waiting, order.their_ref), (Some(Waiting::OwnedByAnother), None));
        assert!(alarms(&world).await > before);
        assert_eq!(order_of(&world, "ACCT123").await.their_ref.unwrap().0, "first");
    }

    async fn another_tenants_order_in_the_answer_to_a_look_is_refused_and_told(database) {
        let (world, other, _peer, tongue) = two_tenants(database).await;
        tongue.says("second", "invited");
        let taken = other.place(&world.order_of_account("ACCT456")).await;
        assert_eq!(taken.body["stage"], "invited", "{}", taken.text);
        let before = alarms(&world).await;
        tongue.says("first", "complete");
        world.pass(MINUTE).await;
        assert_eq!(order_of(&world, "ACCT123").await.stage, Stage::Complete, "it is its own");
        let order = order_of(&world, "ACCT456").await;
        assert_eq!((order.stage, order.waiting), (Stage::Invited, Some(Waiting::OwnedByAnother)));
        assert_eq!(order.their_ref.unwrap().0, "second");
        assert!(alarms(&world).await > before);
        world.pass(MINUTE).await;
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn another_tenants_order_in_the_answer_to_a_cancel_is_refused_and_told(database) {
        let (world, other, _peer, tongue) = two_tenants(database).await;
        tongue.says("second", "invited");
        other.place(&world.order_of_account("ACCT456")).await.taken("invited");
        let before = alarms(&world).await;
        tongue.says("first", "canceled");
        let answer = other.cancel("224466").await;
        assert_eq!(answer.body["stage"], "invited", "{}", answer.text);
        assert!(alarms(&world).await > before);
    }

    async fn another_tenants_order_in_a_callback_is_refused_and_told(database) {
        let (world, other, _peer, tongue) = two_tenants(database).await;
        *tongue.0.lock().unwrap() = String::new();
        let taken = other.place(&world.order_of_account("ACCT456")).await;
        assert_eq!(taken.body["stage"], "unconfirmed", "{}", taken.text);
        let before = alarms(&world).await;
        let order = order_of(&world, "ACCT456").await;
        let lie = says("first", &order.our_ref.0, "complete", Some("pass"));
        let url = world.app().callback_url(&world.connection_of("ACCT456"));
        assert_eq!(world.send_signed(&url, &lie).await.status, 200);
        world.settle().await;
        assert_eq!(order_of(&world, "ACCT456").await.stage, Stage::Unconfirmed);
        assert!(alarms(&world).await > before);
        let settled = world.callbacks_in("settled").await;
        assert_eq!(settled[0].reason.as_deref(), Some("refused: it names another order's reference"));
    }

    async fn an_order_whose_id_changes_is_followed_and_that_is_told(database) {
        let (world, _other, _peer, tongue) = two_tenants(database).await;
        tongue.says("renumbered", "in_progress");
        world.pass(MINUTE).await;
        let order = world.stored("224466").await;
        assert_eq!((order.stage, order.their_ref.unwrap().0.as_str()), (Stage::InProgress, "renumbered"));
        assert_eq!(world.told("reference").await, ["renumbered, no longer first"]);
        // News under the old id is still of this order.
        let old = says("first", "", "on_hold", None);
        assert_eq!(world.send_signed(&world.callback_url(), &old).await.status, 200);
        world.settle().await;
        assert_eq!(world.stored("224466").await.stage, Stage::OnHold);
    }

    async fn success_with_an_empty_body_is_no_order_and_no_refusal(database) {
        let (world, other, peer, tongue) = two_tenants(database).await;
        *tongue.0.lock().unwrap() = String::new();
        let taken = other.place(&world.order_of_account("ACCT456")).await;
        assert_eq!((taken.status, &taken.body["stage"]), (201, &"unconfirmed".into()));
        assert!(peer.count("/orders") >= 2);
        tongue.says("second", "invited");
        world.pass(MINUTE).await;
        let order = order_of(&world, "ACCT456").await;
        assert_eq!((order.stage, order.their_ref.unwrap().0.as_str()), (Stage::Invited, "second"));
    }
}

impl World {
    /// The ATS's own order for another account.
    fn order_of_account(&self, account: &str) -> serde_json::Value {
        let mut order = self.order();
        order["account_id"] = account.into();
        order
    }
}
