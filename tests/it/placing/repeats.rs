//! The same order again: whoever asks twice has ordered once.

use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::domain::order::Stage;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::stage::with;
use crate::support::{Plan, on_both_databases};

/// A vendor that was busy is left alone for as long as it asks, which is never longer.
const PAUSE: Duration = Duration::from_secs(3601);
/// Every vendor here remembers an idempotency key for longer than this, and for less than twice as long.
const MOST_OF_A_KEYS_LIFE: Duration = Duration::from_secs(15 * 3600);

on_both_databases! {
    async fn the_same_order_again_is_answered_as_before(database) {
        let world = Plan::sandbox(database).start().await;
        let first = world.tenant().place(&world.order()).await;
        first.taken("invited");
        for same in written_differently(&world.order()) {
            let again = world.tenant().post("/v1/orders", same.clone()).await;
            assert_eq!((again.status, &again.body), (201, &first.body), "{same}");
        }
        world.is_placed_once("asked for again").await;
    }

    async fn the_same_order_again_is_answered_with_the_truth_by_now(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.vendor_says(&order.our_ref.0, "complete", Some("pass")).await;
        world.settle().await;
        world.tenant().place(&world.order()).await.taken("complete");
        assert_eq!(world.vendor_orders().len(), 1);
    }

    async fn thirty_at_once_are_one_order_and_thirty_201s(database) {
        let world = Plan::sandbox(database).start().await;
        let (tenant, order) = (world.tenant(), world.order());
        let answers = join_all((0..30).map(|_| tenant.place(&order))).await;
        for answer in &answers {
            assert_eq!(answer.status, 201, "{}", answer.body);
            assert_eq!(answer.body["tracking_id"], answers[0].body["tracking_id"]);
        }
        world.is_placed_once("thirty at once").await;
        assert_eq!(world.posts("/orders").len(), 1);
    }

    async fn other_content_under_a_known_id_is_a_conflict(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        for (pointer, other) in [
            ("/package_id", "PKG002"),
            ("/applicant/last_name", "Deere"),
            ("/webhook_url", &*world.ats.url("/elsewhere")),
            ("/job/id", ""),
        ] {
            let order = with(world.order(), pointer, other.into());
            let answer = world.tenant().place(&order).await;
            answer.refused(409, "order_conflict", Some("background_check_id"));
        }
        world.is_placed_once("other content").await;
    }

    async fn a_new_id_is_a_new_order_also_for_the_same_applicant(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        world.tenant().place(&world.order_numbered("224467")).await.taken("invited");
        assert_eq!(world.vendor_orders().len(), 2);
    }

    async fn after_a_422_the_id_starts_anew_under_a_new_reference(database) {
        let world = Plan::checkr(database).start().await;
        let bad = with(world.order(), "/applicant/email", "john@mailhost.test".into());
        world.tenant().place(&bad).await.refused(422, "vendor_refused", Some("applicant.email"));
        let before = world.stored("224466").await;
        world.tenant().place(&world.order()).await.taken("invited");
        let after = world.stored("224466").await;
        assert_ne!(after.our_ref, before.our_ref);
        assert_eq!((after.tracking_id, after.generation), (before.tracking_id, 2));
        assert_eq!(world.keys("/candidates").len(), 2, "a refusal may be stored under the key");
        world.is_placed_once("after a 422").await;
    }

    async fn after_a_422_the_same_content_may_be_asked_for_again(database) {
        let world = Plan::sandbox(database).start().await;
        for _ in 0..3 {
            world.tenant().place(&world.order_for("Refused")).await.refused(422, "vendor_refused", None);
        }
        assert_eq!(world.keys("/orders").len(), 3);
        assert_eq!(world.stored("224466").await.generation, 3);
    }

    async fn after_a_503_the_same_order_goes_on_from_where_it_was(database) {
        let world = Plan::checkr(database).start().await;
        for kind in [FaultKind::TooMany, FaultKind::Unauthorized, FaultKind::TooMany] {
            world.fault_placing(kind, "/invitations", 1);
            world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
            assert_eq!(world.stored("224466").await.stage, Stage::Failed);
            world.pass(PAUSE).await;
        }
        world.tenant().place(&world.order()).await.taken("invited");
        assert_eq!(world.posts("/candidates").len(), 1, "the applicant is not created twice");
        assert_eq!(world.posts("/invitations").len(), 4);
        assert_eq!(world.keys("/invitations").len(), 1, "what was not done keeps its key");
        world.is_placed_once("after three 503s").await;
    }

    async fn what_never_left_keeps_its_key(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        world.vendor_is_at("http://127.0.0.1:9").await;
        world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
        world.import_changed(str::to_owned).await;
        world.tenant().place(&world.order()).await.taken("invited");
        let calls = world.app().story(world.stored("224466").await).await.unwrap().calls;
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].key, calls[1].key);
    }

    async fn a_key_is_not_used_again_when_its_vendor_may_have_forgotten_it(database) {
        for (plan, path) in [(Plan::sandbox(database), "/orders"), (Plan::checkr(database), "/invitations")] {
            let world = plan.start().await;
            for keys in [1, 1, 2] {
                world.fault_placing(FaultKind::TooMany, path, 1);
                world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
                assert_eq!(world.keys(path).len(), keys, "{path}: it is as old as its first use");
                world.pass(MOST_OF_A_KEYS_LIFE).await;
            }
            world.tenant().place(&world.order()).await.taken("invited");
            assert_eq!(world.keys(path).len(), 2, "{path}: the second is young");
            world.is_placed_once(path).await;
        }
    }

    async fn what_was_found_absent_is_placed_under_a_new_key_when_it_is_asked_for_again(database) {
        for (plan, path) in [(Plan::sandbox(database), "/orders"), (Plan::checkr(database), "/invitations")] {
            let world = plan.tenant("when_unconfirmed = \"error\"").start().await;
            world.tenant().packages().await;
            world.fault_placing(FaultKind::Reset, path, 0);
            world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
            world.heal();
            let sent = world.posts(path).len();
            world.pass(PAUSE).await;
            assert_eq!(world.stored("224466").await.stage, Stage::Failed, "{path}: its vendor does not have it");
            assert_eq!(world.posts(path).len(), sent, "{path}: nobody was told that it was taken");
            world.tenant().place(&world.order()).await.taken("invited");
            assert_eq!(world.keys(path).len(), 2, "{path}: the first copies may have left something under theirs");
            world.is_placed_once(path).await;
        }
    }

    async fn after_a_503_other_content_starts_anew(database) {
        let world = Plan::checkr(database).start().await;
        world.fault_placing(FaultKind::TooMany, "/invitations", 1);
        world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
        let before = world.stored("224466").await;
        world.pass(PAUSE).await;
        let other = with(world.order(), "/applicant/first_name", "Jane".into());
        world.tenant().place(&other).await.taken("invited");
        assert_ne!(world.stored("224466").await.our_ref, before.our_ref);
        assert_eq!(world.posts("/candidates").len(), 2);
        world.is_placed_once("other content after a 503").await;
        world.tenant().place(&world.order()).await.refused(409, "order_conflict", Some("background_check_id"));
    }

    async fn an_order_asked_for_again_after_a_week_keeps_its_data_until_it_is_placed(database) {
        let world = Plan::sandbox(database).tenant("when_unconfirmed = \"error\"").start().await;
        world.fault_placing(FaultKind::Unavailable, "/orders", 1);
        world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
        world.pass(Duration::from_secs(8 * 24 * 3600)).await;
        world.fault_placing(FaultKind::Reset, "/orders", 3);
        world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
        world.app().erase_old_data().await.unwrap();
        assert!(world.stored("224466").await.sealed_order.is_some());
        world.tenant().place(&world.order()).await.taken("invited");
        world.is_placed_once("after a week").await;
    }

    async fn an_order_whose_caller_hangs_up_is_placed_all_the_same(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        let (tenant, order) = (world.tenant(), world.order());
        tokio::select! {
            answer = tenant.place(&order) => panic!("answered too soon: {}", answer.text),
            () = world.until(async || !world.posts("/orders").is_empty(), "the vendor is asked") => {}
        }
        world.tenant().place(&order).await.taken("invited");
        world.is_placed_once("the caller hung up").await;
    }
}

/// The order in other words that mean the same.
fn written_differently(order: &Value) -> Vec<String> {
    let numbers = with(order.clone(), "/background_check_id", json!(224_466));
    let numbers = with(numbers, "/applicant/zip", json!(12345));
    let unknown = with(order.clone(), "/colour", json!({"of": ["the", 1.5, null]}));
    let nulls = with(order.clone(), "/add_on_package_ids", Value::Null);
    let nulls = with(nulls, "/applicant/middle_name", Value::Null);
    let empty = with(order.clone(), "/add_on_package_ids", json!([]));
    let spread = serde_json::to_string_pretty(order).unwrap();
    let members = order.as_object().unwrap().iter().rev();
    let backwards: Vec<String> = members
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    let backwards = format!("{{{}}}", backwards.join(","));
    let texts = [numbers, unknown, nulls, empty];
    let mut texts: Vec<String> = texts.iter().map(Value::to_string).collect();
    texts.extend([spread, backwards]);
    texts
}
