//! An offered id means what it meant when it was first offered, and the last good catalog is kept.

use adapters::vocabulary::{Catalog, Package};
use cleargate::domain::catalog::Offer;
use cleargate::domain::tenant::OfferKind;
use cleargate::store::{OfferRow, StoreError, StoredCatalog};
use tokio::task::JoinSet;

use super::*;
use crate::support::{Database, on_both_databases};

on_both_databases! {
    async fn the_last_good_catalog_takes_the_place_of_the_one_before(database) {
        let base = Base::on(database).await;
        assert!(base.store.catalog("con_1").await.expect("the database works").is_none());
        for (name, fetched_at) in [("Basic", NOW), ("Deluxe", NOW + 1)] {
            let packages = vec![package(name)];
            let stored = StoredCatalog { catalog: Catalog { packages, add_ons: vec![] }, fetched_at };
            base.store.save_catalog("con_1", &stored).await.expect("the database works");
        }
        let kept = base.store.catalog("con_1").await.expect("the database works").expect("it is there");
        assert_eq!((kept.catalog.packages[0].name.as_str(), kept.fetched_at), ("Deluxe", NOW + 1));
        assert!(base.store.catalog("con_2").await.expect("the database works").is_none());
    }

    async fn a_catalog_that_was_fetched_earlier_does_not_take_the_place_of_a_newer_one(database) {
        let base = Base::on(database).await;
        for (name, fetched_at, is_kept) in [("Newer", NOW + 5, true), ("Older", NOW, false), ("Same", NOW + 5, true)] {
            let packages = vec![package(name)];
            let stored = StoredCatalog { catalog: Catalog { packages, add_ons: vec![] }, fetched_at };
            let changes = base.store.save_catalog("con_1", &stored).await.expect("the database works");
            assert_eq!(changes.is_some(), is_kept, "{name}");
        }
        let kept = base.store.catalog("con_1").await.expect("the database works").expect("it is there");
        assert_eq!((kept.catalog.packages[0].name.as_str(), kept.fetched_at), ("Same", NOW + 5));
        let noted = base.store.catalog_changes("con_1").await.expect("the database works");
        assert!(noted.iter().all(|change| !change.detail.contains("Older")), "{noted:?}");
    }

    async fn an_id_keeps_its_first_meaning(database) {
        let base = Base::on(database).await;
        save(&base, "con_1", &[offer("P1", "basic", "Basic")], NOW).await;
        save(&base, "con_2", &[offer("P1", "other", "Other"), offer("P2", "two", "Two")], NOW).await;
        save(&base, "con_1", &[offer("P1", "changed", "Changed")], NOW + 1).await;
        let kept = find(&base, "P1").await.expect("it is there");
        assert_eq!((kept.connection_id.as_str(), kept.vendor_id.as_str()), ("con_1", "basic"));
        assert_eq!(kept.name, "Basic");
        assert_eq!(find(&base, "P2").await.expect("it is there").connection_id, "con_2");
    }

    async fn what_is_offered_no_more_has_gone_and_may_come_back(database) {
        let base = Base::on(database).await;
        let (first, second) = (offer("P1", "basic", "Basic"), offer("P2", "deluxe", "Deluxe"));
        save(&base, "con_1", &[first.clone(), second.clone()], NOW).await;
        save(&base, "con_1", std::slice::from_ref(&first), NOW + 5).await;
        save(&base, "con_1", std::slice::from_ref(&first), NOW + 9).await;
        let gone = find(&base, "P2").await.expect("it is kept");
        assert_eq!((gone.gone_at, gone.name.as_str()), (Some(NOW + 5), "Deluxe"));
        assert_eq!(find(&base, "P1").await.expect("it is there").gone_at, None);
        let renamed = offer("P2", "deluxe", "Deluxe II");
        save(&base, "con_1", &[first, renamed], NOW + 10).await;
        let back = find(&base, "P2").await.expect("it is there");
        assert_eq!((back.gone_at, back.name.as_str()), (None, "Deluxe II"));
    }

    async fn what_one_connection_offers_no_more_is_no_matter_of_another(database) {
        let base = Base::on(database).await;
        save(&base, "con_1", &[offer("P1", "basic", "Basic")], NOW).await;
        save(&base, "con_2", &[], NOW).await;
        assert_eq!(find(&base, "P1").await.expect("it is there").gone_at, None);
    }

    async fn packages_and_add_ons_do_not_share_their_ids(database) {
        let base = Base::on(database).await;
        let add_on = Offer { kind: OfferKind::AddOn, ..offer("X", "drug", "Drug") };
        save(&base, "con_1", &[offer("X", "basic", "Basic"), add_on], NOW).await;
        for (kind, vendor_id) in [(OfferKind::Package, "basic"), (OfferKind::AddOn, "drug")] {
            let offers = base.store.tenant_offers("ten_1", kind).await.expect("the database works");
            assert_eq!(offers.len(), 1);
            assert_eq!(offers[0].vendor_id, vendor_id);
        }
        let elsewhere = base.store.tenant_offer("ten_2", OfferKind::Package, "X").await;
        assert!(elsewhere.expect("the database works").is_none());
    }
}

fn package(name: &str) -> Package {
    Package {
        vendor_id: "basic".to_owned(),
        name: name.to_owned(),
        price: None,
        description: None,
        screenings: Vec::new(),
    }
}

/// Two connections that offer the same ids in opposite orders, written at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn offers_that_are_written_at_once_do_not_wait_for_each_other_in_a_circle() {
    let base = Base::on(Database::Postgres).await;
    let mut offers: Vec<_> = (0..30).map(|n| offer(&format!("P{n}"), "v", "N")).collect();
    let mut writing = JoinSet::new();
    for writer in 0..8 {
        let (store, written) = (base.store.clone(), offers.clone());
        writing.spawn(async move {
            for round in 0..20 {
                let connection = format!("con_{}", (writer + round) % 2 + 1);
                store
                    .save_offers("ten_1", &connection, &written, NOW)
                    .await?;
            }
            Ok::<_, StoreError>(())
        });
        offers.reverse();
    }
    while let Some(ended) = writing.join_next().await {
        ended.expect("it ends").expect("nobody waits in a circle");
    }
}

fn offer(id: &str, vendor_id: &str, name: &str) -> Offer {
    Offer {
        id: id.to_owned(),
        kind: OfferKind::Package,
        connection_id: String::new(),
        vendor_id: vendor_id.to_owned(),
        name: name.to_owned(),
        price: None,
        description: None,
        screenings: Vec::new(),
        only_with: Vec::new(),
    }
}

async fn save(base: &Base, connection: &str, offers: &[Offer], now: Millis) {
    let saved = base.store.save_offers("ten_1", connection, offers, now);
    saved.await.expect("the database works");
}

async fn find(base: &Base, id: &str) -> Option<OfferRow> {
    let found = base
        .store
        .tenant_offer("ten_1", OfferKind::Package, id)
        .await;
    found.expect("the database works")
}
