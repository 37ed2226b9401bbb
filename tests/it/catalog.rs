//! The package list: one list over all of a tenant's vendors, there also when they are not, in
//! which an id never changes its meaning.

use std::time::{Duration, Instant};

use adapters::simulator::{FaultKind, FaultOrder};
use adapters::vocabulary::{Catalog, Package};
use cleargate::store::StoredCatalog;
use http::Method;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::stage::with;
use crate::support::{Database, NOON, PATIENCE, Plan, World, on_both_databases};
use crate::vendors::peer::{Peer, answer};

const MINUTE: Duration = Duration::from_secs(60);

on_both_databases! {
    async fn the_list_is_the_one_of_the_contract(database) {
        let world = Plan::sandbox(database).start().await;
        let contract: Value = serde_json::from_str(include_str!("../../src/sandbox/packages.json")).unwrap();
        for method in [Method::GET, Method::POST] {
            let tenant = world.tenant();
            let answer = tenant.raw(method, "/v1/packages?page=7", |request| request.body("anything"));
            let answer = answer.await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
            assert_eq!(answer.body, contract);
        }
    }

    async fn the_list_survives_a_dead_vendor_and_a_restart(database) {
        let mut world = Plan::sandbox(database).start().await;
        let before = world.tenant().packages().await;
        world.fault(FaultKind::Reset, "", 0);
        world.pass(16 * MINUTE).await;
        world.app().refresh_stale_catalogs().await.unwrap();
        assert_eq!(world.tenant().packages().await.body, before.body);
        world.restart().await;
        let after = world.tenant().packages().await;
        assert_eq!(after.body, before.body);
        assert_eq!(after.header("etag"), before.header("etag"));
        assert_eq!(after.header("age"), "960");
        world.heal();
        world.tenant().place(&world.order()).await.taken("invited");
    }

    async fn a_stale_list_is_refreshed_while_somebody_asks_for_it(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 0);
        world.pass(15 * MINUTE).await;
        assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 1);
        assert_eq!(world.tenant().packages().await.header("age"), "0");
        world.pass(25 * 60 * MINUTE).await;
        assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 0, "nobody asked for a day");
    }

    async fn a_list_that_is_asked_for_is_refreshed_however_long_its_vendor_was_away(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        world.fault(FaultKind::Reset, "", 0);
        for _ in 0..3 {
            world.pass(13 * 60 * MINUTE).await;
            assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 0);
            world.tenant().packages().await;
        }
        world.heal();
        world.pass(MINUTE).await;
        assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 1);
        assert_eq!(world.tenant().packages().await.header("age"), "0");
    }

    async fn a_first_fetch_that_failed_is_made_again_behind_the_answers(database) {
        let world = hasty(database).start().await;
        world.fault(FaultKind::Hang, "/packages", 0);
        let began = Instant::now();
        let answer = world.tenant().packages().await;
        assert!(began.elapsed() < PATIENCE / 4, "it took {:?}", began.elapsed());
        assert_eq!((answer.status, answer.body), (200, json!({"packages": []})));
        world.heal();
        assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 1);
        assert_eq!(world.tenant().packages().await.ids("packages"), ["PKG001", "PKG002", "PKG003"]);
    }

    async fn an_order_that_no_list_was_ever_fetched_for_is_answered_503_in_time(database) {
        let world = hasty(database).setting("ORDERS__ANSWER_WITHIN", "1s").start().await;
        world.fault(FaultKind::Hang, "/packages", 0);
        let began = Instant::now();
        world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
        assert!(began.elapsed() < PATIENCE / 4, "it took {:?}", began.elapsed());
        world.heal();
        world.tenant().place(&world.order()).await.taken("invited");
    }

    async fn what_is_not_offered_is_422_and_named(database) {
        let world = Plan::sandbox(database).start().await;
        for id in ["PKG999", "basic", "DRG01", "pkg001"] {
            world.orders(id, &[]).await.refused(422, "package_unknown", Some("package_id"));
        }
        for id in ["DRG99", "PKG002"] {
            world.orders("PKG001", &[id]).await.refused(422, "package_unknown", Some("add_on_package_ids"));
        }
        assert!(world.posts("/orders").is_empty());
    }

    async fn a_package_that_has_gone_is_refused_by_its_old_name(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        world.import_changed(|file| file.replace("id = \"PKG002\"", "hidden = true\n    id = \"PKG002\"")).await;
        assert_eq!(world.tenant().packages().await.ids("packages"), ["PKG001", "PKG003"]);
        let refused = world.orders("PKG002", &[]).await;
        refused.refused(422, "package_gone", Some("package_id"));
        assert_eq!(refused.body["error_message"], "`Standard Package` (PKG002) is not offered any more.");
        world.import_changed(str::to_owned).await;
        world.orders("PKG002", &[]).await.taken("invited");
    }

    async fn a_package_the_vendor_has_added_since_can_be_ordered_at_once(database) {
        let world = Plan::sandbox(database).edit("vendor_id = \"basic\"", "vendor_id = \"later\"").start().await;
        assert_eq!(world.tenant().packages().await.ids("packages"), ["basic", "PKG002", "PKG003"]);
        world.import_changed(|file| file.replace("vendor_id = \"later\"", "vendor_id = \"basic\"")).await;
        world.orders("PKG001", &[]).await.taken("invited");
    }

    async fn two_connections_are_one_list_in_which_an_add_on_says_whose_it_is(database) {
        let world = Plan::sandbox(database).start().await;
        world.adds_a_connection("prefix = \"b-\"", "").await;
        let list = world.tenant().packages().await;
        assert_eq!(list.ids("packages"), ["PKG001", "PKG002", "PKG003", "b-basic", "b-standard", "b-deluxe"]);
        assert_eq!(list.ids("add_on_packages"), ["DRG01", "DRG02", "b-drug_7_panel", "b-drug_10_panel"]);
        assert_eq!(list.body["add_on_packages"][0]["name"], "Basic Drug Screening (Sandbox)");
        assert_eq!(list.body["add_on_packages"][2]["name"], "Basic Drug Screening (Second)");
        world.orders("b-basic", &["b-drug_7_panel"]).await.taken("invited");
    }

    async fn an_add_on_of_another_connection_is_422(database) {
        let world = Plan::sandbox(database).start().await;
        world.adds_a_connection("prefix = \"b-\"", "").await;
        let refused = world.orders("PKG001", &["b-drug_7_panel"]).await;
        refused.refused(422, "add_on_of_another_connection", Some("add_on_package_ids"));
        assert!(world.posts("/orders").is_empty());
    }

    async fn an_id_that_two_connections_offer_keeps_its_older_meaning(database) {
        let world = Plan::sandbox(database).edit("\"PKG001\"", "\"b-deluxe\"").start().await;
        world.tenant().packages().await;
        world.adds_a_connection("prefix = \"b-\"", "").await;
        let list = world.tenant().packages().await;
        assert_eq!(list.ids("packages"), ["b-deluxe", "PKG002", "PKG003", "b-basic", "b-standard"]);
        assert_eq!(list.body["packages"][0]["name"], "Basic Package");
        world.orders("b-deluxe", &[]).await.taken("invited");
        assert!(String::from_utf8_lossy(&world.posts("/orders")[0].body).contains(r#""package":"basic""#));
    }

    async fn what_a_vendor_changes_on_its_list_is_noticed_once(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        let changed = json!({
            "packages": [
                {"id": "standard", "name": "Standard Package", "price": "44.00", "screenings": []},
                {"id": "deluxe", "name": "Deluxe Package Plus", "price": "69.99", "screenings": []},
                {"id": "new", "name": "New Package", "price": "1.00", "screenings": []},
            ],
            "add_ons": [],
        });
        let peer = Peer::start(move |_| answer(200, "", &changed.to_string())).await;
        let told_before = world.metric("catalog_changes_total", "sandbox").await;
        world.vendor_is_at(&peer.url()).await;
        for _ in 0..2 {
            world.pass(16 * MINUTE).await;
            world.tenant().packages().await;
            assert_eq!(world.app().refresh_stale_catalogs().await.unwrap(), 1);
        }
        let connection = world.connection();
        let changes = world.app().store.catalog_changes(&connection.id).await.unwrap();
        let mut told: Vec<_> = changes.iter().map(|it| format!("{} {}: {}", it.vendor_id, it.kind.as_str(), it.detail)).collect();
        told.sort();
        assert_eq!(told, [
            "basic gone: Basic Package",
            "deluxe renamed: Deluxe Package to Deluxe Package Plus",
            "drug_10_panel gone: Comprehensive Drug Screening",
            "drug_7_panel gone: Basic Drug Screening",
            "new added: New Package",
            "standard repriced: 49.99 to 44.00",
        ]);
        assert!(changes.iter().all(|it| it.at == NOON + 16 * 60_000), "{changes:?}");
        assert!(world.metric("catalog_changes_total", "sandbox").await >= told_before + 6.0);
    }

    async fn a_catalog_that_many_want_at_once_is_fetched_once(database) {
        let world = Plan::sandbox(database).start().await;
        let peer = Peer::start(|_| answer(200, "", r#"{"packages": [], "add_ons": []}"#)).await;
        world.vendor_is_at(&peer.url()).await;
        let (app, connection, before) = (world.app(), world.connection(), peer.count("/packages"));
        for fetches in 1..3 {
            let wanting = (0..20).map(|_| app.refresh_catalog(&connection));
            for fetched in futures_util::future::join_all(wanting).await {
                assert!(fetched.unwrap().is_some());
            }
            assert_eq!(peer.count("/packages"), before + fetches);
        }
    }

    async fn of_changes_without_end_the_last_hundred_are_kept(database) {
        let world = Plan::sandbox(database).start().await;
        let connection = world.connection();
        for number in 0..60 {
            let packages = (0..2).map(|id| Package {
                vendor_id: format!("{id}"),
                name: format!("name {number}"),
                price: None,
                description: None,
                screenings: vec![],
            });
            let catalog = Catalog { packages: packages.collect(), add_ons: vec![] };
            let stored = StoredCatalog { catalog, fetched_at: NOON + number };
            let changes = world.app().store.save_catalog(&connection.id, &stored).await.unwrap();
            assert_eq!(changes.expect("it is newer").len(), if number == 0 { 0 } else { 2 });
        }
        let kept = world.app().store.catalog_changes(&connection.id).await.unwrap();
        assert_eq!(kept.len(), 100);
        assert_eq!((kept[0].at, kept[99].at), (NOON + 59, NOON + 10));
    }

    async fn an_id_that_is_not_offered_is_seen_by_operators(database) {
        let world = Plan::sandbox(database).edit("\"PKG001\"", "\"b-deluxe\"").start().await;
        world.tenant().packages().await;
        world.adds_a_connection("prefix = \"b-\"", "").await;
        world.tenant().packages().await;
        let tenant = world.app().tenant_named("ACCT123").unwrap();
        let clashes = world.app().clashes(&tenant, &tenant.connections[1]).await.unwrap();
        assert_eq!(clashes.len(), 1, "{clashes:?}");
        let (offer, means) = (&clashes[0].offer, &clashes[0].means);
        assert_eq!((offer.id.as_str(), offer.vendor_id.as_str()), ("b-deluxe", "deluxe"));
        assert_eq!((means.vendor_id.as_str(), &means.connection_id), ("basic", &tenant.connections[0].id));
        assert!(world.app().clashes(&tenant, &tenant.connections[0]).await.unwrap().is_empty());
    }

    async fn an_id_never_comes_to_mean_something_else(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        let swapped = |file: &str| file.replace("PKG001", "PKG00x").replace("PKG002", "PKG001");
        world.import_changed(swapped).await;
        assert_eq!(world.tenant().packages().await.ids("packages"), ["PKG00x", "PKG003"]);
        world.orders("PKG001", &[]).await.refused(422, "package_gone", Some("package_id"));
    }

    async fn a_vendor_without_add_ons_is_listed_with_its_own_packages(database) {
        let world = Plan::checkr(database).start().await;
        let list = world.tenant().packages().await;
        assert_eq!(list.ids("packages"), ["basic_plus", "essential", "driver_pro", "driver_drug"]);
        assert_eq!(list.body["packages"][2]["price"], "65.00");
        assert!(list.body.get("add_on_packages").is_none());
    }
}

fn hasty(database: Database) -> Plan {
    Plan::sandbox(database).setting("CATALOG__FIRST_FETCH", "200ms")
}

impl Answer {
    fn ids(&self, kind: &str) -> Vec<&str> {
        let items = self.body[kind].as_array().expect("a list");
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect()
    }
}

impl World {
    /// Orders a package with add-ons, under an id that is not used yet.
    async fn orders(&self, package: &str, add_ons: &[&str]) -> Answer {
        let order = self.order_numbered(&format!("{package} {add_ons:?}"));
        let order = with(order, "/package_id", package.into());
        let order = with(order, "/add_on_package_ids", json!(add_ons));
        self.tenant().place(&order).await
    }

    /// Gives the tenant a second connection, `Second`, to the same vendor.
    async fn adds_a_connection(&self, settings: &str, offers: &str) {
        self.adds_a_connection_to(&self.vendor.base_url(), settings, offers)
            .await;
    }

    async fn adds_a_connection_to(&self, base_url: &str, settings: &str, offers: &str) {
        self.import_changed(|file| {
            let (_, connection) = file.split_once("  [[tenant.connection]]\n").unwrap();
            let (connection, _) = connection
                .split_once("    [[tenant.connection.offer]]")
                .unwrap();
            let second = connection
                .replace("\"main\"", "\"second\"")
                .replace("\"Sandbox\"", "\"Second\"");
            let second = second.replace(&self.vendor.base_url(), base_url);
            format!("{file}\n[[tenant.connection]]\n{second}\n{settings}\n{offers}")
        })
        .await;
    }
}

#[tokio::test]
async fn a_list_that_has_not_changed_is_not_sent_again() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let first = world.tenant().packages().await;
    assert_eq!(first.header("age"), "0");
    world.clock.advance(MINUTE);
    let etag = first.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for known in [
        etag,
        &format!("W/{etag}"),
        &format!("\"other\", {etag}"),
        "*",
    ] {
        let again = world.asks_whether_changed_since(known).await;
        assert_eq!((again.status, &*again.text), (304, ""), "{known}");
        assert_eq!((again.header("etag"), again.header("age")), (etag, "60"));
    }
    for unknown in ["\"other\"", "", etag.trim_matches('"')] {
        let again = world.asks_whether_changed_since(unknown).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{unknown}");
    }
}

impl World {
    async fn asks_whether_changed_since(&self, etag: &str) -> Answer {
        let tenant = self.tenant();
        let asking = tenant.raw(Method::GET, "/v1/packages", |request| {
            request.header("if-none-match", etag)
        });
        asking.await
    }
}

#[tokio::test]
async fn a_change_of_the_list_changes_its_etag() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let first = world.tenant().packages().await;
    world
        .import_changed(|file| file.replace("29.99", "31.00"))
        .await;
    let second = world.asks_whether_changed_since(first.header("etag")).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.body["packages"][0]["price"], "31.00");
}

#[tokio::test]
async fn a_dead_vendor_neither_delays_nor_empties_the_list_of_the_others() {
    let world = hasty(Database::Sqlite).start().await;
    let dead = world.fresh_sandbox();
    dead.fault(hanging());
    world
        .adds_a_connection_to(&dead.base_url(), "prefix = \"b-\"", "")
        .await;
    let began = Instant::now();
    let list = world.tenant().packages().await;
    assert!(
        began.elapsed() < PATIENCE / 4,
        "it took {:?}",
        began.elapsed()
    );
    assert_eq!(list.ids("packages"), ["PKG001", "PKG002", "PKG003"]);
    world.orders("PKG001", &[]).await.taken("invited");
}

#[tokio::test]
async fn several_dead_vendors_delay_a_first_list_no_longer_than_one() {
    let world = Plan::sandbox(Database::Sqlite)
        .setting("CATALOG__FIRST_FETCH", "1s")
        .start()
        .await;
    let dead = world.fresh_sandbox();
    dead.fault(hanging());
    world.fault(FaultKind::Hang, "/packages", 0);
    world
        .adds_a_connection_to(&dead.base_url(), "prefix = \"b-\"", "")
        .await;
    let began = Instant::now();
    assert_eq!(world.tenant().packages().await.status, 200);
    assert!(
        began.elapsed() < Duration::from_millis(1_700),
        "it took {:?}",
        began.elapsed()
    );
}

fn hanging() -> FaultOrder {
    FaultOrder {
        kind: FaultKind::Hang,
        path: String::new(),
        method: String::new(),
        times: 0,
    }
}
