//! A callback is taken in once, kept sealed while it is needed, and erased when it is settled.

use cleargate::domain::callback::CallbackRow;
use cleargate::store::Inserted;
use futures_util::future::join_all;

use super::opening::restarted;
use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn a_callback_taken_in_by_fifty_at_once_is_there_once(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let taken = join_all((0..50).map(|number| {
            let store = if number % 2 == 0 { base.store.clone() } else { other.clone() };
            async move {
                let id = format!("cbk_{number}");
                store.insert_callback(&id, "con_1", "digest", b"body", NOW).await.expect("the database works")
            }
        }))
        .await;
        assert_eq!(taken.iter().filter(|taken| **taken == Inserted::New).count(), 1);
        assert!(taken.iter().all(|taken| *taken != Inserted::SettledBefore));
        assert_eq!(rows(&base, "new").await.len(), 1);
    }

    async fn the_same_bytes_are_repeated_while_they_wait_and_a_hint_once_settled(database) {
        let base = Base::on(database).await;
        assert_eq!(take(&base, "cbk_1").await, Inserted::New);
        assert_eq!(take(&base, "cbk_2").await, Inserted::Repeated);
        base.store.park_callback("cbk_1", "not known", &[], MUCH_LATER).await.expect("the database works");
        assert_eq!(take(&base, "cbk_3").await, Inserted::Repeated);
        base.store.settle_callback("cbk_1", "ignored", NOW).await.expect("the database works");
        assert_eq!(take(&base, "cbk_4").await, Inserted::SettledBefore);
        let elsewhere = base.store.insert_callback("cbk_5", "con_2", "digest", b"body", NOW).await;
        assert_eq!(elsewhere.expect("the database works"), Inserted::New);
    }

    async fn settling_erases_the_body_and_is_final(database) {
        let base = Base::on(database).await;
        take(&base, "cbk_1").await;
        base.store.settle_callback("cbk_1", "ignored", NOW + 1).await.expect("the database works");
        base.store.settle_callback("cbk_1", "again", NOW + 2).await.expect("the database works");
        base.store.park_callback("cbk_1", "too late", &[], NOW).await.expect("the database works");
        let settled = rows(&base, "settled").await.remove(0);
        assert_eq!(settled.sealed_body, None);
        assert_eq!((settled.reason.as_deref(), settled.settled_at), (Some("ignored"), Some(NOW + 1)));
        assert!(claim(&base, MUCH_LATER).await.is_empty());
    }

    async fn a_claimed_callback_is_due_again_when_its_worker_has_died(database) {
        let base = Base::on(database).await;
        take(&base, "cbk_1").await;
        assert_eq!(claim(&base, NOW).await[0].sealed_body.as_deref(), Some(&b"body"[..]));
        assert!(claim(&base, NOW + 9).await.is_empty());
        assert_eq!(claim(&base, NOW + 10).await.len(), 1);
    }

    async fn a_parked_callback_is_tried_again_at_its_time_or_when_an_operator_says_so(database) {
        let base = Base::on(database).await;
        take(&base, "cbk_1").await;
        let park = || base.store.park_callback("cbk_1", "not known", &[], NOW + 50);
        park().await.expect("the database works");
        assert_eq!(rows(&base, "parked").await[0].reason.as_deref(), Some("not known"));
        assert!(claim(&base, NOW + 49).await.is_empty());
        assert_eq!(claim(&base, NOW + 50).await.len(), 1);
        for (asked, expected) in [(Some("cbk_2"), 0), (Some("cbk_1"), 1), (None, 1)] {
            park().await.expect("the database works");
            assert_eq!(base.store.retry_parked(asked, NOW).await.expect("the database works"), expected);
            assert_eq!(claim(&base, NOW).await.len(), usize::from(expected == 1));
        }
    }

    async fn a_process_that_begins_to_serve_wakes_what_a_killed_one_had_no_time_for(database) {
        let base = Base::on(database).await;
        take(&base, "cbk_1").await;
        base.store.park_callback("cbk_1", "not known", &[], MUCH_LATER).await.expect("the database works");
        let command = base.another().await;
        assert!(claim(&base, NOW).await.is_empty(), "a command wakes nobody");
        command.close().await;
        base.store.close().await;
        let base = restarted(base).await;
        assert_eq!(claim(&base, NOW).await.len(), 1);
    }

    async fn what_was_parked_for_too_long_is_erased(database) {
        let base = Base::on(database).await;
        for id in ["cbk_1", "cbk_2"] {
            let digest = format!("digest of {id}");
            base.store.insert_callback(id, "con_1", &digest, b"body", NOW).await.expect("the database works");
        }
        base.store.park_callback("cbk_1", "not known", &[], MUCH_LATER).await.expect("the database works");
        assert_eq!(base.store.expire_parked(NOW, NOW).await.expect("the database works"), 0);
        assert_eq!(base.store.expire_parked(NOW + 1, NOW + 2).await.expect("the database works"), 1);
        let expired = rows(&base, "settled").await.remove(0);
        assert_eq!((expired.id.as_str(), expired.reason.as_deref()), ("cbk_1", Some("expired")));
        assert_eq!(expired.sealed_body, None);
        assert_eq!(rows(&base, "new").await.len(), 1, "what is not parked stays");
    }
}

async fn take(base: &Base, id: &str) -> Inserted {
    let taken = base
        .store
        .insert_callback(id, "con_1", "digest", b"body", NOW)
        .await;
    taken.expect("the database works")
}

async fn claim(base: &Base, now: Millis) -> Vec<CallbackRow> {
    let claimed = base.store.claim_callbacks(now, now + 10, 10).await;
    claimed.expect("the database works")
}

async fn rows(base: &Base, state: &str) -> Vec<CallbackRow> {
    let rows = base.store.callbacks_in(state, 100).await;
    rows.expect("the database works")
}
