//! We forget the applicant: when the vendor has the order, when the order has ended, and after seven
//! days in any case.

use std::time::Duration;

use crate::support::{Plan, World, on_both_databases};
use adapters::simulator::FaultKind;
use cleargate::domain::order::Waiting;

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// How many sealed texts of the applicant the database holds.
async fn sealed(world: &World) -> usize {
    let orders = "SELECT id FROM orders WHERE sealed_order IS NOT NULL";
    let calls = "SELECT order_id FROM calls WHERE sealed_request IS NOT NULL";
    world.query(orders).await.len() + world.query(calls).await.len()
}

on_both_databases! {
    async fn an_order_that_is_queued_for_a_week_fails_and_is_forgotten(database) {
        let world = Plan::sandbox(database).tenant("when_unavailable = \"queue\"").start().await;
        world.fault(FaultKind::Unavailable, "/orders", 0);
        world.placed().await;
        world.pass(WEEK).await;
        assert_eq!(world.app().erase_old_data().await.unwrap(), 0, "not a moment too early");
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.app().erase_old_data().await.unwrap(), 1);
        world.fault(FaultKind::None, "", 0);
        world.pass(WEEK).await;
        world.expect_told(&[("error", "")]);
        assert_eq!(sealed(&world).await, 0);
        assert!(world.vendor_orders().is_empty());
    }

    async fn an_order_that_is_unconfirmed_for_a_week_is_left_to_a_person_and_forgotten(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault(FaultKind::ActAndReset, "/orders", 0);
        world.placed().await;
        assert_eq!(sealed(&world).await, 2);
        world.clock.advance(WEEK + Duration::from_millis(1));
        assert_eq!(world.app().erase_old_data().await.unwrap(), 1);
        assert_eq!(sealed(&world).await, 0);
        let order = world.stored("224466").await;
        assert_eq!((order.stage.as_str(), order.waiting), ("unconfirmed", Some(Waiting::CannotGoOn)));
        world.expect_told(&[]);
        assert_eq!(world.app().erase_old_data().await.unwrap(), 0, "once is enough");
    }

    async fn a_forgotten_order_still_comes_home_when_its_vendor_calls(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        world.fault(FaultKind::ActAndReset, "/orders", 0);
        world.placed().await;
        world.clock.advance(WEEK + Duration::from_millis(1));
        world.app().erase_old_data().await.unwrap();
        assert!(world.vendor.advance("sbx_00000001", "complete", Some("pass")));
        world.bring(&bag.only()).await;
        world.expect_told(&[("complete", "Pass")]);
        assert_eq!(world.stored("224466").await.waiting, None);
    }

    async fn an_order_under_way_is_not_erased_from_under_its_sender(database) {
        let world = Plan::sandbox(database).start().await;
        let answer = world.place_in_silence(async {
            // Sealed for a week, and just being taken up again.
            world.execute("UPDATE orders SET created_at = created_at - 700000000").await;
            world.app().erase_old_data().await.unwrap();
            assert_eq!(sealed(&world).await, 2);
        }).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
    }

    async fn an_order_that_has_ended_holds_nothing_sealed(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        assert_eq!(sealed(&world).await, 0, "the vendor has it");
        world.vendor_says(&order.our_ref.0, "complete", Some("pass")).await;
        world.settle().await;
        assert_eq!(sealed(&world).await, 0);
        let bodies = world.query("SELECT id FROM callbacks WHERE sealed_body IS NOT NULL").await;
        assert!(bodies.is_empty());
    }

    async fn a_refused_order_holds_nothing_sealed(database) {
        let world = Plan::sandbox(database).start().await;
        let mut order = world.order();
        order["applicant"]["last_name"] = "Refused".into();
        assert_eq!(world.tenant().place(&order).await.status, 422);
        assert_eq!(sealed(&world).await, 0);
        assert_eq!(world.stored("224466").await.stage.as_str(), "refused");
    }
}
