//! A vendor's reference belongs to one order of a connection, and gaining one wakes the callbacks
//! that were parked for want of it.

use cleargate::domain::callback::CallbackState;
use futures_util::future::join_all;

use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn a_reference_belongs_to_one_order_of_a_connection(database) {
        let base = Base::on(database).await;
        let (mut owner, mut other) = (base.inserted("owner").await, base.inserted("other").await);
        base.save(&mut owner, &gains(&["t"])).await;
        let saved = base.store.save_order(&mut other, &gains(&["t"]), NOW).await;
        assert_eq!(saved.expect("the database works"), Saved::Taken(theirs("t")));
        let found = base.store.order_by_their_ref("con_1", &theirs("t")).await;
        assert_eq!(found.expect("the database works").expect("it is there").id, owner.id);
        assert!(!base.store.owns_reference(&other.id, &theirs("t")).await.expect("the database works"));
    }

    async fn of_twenty_orders_that_gain_a_reference_at_once_one_has_it(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let mut orders = Vec::new();
        for number in 0..20 {
            orders.push(base.inserted(&number.to_string()).await);
        }
        let changes = orders.iter().enumerate().map(|(number, order)| {
            let (store, mut order) = (if number % 2 == 0 { &base.store } else { &other }, order.clone());
            async move {
                // Whoever was overtaken reads and decides again.
                loop {
                    let saved = store.save_order(&mut order, &gains(&["t"]), NOW).await;
                    match saved.expect("the database works") {
                        Saved::Stale => {}
                        Saved::Done => return true,
                        Saved::Taken(taken) => {
                            assert_eq!((taken, order.version), (theirs("t"), 1));
                            return false;
                        }
                    }
                }
            }
        });
        let given = join_all(changes).await;
        assert_eq!(given.iter().filter(|given| **given).count(), 1, "{given:?}");
        let owner = base.store.order_by_their_ref("con_1", &theirs("t")).await;
        let owner = owner.expect("the database works").expect("it is there");
        for (order, given) in orders.iter().zip(given) {
            assert_eq!(order.id == owner.id, given);
            assert_eq!(base.read(order).await.version, 1 + i64::from(given));
        }
    }

    async fn another_connection_may_use_the_same_reference_at_another_vendor_or_address(database) {
        let base = Base::on(database).await;
        let elsewhere = ConnectionRow { base_url: "https://elsewhere.example.com".into(), ..connection("con_2") };
        let saved = save_tenant(&base.store, &tenant("ten_1"), &[elsewhere], None, NOW).await;
        saved.expect("the database works");
        let mut first = base.inserted("first").await;
        base.save(&mut first, &gains(&["t"])).await;
        let mut second = base.inserted("second").await;
        second.connection_id = "con_2".into();
        base.save(&mut second, &gains(&["t"])).await;
        for (connection, order) in [("con_1", first), ("con_2", second)] {
            let found = base.store.order_by_their_ref(connection, &theirs("t")).await;
            assert_eq!(found.expect("the database works").expect("it is there").id, order.id);
        }
    }

    async fn an_order_of_another_account_at_the_same_vendor_is_not_taken(database) {
        let base = Base::on(database).await;
        let mut first = base.inserted("first").await;
        base.save(&mut first, &gains(&["t"])).await;
        let mut second = base.inserted("second").await;
        second.connection_id = "con_2".into();
        let saved = base.store.save_order(&mut second, &gains(&["t"]), NOW).await;
        assert_eq!(saved.expect("the database works"), Saved::Taken(theirs("t")));
        base.save(&mut first, &gains(&["t"])).await;
    }

    async fn an_order_may_have_several_references_and_name_them_again(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.save(&mut order, &gains(&["candidate", "report"])).await;
        base.save(&mut order, &gains(&["report", "invitation", "candidate"])).await;
        for reference in ["candidate", "report", "invitation"] {
            let owned = base.store.owns_reference(&order.id, &theirs(reference)).await;
            assert!(owned.expect("the database works"), "{reference}");
        }
    }

    async fn gaining_a_reference_wakes_parked_callbacks_of_that_connection_only(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        for (id, connection) in [("cbk_1", "con_1"), ("cbk_2", "con_2")] {
            parked(&base, id, connection).await;
        }
        base.save(&mut order, &gains(&["t"])).await;
        let claimed = base.store.claim_callbacks(NOW, NOW + 1, 10).await.expect("the database works");
        let ids: Vec<_> = claimed.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["cbk_1"]);
        assert_eq!(claimed[0].state, CallbackState::New);
    }

    async fn a_reference_that_a_command_gave_wakes_parked_callbacks_of_the_gateway(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        parked(&base, "cbk_1", "con_1").await;
        let command = base.another().await;
        command.save_order(&mut order, &gains(&["t"]), NOW).await.expect("the database works");
        command.close().await;
        let claimed = base.store.claim_callbacks(NOW, NOW + 1, 10).await.expect("the database works");
        assert_eq!(claimed.len(), 1);
    }

    async fn naming_a_reference_again_wakes_nothing(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        base.save(&mut order, &gains(&["t"])).await;
        let none = base.store.claim_callbacks(NOW, NOW + 1, 10).await.expect("the database works");
        assert!(none.is_empty());
        parked(&base, "cbk_1", "con_1").await;
        base.save(&mut order, &gains(&["t"])).await;
        let claimed = base.store.claim_callbacks(NOW, NOW + 1, 10).await.expect("the database works");
        assert!(claimed.is_empty());
    }
}

async fn parked(base: &Base, id: &str, connection: &str) {
    let taken = base
        .store
        .insert_callback(id, connection, id, b"body", NOW)
        .await;
    taken.expect("the database works");
    let parked = base
        .store
        .park_callback(id, "not known", &[], MUCH_LATER)
        .await;
    parked.expect("the database works");
}
