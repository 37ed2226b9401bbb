//! What is due is claimed by one worker at a time, and comes back when its lease has run out.

use std::collections::BTreeSet;
use std::future::Future;

use cleargate::store::StoreError;

use super::*;
use crate::support::on_both_databases;

/// Rows that two claimers share out.
const ROWS: i64 = 60;
/// Rows that one claim takes at most.
const MOST: i64 = 7;

on_both_databases! {
    async fn two_claimers_never_get_the_same_order(database) {
        let base = Base::on(database).await;
        for name in names() {
            due_order(&base, &name, Some(NOW), None).await;
        }
        let claim = |store: Store| async move { ids(store.claim_due_orders("t", NOW, NOW + 1, MOST).await) };
        shared_out(&base, claim).await;
    }

    async fn two_claimers_never_get_the_same_look(database) {
        let base = Base::on(database).await;
        for name in names() {
            due_order(&base, &name, None, Some(NOW)).await;
        }
        let claim = |store: Store| async move { ids(store.claim_looks(NOW, NOW + 1, MOST).await) };
        shared_out(&base, claim).await;
    }

    async fn two_claimers_never_get_the_same_callback(database) {
        let base = Base::on(database).await;
        for name in names() {
            base.store.insert_callback(&name, "con_1", &name, b"body", NOW).await.expect("the database works");
        }
        let claim = |store: Store| async move {
            let rows = store.claim_callbacks(NOW, NOW + 1, MOST).await.expect("the database works");
            rows.into_iter().map(|row| row.id).collect()
        };
        shared_out(&base, claim).await;
    }

    async fn two_claimers_never_get_the_same_lane(database) {
        let base = Base::on(database).await;
        for name in names() {
            let mut order = base.inserted(&name).await;
            base.enqueue(&mut order, &name, NOW).await;
        }
        let claim = |store: Store| async move {
            let token = cleargate::store::new_id("token");
            let lanes = store.claim_lanes(&token, NOW, NOW + 1, MOST).await.expect("the database works");
            lanes
                .into_iter()
                .map(|lane| {
                    assert_eq!((format!("ord_{}", lane.body), &lane.token), (lane.order_id.clone(), &token));
                    lane.order_id
                })
                .collect()
        };
        shared_out(&base, claim).await;
    }

    async fn a_claimed_order_is_due_again_when_its_lease_has_run_out(database) {
        let base = Base::on(database).await;
        due_order(&base, "a", Some(NOW), None).await;
        let claim = |token: &'static str, now| base.store.claim_due_orders(token, now, now + 10, 5);
        assert!(claim("early", NOW - 1).await.expect("the database works").is_empty());
        let claimed = claim("first", NOW).await.expect("the database works").remove(0);
        assert_eq!((claimed.lease_token.as_deref(), claimed.lease_until), (Some("first"), Some(NOW + 10)));
        assert!(claim("second", NOW + 9).await.expect("the database works").is_empty());
        let again = claim("third", NOW + 10).await.expect("the database works").remove(0);
        assert_eq!(again.lease_token.as_deref(), Some("third"));
    }

    async fn whoever_read_an_order_before_it_was_claimed_is_stale(database) {
        let base = Base::on(database).await;
        due_order(&base, "a", Some(NOW), Some(NOW)).await;
        for looks in [false, true] {
            let mut before = base.read(&order("a")).await;
            let mut claimed = if looks {
                base.store.claim_looks(NOW, NOW + 9, 1).await
            } else {
                base.store.claim_due_orders("t", NOW, NOW + 9, 1).await
            }
            .expect("the database works");
            let saved = base.store.save_order(&mut before, &Change::default(), NOW).await;
            assert_eq!(saved.expect("the database works"), Saved::Stale);
            base.save(&mut claimed[0], &Change::default()).await;
        }
    }

    async fn the_earliest_due_are_claimed_first(database) {
        let base = Base::on(database).await;
        for (name, due) in [("b", 20), ("a", 10), ("c", 30), ("never", MUCH_LATER)] {
            due_order(&base, name, Some(due), Some(due)).await;
        }
        let due = ids(base.store.claim_due_orders("t", NOW, NOW + 1, 2).await);
        let looks = ids(base.store.claim_looks(NOW, NOW + 1, 2).await);
        for ids in [due, looks] {
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), ["ord_a", "ord_b"].map(String::from).into());
        }
    }

    async fn a_lease_is_held_by_one(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let holds = async |store: &Store, token, now| {
            store.lease("catalog of con_1", token, now, now + 10).await.expect("the database works")
        };
        assert!(holds(&base.store, "first", NOW).await);
        assert!(!holds(&other, "second", NOW + 9).await);
        assert!(holds(&base.store, "first", NOW + 9).await, "its holder prolongs it");
        assert!(!holds(&other, "second", NOW + 18).await);
        assert!(holds(&other, "second", NOW + 19).await, "it has run out");
        assert!(!holds(&base.store, "first", NOW + 19).await);
        assert!(base.store.lease("another", "first", NOW, NOW + 1).await.expect("the database works"));
    }

    async fn a_lease_that_twenty_want_is_held_by_one(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let holders = futures_util::future::join_all((0..20).map(|number| {
            let store = if number % 2 == 0 { base.store.clone() } else { other.clone() };
            async move { store.lease("l", &number.to_string(), NOW, NOW + 1).await.expect("the database works") }
        }));
        assert_eq!(holders.await.into_iter().filter(|holds| *holds).count(), 1);
    }
}

/// PostgreSQL may run a subquery again for each row it is joined with, and each run would lock more
/// rows. The plans that do so are made likely here.
#[tokio::test]
async fn a_claim_takes_no_more_than_it_asked_for_whatever_the_plan() {
    let base = Base::on(Database::Postgres).await;
    for name in names() {
        let mut order = due_order(&base, &name, Some(NOW), Some(NOW)).await;
        base.enqueue(&mut order, &name, NOW).await;
        let taken = base
            .store
            .insert_callback(&name, "con_1", &name, b"body", NOW);
        taken.await.expect("the database works");
    }
    let off = ["hashjoin", "hashagg", "mergejoin", "sort", "material"];
    let off = off.map(|plan| format!("options[enable_{plan}]=off"));
    let options = StoreOptions {
        url: format!("{}?{}", base.options.url, off.join("&")),
        ..base.options.clone()
    };
    let store = Store::open(&options).await.expect("the database opens");
    let due = store.claim_due_orders("t", NOW, NOW + 1, 2).await;
    assert_eq!(due.expect("the database works").len(), 2);
    let looks = store.claim_looks(NOW, NOW + 1, 2).await;
    assert_eq!(looks.expect("the database works").len(), 2);
    let callbacks = store.claim_callbacks(NOW, NOW + 1, 2).await;
    assert_eq!(callbacks.expect("the database works").len(), 2);
    let lanes = store.claim_lanes("t", NOW, NOW + 1, 2).await;
    assert_eq!(lanes.expect("the database works").len(), 2);
}

fn names() -> impl Iterator<Item = String> {
    (0..ROWS).map(|number| number.to_string())
}

fn ids(orders: Result<Vec<Order>, StoreError>) -> Vec<String> {
    let orders = orders.expect("the database works");
    orders.into_iter().map(|order| order.id).collect()
}

async fn due_order(
    base: &Base,
    name: &str,
    due_at: Option<Millis>,
    look_at: Option<Millis>,
) -> Order {
    let order = Order {
        due_at,
        look_at,
        ..order(name)
    };
    let placed = base
        .store
        .insert_order(&order, &Change::default(), NOW)
        .await;
    assert!(matches!(placed, Ok(Placement::Inserted)));
    order
}

/// Two replicas, each with two workers, claim until nothing is due; every row must be claimed once.
async fn shared_out<F>(base: &Base, claim: impl Fn(Store) -> F)
where
    F: Future<Output = Vec<String>>,
{
    let other = base.another().await;
    let claim_all = async |store: Store| {
        let mut all = Vec::new();
        loop {
            let claimed = claim(store.clone()).await;
            assert!(len(&claimed) <= MOST, "more than was asked for");
            if claimed.is_empty() {
                return all;
            }
            all.extend(claimed);
        }
    };
    let (a, b, c, d) = tokio::join!(
        claim_all(base.store.clone()),
        claim_all(other.clone()),
        claim_all(base.store.clone()),
        claim_all(other)
    );
    let mut all = [a, b, c, d].concat();
    // A claimer passes over what another one is about to take, so a last round may be needed.
    all.extend(claim_all(base.store.clone()).await);
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((len(&all), distinct.len()), (ROWS, all.len()));
}
