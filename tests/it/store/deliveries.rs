//! The updates of an order reach the ATS one at a time and in their sequence, the newest at last.

use cleargate::domain::delivery::{DeadReason, Next};
use cleargate::store::{Settled, Settlement};

use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn an_update_is_claimed_with_all_that_is_needed_to_send_it(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "{\"status\":\"complete\"}", NOW).await;
        let claimed = base.claim_one("token", NOW, NOW + 10).await;
        assert_eq!((claimed.sequence, claimed.attempt), (1, 1));
        assert_eq!((claimed.order_id, claimed.tenant_id), (order.id.clone(), "ten_1".into()));
        assert_eq!((claimed.body.as_str(), claimed.token.as_str()), ("{\"status\":\"complete\"}", "token"));
        assert_eq!((claimed.webhook_url, claimed.origin.as_str()), (order.webhook_url, "https://ats.example.com"));
    }

    async fn one_update_of_an_order_is_in_flight_at_a_time(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let first = base.claim_one("t1", NOW, NOW + 100).await;
        base.enqueue(&mut order, "2", NOW + 1).await;
        assert!(base.claim("t2", NOW + 99, MUCH_LATER).await.is_empty());
        assert_eq!(settle(&base, &first, Next::Delivered).await, Settled::Followed);
        let second = base.claim_one("t3", NOW, NOW + 100).await;
        assert_eq!((second.body.as_str(), second.sequence, second.attempt), ("2", 2, 1));
        assert_ne!(second.webhook_id, first.webhook_id);
        settle(&base, &second, Next::Delivered).await;
        assert_eq!(base.states(&order).await, ["delivered", "delivered"]);
        assert!(base.claim("t4", MUCH_LATER, MUCH_LATER + 1).await.is_empty());
    }

    async fn a_waiting_update_is_superseded_and_the_one_in_flight_is_not(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        base.enqueue(&mut order, "2", NOW).await;
        assert_eq!(base.states(&order).await, ["superseded", "pending"]);
        let flying = base.claim_one("t1", NOW, NOW + 100).await;
        assert_eq!(flying.body, "2");
        for body in ["3", "4"] {
            base.enqueue(&mut order, body, NOW).await;
        }
        assert_eq!(base.states(&order).await, ["superseded", "pending", "superseded", "pending"]);
        settle(&base, &flying, Next::Delivered).await;
        assert_eq!(base.claim_one("t2", NOW, NOW + 100).await.body, "4");
        assert_eq!(base.states(&order).await, ["superseded", "delivered", "superseded", "pending"]);
    }

    async fn a_newer_update_takes_the_place_of_an_older_one_that_has_failed(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let failed = base.claim_one("t1", NOW, NOW + 100).await;
        base.enqueue(&mut order, "2", NOW).await;
        settle(&base, &failed, Next::Again(NOW + 500)).await;
        assert_eq!(base.states(&order).await, ["superseded", "pending"]);
        assert!(base.claim("t2", NOW + 499, MUCH_LATER).await.is_empty(), "the destination is left alone");
        let next = base.claim_one("t3", NOW + 500, MUCH_LATER).await;
        assert_eq!((next.body.as_str(), next.attempt), ("2", 1));
    }

    async fn a_lane_that_backs_off_is_not_made_due_by_a_newer_update(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let failed = base.claim_one("t1", NOW, NOW + 100).await;
        settle(&base, &failed, Next::Again(NOW + 500)).await;
        base.enqueue(&mut order, "2", NOW).await;
        assert_eq!(base.states(&order).await, ["superseded", "pending"]);
        assert!(base.claim("t2", NOW + 499, MUCH_LATER).await.is_empty());
        let next = base.claim_one("t3", NOW + 500, MUCH_LATER).await;
        assert_eq!((next.body.as_str(), next.attempt), ("2", 1));
    }

    async fn all_attempts_have_the_same_id_and_bytes(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let first = base.claim_one("t1", NOW, NOW + 100).await;
        settle(&base, &first, Next::Again(NOW + 200)).await;
        let second = base.claim_one("t2", NOW + 200, NOW + 300).await;
        assert_eq!((&first.webhook_id, &first.body), (&second.webhook_id, &second.body));
        assert_eq!((second.sequence, second.attempt), (1, 2));
        let attempts = base.store.attempts(&order.id).await.expect("the database works");
        assert_eq!(attempts.len(), 1, "the second is not over");
    }

    async fn an_attempt_whose_lease_ran_out_is_made_again_and_its_late_end_changes_nothing(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let frozen = base.claim_one("t1", NOW, NOW + 100).await;
        let again = base.claim_one("t2", NOW + 100, NOW + 200).await;
        assert_eq!((again.sequence, again.attempt), (1, 2));
        for end in [Next::Delivered, Next::Again(0), Next::Dead(DeadReason::Gone)] {
            assert_eq!(settle(&base, &frozen, end).await, Settled::Late);
        }
        assert_eq!(base.states(&order).await, ["pending"]);
        assert!(base.claim("t3", NOW + 199, MUCH_LATER).await.is_empty(), "the lane is still leased");
        assert_eq!(settle(&base, &again, Next::Delivered).await, Settled::InTime);
        assert_eq!(settle(&base, &frozen, Next::Again(NOW)).await, Settled::Late);
        assert_eq!(base.states(&order).await, ["delivered"]);
        let attempts = base.store.attempts(&order.id).await.expect("the database works");
        let mut late: Vec<_> = attempts.iter().map(|attempt| attempt.late).collect();
        late.sort_unstable();
        assert_eq!(late, [false, true], "the late one is recorded once");
    }

    async fn after_410_the_orders_webhook_is_closed(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let head = base.claim_one("t1", NOW, NOW + 100).await;
        base.enqueue(&mut order, "2", NOW).await;
        settle(&base, &head, Next::Dead(DeadReason::Gone)).await;
        assert_eq!(base.states(&order).await, ["dead gone", "dead gone"]);
        base.enqueue(&mut order, "3", NOW).await;
        assert_eq!(base.states(&order).await, ["dead gone", "dead gone", "dead gone"]);
        assert!(base.claim("t2", MUCH_LATER, MUCH_LATER + 1).await.is_empty());
        let dead = base.store.deliveries_in("dead", 10).await.expect("the database works");
        assert_eq!(dead.len(), 3);
    }

    async fn a_dead_update_makes_room_for_a_newer_one(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let head = base.claim_one("t1", NOW, NOW + 100).await;
        base.enqueue(&mut order, "2", NOW).await;
        settle(&base, &head, Next::Dead(DeadReason::Exhausted)).await;
        let next = base.claim_one("t2", NOW, NOW + 100).await;
        assert_eq!((next.body.as_str(), next.attempt), ("2", 1));
        settle(&base, &next, Next::Dead(DeadReason::TooLarge)).await;
        base.enqueue(&mut order, "3", NOW).await;
        assert_eq!(base.claim_one("t3", NOW, NOW + 100).await.body, "3");
        assert_eq!(base.states(&order).await, ["dead exhausted", "dead too_large", "pending"]);
    }

    async fn only_the_newest_update_is_redelivered(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        let redeliver = async || base.store.redeliver("ord_a", NOW).await.expect("the database works");
        assert!(!redeliver().await, "there is none");
        for body in ["pass", "fail"] {
            base.enqueue(&mut order, body, NOW).await;
            let head = base.claim_one(body, NOW, NOW + 100).await;
            settle(&base, &head, Next::Dead(DeadReason::Exhausted)).await;
        }
        assert!(redeliver().await);
        assert_eq!(base.states(&order).await, ["dead exhausted", "pending"]);
        let head = base.claim_one("t3", NOW, NOW + 100).await;
        assert_eq!((head.body.as_str(), head.attempt), ("fail", 1));
        assert!(!redeliver().await, "it is being sent");
        settle(&base, &head, Next::Delivered).await;
        assert!(!redeliver().await, "the newest was delivered, so the older one stays dead");
        assert_eq!(base.states(&order).await, ["dead exhausted", "delivered"]);
    }

    async fn redelivering_opens_a_closed_webhook(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let head = base.claim_one("t1", NOW, NOW + 100).await;
        settle(&base, &head, Next::Dead(DeadReason::Gone)).await;
        assert!(base.store.redeliver(&order.id, NOW).await.expect("the database works"));
        base.enqueue(&mut order, "2", NOW).await;
        assert_eq!(base.states(&order).await, ["superseded", "pending"]);
        assert_eq!(base.claim_one("t2", NOW, NOW + 100).await.body, "2");
    }

    async fn a_lane_that_a_cap_turned_away_has_used_no_attempt(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let claimed = base.claim_one("t1", NOW, NOW + 100).await;
        base.store.release_lane(&claimed, NOW + 5, NOW).await.expect("the database works");
        assert!(base.claim("t2", NOW + 4, MUCH_LATER).await.is_empty());
        let again = base.claim_one("t3", NOW + 5, NOW + 100).await;
        assert_eq!((again.sequence, again.attempt), (1, 1));
        base.store.release_lane(&claimed, NOW, NOW).await.expect("the database works");
        assert!(base.claim("t4", NOW + 99, MUCH_LATER).await.is_empty(), "a late release frees nothing");
    }

    async fn an_update_that_a_cap_turned_away_is_superseded_by_one_that_came_meanwhile(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let claimed = base.claim_one("t1", NOW, NOW + 100).await;
        base.enqueue(&mut order, "2", NOW).await;
        base.store.release_lane(&claimed, NOW + 5, NOW).await.expect("the database works");
        assert_eq!(base.states(&order).await, ["superseded", "pending"]);
        let next = base.claim_one("t2", NOW + 5, NOW + 100).await;
        assert_eq!((next.body.as_str(), next.attempt), ("2", 1));
    }

    async fn what_is_held_is_in_no_claims_way_until_it_is_called_or_its_time_has_come(database) {
        let base = Base::on(database).await;
        for name in ["a", "b", "c"] {
            let mut order = base.inserted(name).await;
            base.enqueue(&mut order, name, NOW).await;
        }
        let claimed = base.store.claim_lanes("t1", NOW, NOW + 100, 1).await.expect("the database works");
        base.store.hold_lanes(&claimed[0], NOW + 50, NOW).await.expect("the database works");
        assert_eq!(base.claim("t2", NOW + 49, MUCH_LATER).await.len(), 0, "all that goes there is held");
        assert_eq!(call(&base, NOW + 10, 2).await, 2);
        assert_eq!(base.claim("t3", NOW + 9, MUCH_LATER).await.len(), 0);
        let called = base.claim("t4", NOW + 10, MUCH_LATER).await;
        assert_eq!(called.iter().map(|lane| lane.attempt).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(base.claim("t5", NOW + 50, MUCH_LATER).await.len(), 1);
        assert_eq!(call(&base, NOW + 50, 9).await, 0, "they are being sent");
    }

    async fn what_was_called_is_held_again_only_by_whoever_claims_it(database) {
        let base = Base::on(database).await;
        for name in ["a", "b"] {
            let mut order = base.inserted(name).await;
            base.enqueue(&mut order, name, NOW).await;
        }
        let both = base.claim("t1", NOW, NOW + 100).await;
        base.store.hold_lanes(&both[0], NOW + 50, NOW).await.expect("the database works");
        assert_eq!(call(&base, NOW, 1).await, 1);
        base.store.hold_lanes(&both[1], NOW + 50, NOW).await.expect("the database works");
        assert_eq!(base.claim("t2", NOW, MUCH_LATER).await.len(), 1);
    }

    async fn only_what_goes_to_that_destination_is_held_or_called(database) {
        let base = Base::on(database).await;
        for name in ["a", "b"] {
            let mut order = base.inserted(name).await;
            let elsewhere = NewDelivery { origin: format!("https://{name}.example.com"), ..update(name) };
            let change = Change { webhook: Some(elsewhere), ..Change::default() };
            base.save(&mut order, &change).await;
        }
        let mut claimed = base.claim("t1", NOW, NOW + 100).await;
        claimed.sort_by(|one, other| one.body.cmp(&other.body));
        for lane in &claimed {
            base.store.hold_lanes(lane, NOW + 50, NOW).await.expect("the database works");
        }
        let called = base.store.call_lanes("ten_1", "https://b.example.com", NOW, 9).await;
        assert_eq!(called.expect("the database works"), 1);
        assert_eq!(base.claim_one("t2", NOW, MUCH_LATER).await.body, "b");
    }

    async fn a_lane_that_an_older_version_has_settled_is_not_called(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.enqueue(&mut order, "1", NOW).await;
        let claimed = base.claim_one("t1", NOW, NOW + 100).await;
        base.store.hold_lanes(&claimed, NOW + 50, NOW).await.expect("the database works");
        let again = base.claim_one("t2", NOW + 50, NOW + 100).await;
        mark_as_held(&base).await;
        assert_eq!(call(&base, NOW + 60, 9).await, 0, "it is being sent");
        settle(&base, &again, Next::Delivered).await;
        mark_as_held(&base).await;
        assert_eq!(call(&base, NOW + 60, 9).await, 0, "it was delivered");
    }

    async fn the_lanes_of_different_orders_are_independent(database) {
        let base = Base::on(database).await;
        for name in ["a", "b"] {
            let mut order = base.inserted(name).await;
            base.enqueue(&mut order, name, NOW).await;
        }
        let claimed = base.claim("t1", NOW, NOW + 100).await;
        let a = claimed.iter().find(|lane| lane.body == "a").expect("it is due");
        settle(&base, a, Next::Again(NOW + 50)).await;
        assert_eq!(base.claim_one("t2", NOW + 50, MUCH_LATER).await.body, "a");
    }
}

async fn call(base: &Base, at: Millis, most: usize) -> usize {
    let origin = "https://ats.example.com";
    let called = base.store.call_lanes("ten_1", origin, at, most).await;
    called.expect("the database works")
}

/// What is left behind by a version that knows of no holds.
async fn mark_as_held(base: &Base) {
    super::opening::run(base, "UPDATE lanes SET held = 1").await;
}

pub(super) async fn settle(base: &Base, claimed: &Claimed, next: Next) -> Settled {
    let settled = base
        .store
        .settle_attempt(claimed, &settlement(next), NOW)
        .await;
    settled.expect("the database works")
}

pub(super) fn settlement(next: Next) -> Settlement {
    Settlement {
        next,
        outcome: "answered".to_owned(),
        took: 12,
        began_at: NOW,
    }
}
