//! Redis holds what may be lost: it is shared while it is there, and done without while it is not.

use std::time::{Duration, Instant};

use adapters::simulator::FaultKind;
use cleargate::cache::{Cache, Kind};

use crate::support::program::Program;
use crate::support::redis::Redis;
use crate::support::rows::Rows;
use crate::support::{PATIENCE, Plan, on_both_databases, pem};

const TIMEOUT: Duration = Duration::from_millis(200);
const HOUR: Duration = Duration::from_secs(3600);

async fn cache(url: &str) -> Cache {
    Cache::open(url, TIMEOUT).await.expect("it can be used")
}

/// Waits until a value can be kept and read.
async fn until_it_works(cache: &Cache) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        cache.put(Kind::Catalog, "t", "probe", b"1", HOUR).await;
        if cache.get(Kind::Catalog, "t", "probe").await.is_some() {
            return;
        }
        assert!(Instant::now() < deadline, "Redis is not used again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_one_replica_keeps_another_finds_under_its_tenant_and_kind_alone() {
    let redis = Redis::start(&[]);
    let (one, other) = (cache(&redis.url()).await, cache(&redis.url()).await);
    one.put(Kind::Catalog, "tenant", "owner", b"value", HOUR)
        .await;
    let got = other.get(Kind::Catalog, "tenant", "owner").await;
    assert_eq!(got.as_deref(), Some(&b"value"[..]));
    assert_eq!(other.get(Kind::Token, "tenant", "owner").await, None);
    assert_eq!(other.get(Kind::Catalog, "other", "owner").await, None);
    other.remove(Kind::Catalog, "tenant", "owner").await;
    assert_eq!(one.get(Kind::Catalog, "tenant", "owner").await, None);
}

#[tokio::test]
async fn a_frozen_redis_costs_its_time_out_once_and_is_used_again_when_it_answers() {
    let redis = Redis::start(&[]);
    let cache = cache(&redis.url()).await;
    cache.put(Kind::Catalog, "t", "owner", b"value", HOUR).await;
    redis.freeze();
    let began = Instant::now();
    assert_eq!(cache.get(Kind::Catalog, "t", "owner").await, None);
    assert!(began.elapsed() >= TIMEOUT);
    let began = Instant::now();
    for _ in 0..1000 {
        assert_eq!(cache.get(Kind::Catalog, "t", "owner").await, None);
    }
    assert!(began.elapsed() < TIMEOUT, "it is asked all the same");
    redis.thaw();
    until_it_works(&cache).await;
    assert!(cache.get(Kind::Catalog, "t", "owner").await.is_some());
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_no_reason_not_to_start() {
    let gone = Redis::start(&[]);
    let url = gone.url();
    drop(gone);
    let cache = cache(&url).await;
    assert_eq!(cache.get(Kind::Catalog, "t", "owner").await, None);
}

#[tokio::test]
async fn a_redis_that_wants_a_password_is_a_mistake_until_it_gets_one() {
    let redis = Redis::start(&["--requirepass", "pass"]);
    for url in [
        redis.url(),
        format!("redis://:wrong@127.0.0.1:{}", redis.port()),
    ] {
        let refused = Cache::open(&url, TIMEOUT).await.err();
        let sentence = refused.expect("it lets nobody in");
        assert!(
            sentence.contains("the Redis of `cache.url` does not let us in"),
            "{sentence}"
        );
        assert!(!sentence.contains("wrong@"), "{sentence}");
    }
    let cache = cache(&format!("redis://:pass@127.0.0.1:{}", redis.port())).await;
    until_it_works(&cache).await;
}

#[test]
fn a_redis_behind_tls_is_used_with_a_password_and_a_known_authority() {
    let program = Program::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    program.write("cert.pem", &pem("CERTIFICATE", certificate.der()));
    program.write("key.pem", &pem("PRIVATE KEY", &key.serialize_der()));
    let file = |name: &str| program.path(name).display().to_string();
    let redis = Redis::start(&[
        "--requirepass",
        "pass",
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        &file("cert.pem"),
        "--tls-key-file",
        &file("key.pem"),
        "--tls-ca-cert-file",
        &file("cert.pem"),
    ]);
    let url = format!("rediss://:pass@localhost:{}", redis.port());
    program.set("CLEARGATE__CACHE__URL", &url);
    let metric = |running: &crate::support::program::Running| {
        let page = running.metrics();
        let line = page.lines().find(|line| line.starts_with("cache_up "));
        line.map(str::to_owned)
    };
    let running = program.serve();
    assert_eq!(
        metric(&running).as_deref(),
        Some("cache_up 0"),
        "nobody knows its authority"
    );
    drop(running);
    program.set("SSL_CERT_FILE", &file("cert.pem"));
    let running = program.serve();
    // On a busy machine the first handshake may take longer than Redis may; it is tried again.
    let given_up = Instant::now() + Duration::from_secs(30);
    while metric(&running).as_deref() != Some("cache_up 1") {
        assert!(Instant::now() < given_up, "its authority is known now");
        std::thread::sleep(Duration::from_millis(50));
    }
}

on_both_databases! {
    async fn a_list_is_served_from_redis_and_without_redis_from_the_database(database) {
        let redis = Redis::start(&[]);
        let mut world = Plan::sandbox(database).setting("CACHE__URL", redis.url()).start().await;
        let list = world.tenant().packages().await;
        world.fault(FaultKind::Reset, "", 0);
        let mut rows = Rows::of(&world.settings).await;
        rows.run("ALTER TABLE catalogs RENAME TO catalogs_away").await;
        world.restart().await;
        assert_eq!(world.tenant().packages().await.body, list.body, "from Redis alone");
        rows.run("ALTER TABLE catalogs_away RENAME TO catalogs").await;
        redis.freeze();
        world.restart().await;
        assert_eq!(world.tenant().packages().await.body, list.body, "from the database alone");
        world.heal();
        world.tenant().place(&world.order()).await.taken("invited");
        redis.thaw();
    }
}
