//! Finding out, when nothing may be sent again, what became of an order that was.

use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::app::waiting::Knowledge;
use cleargate::domain::order::{Stage, Waiting};

use crate::support::{Plan, World, on_both_databases};

/// Longer than any vendor remembers an idempotency key.
const KEYS_ARE_FORGOTTEN: Duration = Duration::from_secs(25 * 3600);

on_both_databases! {
    async fn an_order_that_was_lost_is_found_when_its_key_is_forgotten(database) {
        for (plan, path) in [(Plan::sandbox(database), "/orders"), (Plan::checkr(database), "/invitations")] {
            let world = plan.start().await;
            let sent = world.loses(FaultKind::ActAndReset, path).await;
            world.pass(KEYS_ARE_FORGOTTEN).await;
            world.is_placed_once(path).await;
            assert_eq!(world.posts(path).len(), sent, "it is found, not sent");
            assert_eq!(world.told("found").await.len(), 1);
        }
    }

    async fn an_order_that_is_certainly_not_there_is_placed_again_once_under_a_new_key(database) {
        for (plan, path) in [(Plan::sandbox(database), "/orders"), (Plan::checkr(database), "/invitations")] {
            let world = plan.start().await;
            let sent = world.loses(FaultKind::Reset, path).await;
            world.pass(KEYS_ARE_FORGOTTEN).await;
            world.is_placed_once(path).await;
            assert_eq!(world.posts(path).len(), sent + 1);
            assert_eq!(world.keys(path).len(), 2);
        }
    }

    async fn an_order_that_is_never_answered_and_never_there_is_placed_three_times_and_then_waits(database) {
        for (plan, path) in [(Plan::sandbox(database), "/orders"), (Plan::checkr(database), "/invitations")] {
            let world = plan.setting("ORDERS__KEEP_PERSONAL_DATA", "30d").start().await;
            world.tenant().packages().await;
            world.fault_placing(FaultKind::Reset, path, 0);
            world.tenant().place(&world.order()).await.taken("unconfirmed");
            for times in 1..=3 {
                assert_eq!(world.stored("224466").await.waiting, None, "{path}");
                assert_eq!(world.keys(path).len(), times, "{path}");
                world.pass(KEYS_ARE_FORGOTTEN).await;
            }
            let sent = world.posts(path).len();
            world.pass(KEYS_ARE_FORGOTTEN).await;
            let order = world.stored("224466").await;
            assert_eq!((order.stage, order.waiting), (Stage::Unconfirmed, Some(Waiting::NeverTaken)));
            assert_eq!(world.posts(path).len(), sent, "nothing more is sent");
            assert!(world.webhooks().is_empty(), "it is not said to have failed");
            world.app().resolve_order(order, &Knowledge::PlaceAgain, "somebody").await.unwrap();
            world.settle().await;
            let order = world.stored("224466").await;
            assert_eq!((world.keys(path).len(), order.waiting), (4, None), "a person's word begins anew");
            world.heal();
            world.pass(KEYS_ARE_FORGOTTEN).await;
            world.is_placed_once(path).await;
        }
    }

    async fn an_order_whose_first_step_was_lost_is_placed_when_its_key_is_forgotten(database) {
        for kind in [FaultKind::ActAndReset, FaultKind::Reset] {
            let world = Plan::checkr(database).start().await;
            world.loses(kind, "/candidates").await;
            world.pass(KEYS_ARE_FORGOTTEN).await;
            world.is_placed_once(&format!("{kind:?}")).await;
        }
    }

    async fn an_order_that_a_list_does_not_show_yet_is_not_believed_absent(database) {
        let world = Plan::sandbox(database).tenant("when_unconfirmed = \"error\"").start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 3);
        world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
        world.fault(FaultKind::Invisible, "/orders", 0);
        for _ in 0..4 {
            world.pass(Duration::from_secs(7)).await;
            assert_eq!(world.stored("224466").await.stage, Stage::Unconfirmed);
        }
        world.pass(Duration::from_secs(7)).await;
        world.is_placed_once("invisible for 30 s").await;
    }

    async fn a_look_up_that_fails_proves_nothing(database) {
        let world = Plan::sandbox(database).tenant("when_unconfirmed = \"error\"").start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 3);
        world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
        world.fault(FaultKind::Unavailable, "/orders", 0);
        for _ in 0..3 {
            world.pass(Duration::from_secs(3600)).await;
            assert_eq!(world.stored("224466").await.stage, Stage::Unconfirmed);
        }
        world.heal();
        world.pass(Duration::from_secs(3600)).await;
        world.is_placed_once("look-ups failed for hours").await;
    }

    async fn an_order_that_no_list_can_show_waits_for_a_person(database) {
        let world = Plan::checkr(database).edit("US-CA", "CA-ON").start().await;
        world.fault(FaultKind::Mute, "", 0);
        world.loses(FaultKind::ActAndReset, "/invitations").await;
        world.pass(KEYS_ARE_FORGOTTEN).await;
        world.waits_for_a_person(Waiting::NotSeen).await;
        let status = world.tenant().order("224466").await;
        assert_eq!(status.body["waiting_for_a_person"], true);
        world.tenant().place(&world.order()).await.taken("unconfirmed");
        world.waits_for_a_person(Waiting::NotSeen).await;
    }

    async fn an_order_that_no_list_can_show_is_found_when_its_vendor_calls_back(database) {
        let world = Plan::checkr(database).edit("US-CA", "CA-ON").start().await;
        world.loses(FaultKind::ActAndReset, "/invitations").await;
        world.until(async || world.callbacks_taken().await > 0, "the vendor announces the order").await;
        world.pass(KEYS_ARE_FORGOTTEN).await;
        world.is_placed_once("announced").await;
    }

    async fn two_orders_under_our_reference_wait_for_a_person(database) {
        let world = Plan::sandbox(database).start().await;
        world.loses(FaultKind::ActAndReset, "/orders").await;
        world.somebody_orders_the_same_again().await;
        world.pass(KEYS_ARE_FORGOTTEN).await;
        assert_eq!(world.stored("224466").await.waiting, Some(Waiting::Several));
        assert!(world.webhooks().is_empty());
    }

    async fn an_answer_that_names_the_order_of_another_order_waits_for_a_person(database) {
        let world = Plan::sandbox(database).start().await;
        let first = world.placed().await;
        let forgetful = world.fresh_sandbox();
        world.vendor_is_at(&forgetful.base_url()).await;
        world.tenant().place(&world.order_numbered("224467")).await.taken("unconfirmed");
        assert_eq!(forgetful.orders()[0].id, first.their_ref.clone().unwrap().0);
        assert_eq!(world.stored("224467").await.waiting, Some(Waiting::OwnedByAnother));
        assert_eq!(world.stored("224466").await.their_ref, first.their_ref);
        assert!(world.webhooks().is_empty());
    }
}

impl World {
    /// Places an order that this fault keeps from being confirmed, and heals the vendor. Returns
    /// how many copies of the request were sent.
    async fn loses(&self, kind: FaultKind, path: &str) -> usize {
        self.tenant().packages().await;
        self.fault_placing(kind, path, 0);
        self.tenant()
            .place(&self.order())
            .await
            .taken("unconfirmed");
        self.heal();
        self.posts(path).len()
    }

    async fn waits_for_a_person(&self, why: Waiting) {
        let order = self.stored("224466").await;
        assert_eq!(
            (order.stage, order.waiting),
            (Stage::Unconfirmed, Some(why))
        );
        assert_eq!(self.vendor_orders().len(), 1);
        assert!(self.webhooks().is_empty());
    }

    /// Sends the last placing to the vendor as it was, but for its key.
    async fn somebody_orders_the_same_again(&self) {
        let sent = self.posts("/orders").pop().unwrap();
        let bearer = sent.header("authorization").unwrap().to_owned();
        let url = format!("{}/orders", self.vendor.base_url());
        let nobody = self.tenant().anonymous();
        let again = nobody.raw(http::Method::POST, &url, |request| {
            let request = request.header("authorization", bearer);
            let request = request.header("idempotency-key", "another");
            request.body(sent.body)
        });
        assert_eq!(again.await.status, 201);
    }
}
