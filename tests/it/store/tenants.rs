//! Every change of tenants and connections is seen by all replicas, and secrets end when they must.

use cleargate::store::{Call, CallChange};

use super::calls::call;
use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn every_change_raises_the_revision(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let mut before = other.revision().await.expect("the database works");
        for change in 0..5 {
            match change {
                0 => save_tenant(&base.store, &tenant("ten_1"), &[], None, NOW).await,
                1 => base.store.rotate_secret("ten_1", "new", NOW, vec![9; 5], NOW).await,
                2 => base.store.set_tenant_disabled("ten_1", true).await,
                3 => base.store.set_tenant_disabled("ten_1", false).await,
                _ => base.store.retire_connection("ten_1", "con_1").await,
            }
            .expect("the database works");
            let after = other.revision().await.expect("the database works");
            assert!(after > before, "change {change}");
            before = after;
        }
    }

    async fn changes_at_once_each_raise_the_revision(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let before = base.store.revision().await.expect("the database works");
        let changes = (0..20).map(|number| {
            let store = if number % 2 == 0 { base.store.clone() } else { other.clone() };
            async move { store.set_tenant_disabled("ten_1", true).await.expect("the database works") }
        });
        futures_util::future::join_all(changes).await;
        assert_eq!(base.store.revision().await.expect("the database works"), before + 20);
    }

    async fn a_tenant_and_its_connections_are_read_as_they_were_saved(database) {
        let base = Base::on(database).await;
        let changed = TenantRow {
            name: "Renamed".into(),
            sealed_signing_secret: Some(b"key1 signing".to_vec()),
            sealed_webhook_basic: Some(b"key1 basic".to_vec()),
            disabled: true,
            ..tenant("ten_1")
        };
        let moved = ConnectionRow {
            label: "Other".into(),
            base_url: "https://other.example.com".into(),
            prefix: "x-".into(),
            settings: [("work_location".to_owned(), "US-CA".into())].into(),
            sealed_credentials: b"key2 sealed".to_vec(),
            retired: true,
            ..connection("con_2")
        };
        save_tenant(&base.store, &changed, std::slice::from_ref(&moved), None, NOW).await.expect("the database works");
        let read = base.store.tenants().await.expect("the database works").remove(0);
        assert_eq!((read.id, read.account_id, read.name), (changed.id, changed.account_id, changed.name));
        assert_eq!((read.options, read.disabled), (changed.options, true));
        assert_eq!(read.sealed_signing_secret, changed.sealed_signing_secret);
        assert_eq!(read.sealed_webhook_basic, changed.sealed_webhook_basic);
        let connections = base.store.connections().await.expect("the database works");
        assert_eq!(format!("{connections:?}"), format!("{:?}", [connection("con_1"), moved]));
    }

    async fn a_connections_vendor_and_callback_address_never_change(database) {
        let base = Base::on(database).await;
        let changed = ConnectionRow {
            vendor: "checkr".into(),
            callback_digest: "other".into(),
            sealed_callback_token: b"key1 other".to_vec(),
            ..connection("con_1")
        };
        save_tenant(&base.store, &tenant("ten_1"), &[changed], None, NOW).await.expect("the database works");
        let connections = base.store.connections().await.expect("the database works");
        assert_eq!(format!("{:?}", connections[0]), format!("{:?}", connection("con_1")));
    }

    async fn a_tenant_whose_connection_cannot_be_saved_is_not_saved(database) {
        let base = Base::on(database).await;
        let taken = ConnectionRow { name: "con_1".into(), ..connection("con_3") };
        let changed = TenantRow { name: "Renamed".into(), ..tenant("ten_1") };
        let before = base.store.revision().await.expect("the database works");
        save_tenant(&base.store, &changed, &[taken], Some("digest"), NOW).await.expect_err("the name is taken");
        assert_eq!(base.store.tenants().await.expect("the database works")[0].name, "Example Staffing");
        assert!(digests(&base, NOW).await.is_empty());
        assert_eq!(base.store.revision().await.expect("the database works"), before);
    }

    async fn a_rotated_secret_lives_until_its_time_and_no_longer(database) {
        let base = Base::on(database).await;
        save_tenant(&base.store, &tenant("ten_1"), &[], Some("old"), NOW).await.expect("the database works");
        base.store.rotate_secret("ten_1", "new", NOW + 10, vec![9; 5], NOW + 1).await.expect("the database works");
        assert_eq!(digests(&base, NOW + 9).await, ["old", "new"]);
        assert_eq!(digests(&base, NOW + 10).await, ["new"]);
        base.store.rotate_secret("ten_1", "newest", NOW + 100, vec![9; 5], NOW + 2).await.expect("the database works");
        assert_eq!(digests(&base, NOW + 10).await, ["new", "newest"], "a later rotation prolongs nothing");
        assert_eq!(digests(&base, NOW + 100).await, ["newest"]);
    }

    async fn a_secret_that_is_given_again_lives_on(database) {
        let base = Base::on(database).await;
        for digest in ["first", "second", "first"] {
            base.store.rotate_secret("ten_1", digest, NOW + 10, vec![9; 5], NOW).await.expect("the database works");
        }
        assert_eq!(digests(&base, NOW + 10).await, ["first"]);
    }

    async fn the_keys_that_sealed_rows_name_are_listed_once(database) {
        let base = Base::on(database).await;
        let signing = TenantRow { sealed_signing_secret: Some(b"key2 s".to_vec()), ..tenant("ten_1") };
        save_tenant(&base.store, &signing, &[], None, NOW).await.expect("the database works");
        let sealed = Order { sealed_order: Some(b"key3 o".to_vec()), ..order("a") };
        base.store.insert_order(&sealed, &Change::default(), NOW).await.expect("the database works");
        for (id, key) in [("cbk_1", "key4"), ("cbk_2", "key5"), ("cbk_3", "key6")] {
            base.store.insert_callback(id, "con_1", id, key.as_bytes(), NOW).await.expect("the database works");
        }
        base.store.park_callback("cbk_2", "not known", &[], MUCH_LATER).await.expect("the database works");
        base.store.settle_callback("cbk_3", "ignored", NOW).await.expect("the database works");
        let mut keys = base.store.sealing_keys().await.expect("the database works");
        keys.sort();
        assert_eq!(keys, ["key1", "key2"].map(|key| key.as_bytes().to_vec()));
        let mut over = base.inserted("b").await;
        (over.sealed_order, over.sealed_report) = (None, Some(b"key8 r".to_vec()));
        base.save(&mut over, &Change::default()).await;
        let mut calling = base.inserted("c").await;
        let call = Call { sealed_request: Some(b"key9 c".to_vec()), ..call(1) };
        let change = Change { calls: vec![CallChange::Begin(call)], ..Change::default() };
        base.save(&mut calling, &change).await;
        for key in ["key1", "key3", "key4", "key5", "key8", "key9"] {
            assert!(base.store.is_sealed_with(key.as_bytes()).await.expect("the database works"), "{key}");
        }
        for key in ["key2", "key6", "key0"] {
            assert!(!base.store.is_sealed_with(key.as_bytes()).await.expect("the database works"), "{key}");
        }
    }

    async fn what_an_operator_does_is_written_down(database) {
        let base = Base::on(database).await;
        for _ in 0..2 {
            base.store.audit("somebody", "order resolve", "ord_1", "", NOW).await.expect("the database works");
        }
    }
}

/// The digests of live secrets, oldest first.
async fn digests(base: &Base, now: Millis) -> Vec<String> {
    let secrets = base.store.secrets(now).await.expect("the database works");
    secrets.into_iter().map(|secret| secret.digest).collect()
}
