//! A store opens on a database it fits, or says in a sentence what to change; and what it reports
//! when a database fails tells what may pass from what will not.

use cleargate::store::{SCHEMA_VERSION, StoreError};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, PgConnection, Row};

use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn migrating_again_changes_nothing(database) {
        let base = Base::on(database).await;
        assert_eq!(base.store.migrate().await.expect("the database works"), 0);
        let again = base.another().await;
        assert_eq!(again.tenants().await.expect("the database works").len(), 1);
    }

    async fn several_replicas_may_migrate_at_once(database) {
        let base = match database {
            Database::Sqlite => Base::empty(database).await,
            Database::Postgres => unmigrated().await,
        };
        let handles = futures_util::future::join_all((0..4).map(|_| base.another())).await;
        for handle in handles {
            assert_eq!(handle.revision().await.expect("the database works"), 1);
        }
    }

    async fn a_newer_schema_is_refused(database) {
        let base = Base::on(database).await;
        run(&base, &format!("UPDATE schema_version SET value = {}", SCHEMA_VERSION + 1)).await;
        let options = StoreOptions { serving: false, ..base.options.clone() };
        assert_eq!(
            refusal(&options).await,
            format!(
                "the database has schema {}, made by a newer program; this one knows up to {SCHEMA_VERSION}: \
                 start the newer program (replicas of this version that are running go on until they are replaced)",
                SCHEMA_VERSION + 1
            )
        );
    }

    async fn the_databases_time_is_in_milliseconds(database) {
        let base = Base::on(database).await;
        let (first, second) = (base.store.now().await, base.store.now().await);
        let (first, second) = (first.expect("the database works"), second.expect("the database works"));
        let (year_2025, year_2200) = (1_735_689_600_000, 7_258_118_400_000);
        assert!((year_2025..year_2200).contains(&first) && first <= second, "{first} {second}");
    }

    async fn a_violated_constraint_is_our_defect_and_not_an_outage(database) {
        let base = Base::on(database).await;
        let orphan = Order { tenant_id: "nobody".into(), ..order("a") };
        let error = base.store.insert_order(&orphan, &Change::default(), NOW).await.expect_err("there is no such tenant");
        assert!(matches!(error, StoreError::Statement(_)), "{error:?}");
        let mut one = base.inserted("one").await;
        let two = base.inserted("two").await;
        one.our_ref = two.our_ref;
        let error = base.store.save_order(&mut one, &Change::default(), NOW).await.expect_err("it is not unique");
        assert!(matches!(error, StoreError::Statement(_)), "{error:?}");
    }

    async fn a_row_that_cannot_be_read_is_named(database) {
        let base = Base::on(database).await;
        let order = base.inserted("a").await;
        run(&base, "UPDATE orders SET stage = 'finished'").await;
        let error = base.store.order(&order.id).await.expect_err("there is no such stage");
        assert_eq!(error.to_string(), "row ord_a holds a value that cannot be read: stage finished");
    }

    async fn only_the_one_process_that_serves_a_file_may_free_what_an_earlier_one_held(database) {
        let mut base = Base::on(database).await;
        leave_work(&base).await;
        base.store.close().await;
        drop(base.another().await);
        base.store = base.another().await;
        assert_eq!(due_now(&base).await, (0, 0, 0, false), "a command frees nothing");
        base.store.close().await;
        // The lock is held by the handle, so that has to go first.
        base = restarted(base).await;
        let all = match database {
            Database::Sqlite => (1, 1, 1, true),
            Database::Postgres => (0, 0, 0, false),
        };
        assert_eq!(due_now(&base).await, all);
    }
}

#[tokio::test]
async fn an_older_schema_is_refused_where_nobody_said_to_migrate() {
    let base = unmigrated().await;
    let options = StoreOptions {
        migrate: false,
        ..base.options.clone()
    };
    assert_eq!(
        refusal(&options).await,
        format!(
            "the database has schema 0 and this program needs {SCHEMA_VERSION}; run `cleargate migrate`, or set `store.migrate` to true"
        )
    );
    let store = base.another().await;
    drop(Store::open(&options).await.expect("it is migrated now"));
    store.close().await;
}

#[tokio::test]
async fn a_file_has_one_serving_process_and_any_number_of_commands_beside_it() {
    let base = Base::on(Database::Sqlite).await;
    let refusal = refusal(&base.options).await;
    assert!(
        refusal.ends_with(
            "store.db: another process serves this file; stop it, or use PostgreSQL to run several"
        ),
        "{refusal}"
    );
    let command = base.another().await;
    let order = order("a");
    let placed = command.insert_order(&order, &Change::default(), NOW).await;
    placed.expect("a command may write");
    assert_eq!(base.read(&order).await.id, order.id);
}

#[tokio::test]
async fn a_closed_file_has_no_journal_beside_it() {
    let base = Base::on(Database::Sqlite).await;
    let journal = base._folder.path().join("store.db-wal");
    assert!(journal.exists(), "a write-ahead log is used");
    base.store.close().await;
    assert!(!journal.exists());
}

#[tokio::test]
async fn a_url_that_names_no_database_is_refused() {
    let options = |url: &str| StoreOptions {
        url: url.to_owned(),
        connections: 1,
        migrate: true,
        serving: true,
    };
    assert_eq!(
        refusal(&options("mysql://somebody:secret@example.com/x")).await,
        "`store.url` is `mysql`; it has to begin with sqlite:// or postgres://"
    );
    for url in ["sqlite::memory:", "sqlite://"] {
        let refusal = refusal(&options(url)).await;
        assert!(
            refusal.starts_with("`store.url` names no file"),
            "{refusal}"
        );
    }
    let nowhere = refusal(&options("sqlite:///nowhere/at/all.db")).await;
    assert!(nowhere.ends_with("choose another `store.url`"), "{nowhere}");
}

#[tokio::test]
async fn a_database_that_has_gone_is_unavailable_until_it_is_back() {
    let base = Base::on(Database::Postgres).await;
    let name = base.options.url.rsplit('/').next().expect("a name");
    let mut server = PgConnection::connect(&base.options.url.replace(name, "postgres"))
        .await
        .expect("the server takes connections");
    let shut = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    sqlx::query(AssertSqlSafe(shut))
        .execute(&mut server)
        .await
        .expect("it is shut");
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
        .bind(name)
        .execute(&mut server)
        .await
        .expect("its sessions end");
    for _ in 0..2 {
        let error = base.store.revision().await.expect_err("it has gone");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let mut order = order("a");
        let error = base
            .store
            .save_order(&mut order, &Change::default(), NOW)
            .await;
        let error = error.expect_err("it has gone");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    sqlx::query(AssertSqlSafe(open))
        .execute(&mut server)
        .await
        .expect("it is back");
    // Each connection of the pool that was used a moment ago may have to find out by itself.
    let mut tries = 0..=base.options.connections;
    assert!(
        loop {
            match (tries.next(), base.store.revision().await) {
                (None, _) => break false,
                (_, Ok(_)) => break true,
                (_, Err(_)) => {}
            }
        },
        "it recovers alone"
    );
}

#[tokio::test]
async fn connections_that_a_restarted_server_cut_off_fail_nobody() {
    let base = Base::on(Database::Postgres).await;
    let all_at_once = async |round: &str| {
        let names = (0..8).map(|number| format!("{round}-{number}"));
        futures_util::future::join_all(names.map(async |name| base.inserted(&name).await)).await;
    };
    all_at_once("before").await;
    run(
        &base,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    // No server is back sooner; how long a connection has been idle is by no clock that tests hold.
    tokio::time::sleep(std::time::Duration::from_millis(110)).await;
    base.store.revision().await.expect("it is read");
    all_at_once("after").await;
}

#[tokio::test]
async fn a_frozen_transaction_does_not_keep_its_locks() {
    let base = Base::on(Database::Postgres).await;
    run(
        &base,
        "CREATE TABLE seen (setting TEXT); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO seen VALUES (current_setting('idle_in_transaction_session_timeout')); RETURN NULL; END$$; \
         CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note()",
    )
    .await;
    base.inserted("a").await;
    let mut connection = connect(&base).await;
    let row = sqlx::query("SELECT setting FROM seen")
        .fetch_one(&mut connection)
        .await;
    let setting: String = row.expect("it is there").get("setting");
    assert_eq!(setting, "10s");
}

/// An empty PostgreSQL database that no store has opened yet; the handle is of another one.
async fn unmigrated() -> Base {
    let mut base = Base::empty(Database::Postgres).await;
    base.options.url = services::postgres_url().await;
    base
}

async fn refusal(options: &StoreOptions) -> String {
    match Store::open(options).await {
        Ok(_) => panic!("it opens"),
        Err(StoreError::Unusable(sentence)) => sentence,
        Err(other) => panic!("it is refused for another reason: {other:?}"),
    }
}

async fn connect(base: &Base) -> AnyConnection {
    AnyConnection::connect(&base.options.url)
        .await
        .expect("the database takes connections")
}

pub(super) async fn run(base: &Base, sql: &str) {
    let mut connection = connect(base).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("the statement is right");
    connection.close().await.expect("the database says goodbye");
}

/// An order, a lane, a callback and a lease that somebody holds for long.
async fn leave_work(base: &Base) {
    let mut order = Order {
        due_at: Some(NOW),
        ..order("a")
    };
    let placed = base
        .store
        .insert_order(&order, &Change::default(), NOW)
        .await;
    placed.expect("the database works");
    base.enqueue(&mut order, "1", NOW).await;
    let taken = base
        .store
        .insert_callback("cbk_1", "con_1", "d", b"body", NOW);
    taken.await.expect("the database works");
    let leased = base.store.lease("l", "before", NOW, MUCH_LATER).await;
    assert!(leased.expect("the database works"));
    let until = MUCH_LATER;
    base.claim_one("before", NOW, until).await;
    let orders = base.store.claim_due_orders("before", NOW, until, 9).await;
    assert_eq!(orders.expect("the database works").len(), 1);
    let callbacks = base.store.claim_callbacks(NOW, until, 9).await;
    assert_eq!(callbacks.expect("the database works").len(), 1);
}

/// How many orders, lanes and callbacks are due now, and whether the lease is free.
async fn due_now(base: &Base) -> (usize, usize, usize, bool) {
    let (now, until) = (NOW + 1, NOW + 2);
    let orders = base.store.claim_due_orders("after", now, until, 9).await;
    let callbacks = base.store.claim_callbacks(now, until, 9).await;
    (
        orders.expect("the database works").len(),
        base.claim("after", now, until).await.len(),
        callbacks.expect("the database works").len(),
        base.store
            .lease("l", "after", now, until)
            .await
            .expect("the database works"),
    )
}

/// The database as a new serving process finds it.
pub(super) async fn restarted(base: Base) -> Base {
    let Base {
        store,
        options,
        _folder,
    } = base;
    drop(store);
    let store = Store::open(&options).await.expect("it serves again");
    Base {
        store,
        options,
        _folder,
    }
}
