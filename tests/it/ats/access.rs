//! Who may call what: every route, with no credentials, with another tenant's, with a disabled
//! tenant's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;

use crate::support::client::Answer;
use crate::support::{Database, NOON, Plan, TenantClient, World, on_both_databases};

/// Whom a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    /// A tenant, what is its own.
    Tenant,
    /// A tenant, one order of its own.
    OwnOrder,
    /// Whoever has the address.
    Anybody,
    /// Whoever has the secret that is part of the address; `x` is none.
    Holder,
}
use Serves::{Anybody, Holder, OwnOrder, Tenant};

/// Every public route: as it is declared, how it is called here, and whom it serves.
const ROUTES: &[(&str, Method, &str, Serves)] = &[
    ("/v1/packages", Method::GET, "/v1/packages", Tenant),
    ("/v1/packages", Method::POST, "/v1/packages", Tenant),
    ("/v1/orders", Method::POST, "/v1/orders", Tenant),
    (
        "/v1/orders/{background_check_id}",
        Method::GET,
        "/v1/orders/224466",
        OwnOrder,
    ),
    (
        "/v1/orders/{background_check_id}/cancel",
        Method::POST,
        "/v1/orders/224466/cancel",
        OwnOrder,
    ),
    ("/v1/logo.png", Method::GET, "/v1/logo.png", Anybody),
    (
        "/background_checks/{tracking_id}/results",
        Method::GET,
        "/background_checks/x/results?t=x",
        Holder,
    ),
    (
        "/background_checks/{tracking_id}/results",
        Method::POST,
        "/background_checks/x/results?t=x",
        Holder,
    ),
    (
        "/callbacks/{vendor}/{token}",
        Method::POST,
        "/callbacks/sandbox/x",
        Holder,
    ),
];

/// Every route of the operations listener, which serves whoever reaches it.
const OPERATIONS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[test]
fn every_route_is_in_a_table() {
    let source = std::fs::read_to_string("src/http/routes.rs").unwrap();
    let (public, operations) = source.split_once("pub fn operations").unwrap();
    let public = declared(public);
    assert!(public.len() > 5, "the routes were not found");
    for path in public {
        let tested = ROUTES.iter().any(|(route, ..)| *route == path);
        assert!(tested, "{path} is not tested for access");
    }
    assert_eq!(declared(operations), OPERATIONS);
}

/// The paths of the routes in a piece of source.
fn declared(source: &str) -> Vec<&str> {
    let routes = source.split(".route(").skip(1);
    let paths = routes.filter_map(|route| route.trim_start().strip_prefix('"')?.split('"').next());
    paths.collect()
}

#[tokio::test]
async fn what_operators_ask_is_answered_on_their_listener_alone_and_nothing_else_is() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let inside = format!("http://{}", world.serving().operations);
    for path in OPERATIONS {
        let nobody = world.tenant().anonymous();
        assert_eq!(nobody.get(&format!("{inside}{path}")).await.status, 200);
        world
            .tenant()
            .get(path)
            .await
            .refused(404, "not_found", None);
    }
    for (_, method, path, _) in ROUTES {
        let url = format!("{inside}{path}");
        let answer = world
            .tenant()
            .raw(method.clone(), &url, |request| request)
            .await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

on_both_databases! {
    async fn nobody_without_credentials_is_served_what_is_a_tenants(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        for (route, answer) in world.call_all(&world.tenant().anonymous()).await {
            match route {
                Tenant | OwnOrder => answer.refused(401, "unauthorized", None),
                Anybody => assert_eq!(answer.status, 200),
                Holder => assert_eq!(answer.status, 404, "{}", answer.text),
            }
        }
    }

    async fn another_tenants_order_is_not_found(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        let other = world.second_tenant().await;
        for (route, answer) in world.call_all(&other).await {
            match route {
                OwnOrder => answer.refused(404, "order_unknown", None),
                Holder => assert_eq!(answer.status, 404, "{}", answer.text),
                Tenant | Anybody => assert!(answer.status < 500 && !answer.text.contains(&order.tracking_id)),
            }
        }
        assert_eq!(world.stored("224466").await.stage, order.stage, "nobody else cancels it");
    }

    async fn two_tenants_may_use_the_same_id_for_their_own_orders(database) {
        let world = Plan::sandbox(database).start().await;
        let other = world.second_tenant().await;
        let mut order = world.order();
        let first = world.tenant().place(&order).await;
        order["account_id"] = "ACCT456".into();
        let second = other.place(&order).await;
        assert_eq!((first.status, second.status), (201, 201));
        assert_ne!(first.body["tracking_id"], second.body["tracking_id"]);
        assert_eq!(world.vendor_orders().len(), 2);
        assert_eq!(other.order("224466").await.body["tracking_id"], second.body["tracking_id"]);
    }

    async fn a_disabled_tenant_is_refused_like_an_unknown_one(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        world.app().disable_tenant("ACCT123", true).await.unwrap();
        world.app().refresh_directory().await.unwrap();
        for (route, answer) in world.call_all(&world.tenant()).await {
            if matches!(route, Tenant | OwnOrder) {
                answer.refused(401, "unauthorized", None);
            }
        }
        world.app().disable_tenant("ACCT123", false).await.unwrap();
        world.app().refresh_directory().await.unwrap();
        assert_eq!(world.tenant().order("224466").await.status, 200);
    }

    async fn the_open_orders_of_a_disabled_tenant_are_brought_home(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.app().disable_tenant("ACCT123", true).await.unwrap();
        world.app().refresh_directory().await.unwrap();
        world.vendor_says(&order.our_ref.0, "complete", Some("pass")).await;
        world.settle().await;
        assert_eq!(world.webhooks().len(), 1);
    }

    async fn a_rotated_secret_lives_on_for_the_overlap_and_no_longer(database) {
        let world = Plan::sandbox(database).start().await;
        let overlap = Duration::from_secs(3600);
        let fresh = world.app().rotate_secret("ACCT123", overlap).await.unwrap();
        world.app().refresh_directory().await.unwrap();
        let (old, new) = (world.tenant(), world.tenant().with("ACCT123", fresh.expose()));
        assert_eq!((old.packages().await.status, new.packages().await.status), (200, 200));
        world.clock.advance(overlap - Duration::from_secs(1));
        world.app().refresh_directory().await.unwrap();
        assert_eq!(old.packages().await.status, 200);
        world.clock.advance(Duration::from_secs(1));
        world.app().refresh_directory().await.unwrap();
        assert_eq!((old.packages().await.status, new.packages().await.status), (401, 200));
    }

    async fn it_is_known_when_each_secret_was_used_last(database) {
        let world = Plan::sandbox(database).start().await;
        let used = async || {
            world.app().write_secret_uses().await.unwrap();
            let secrets = world.app().store.secrets(world.clock.now()).await.unwrap();
            secrets.into_iter().map(|secret| secret.last_used_at.map(|at| at - NOON)).collect::<Vec<_>>()
        };
        assert_eq!(used().await, [None]);
        world.tenant().packages().await;
        world.tenant().with("ACCT123", "guess").packages().await;
        assert_eq!(used().await, [Some(0)]);
        let fresh = world.app().rotate_secret("ACCT123", Duration::from_secs(86_400)).await.unwrap();
        world.app().refresh_directory().await.unwrap();
        let (old, new) = (world.tenant(), world.tenant().with("ACCT123", fresh.expose()));
        world.clock.advance(Duration::from_secs(59));
        old.packages().await;
        new.packages().await;
        let mut uses = used().await;
        uses.sort();
        assert_eq!(uses, [Some(0), Some(59_000)], "a minute of the old one has not passed");
        world.clock.advance(Duration::from_secs(1));
        old.packages().await;
        assert_eq!(world.app().write_secret_uses().await.unwrap(), 1, "only the old one");
        assert_eq!(world.app().write_secret_uses().await.unwrap(), 0);
        let mut uses = used().await;
        uses.sort();
        assert_eq!(uses, [Some(59_000), Some(60_000)]);
    }

    async fn a_retired_connection_takes_no_orders_and_brings_its_open_ones_home(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        assert_eq!(world.app().retire_connection("ACCT123", "main").await.unwrap(), 1);
        world.app().refresh_directory().await.unwrap();
        let packages = world.tenant().packages().await;
        assert_eq!(packages.body["packages"], serde_json::json!([]), "{}", packages.text);
        let refused = world.tenant().place(&world.order_numbered("224467")).await;
        refused.refused(422, "package_gone", Some("package_id"));
        world.tenant().place(&world.order()).await.taken("invited");
        world.vendor_says(&order.our_ref.0, "complete", Some("pass")).await;
        world.settle().await;
        assert_eq!(world.webhooks().len(), 1);
    }
}

impl World {
    /// Calls every route of the table.
    async fn call_all(&self, caller: &TenantClient) -> Vec<(Serves, Answer)> {
        let mut answers = Vec::new();
        for (_, method, path, serves) in ROUTES {
            let answer = caller.raw(method.clone(), path, |request| {
                request
                    .header("content-type", "application/json")
                    .body("{}")
            });
            answers.push((*serves, answer.await));
        }
        answers
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_the_credentials_the_answer_is_the_same_bytes() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let secret = &world.scene.api_secret;
    let pair = |text: String| Some(format!("Basic {}", BASE64.encode(text)));
    let headers = [
        None,
        Some("Basic".to_owned()),
        Some("Basic ".to_owned()),
        Some("Basic ?!".to_owned()),
        Some(format!("Bearer {secret}")),
        pair("ACCT123".to_owned()),
        pair("ACCT123:".to_owned()),
        pair(format!("ACCT123:{secret}x")),
        pair(format!("ACCT999:{secret}")),
        pair(format!(":{secret}")),
        Some(format!("Basic {}", BASE64.encode(b"ACCT123:\xff\xfe"))),
    ];
    for header in headers {
        let nobody = world.tenant().anonymous();
        let answer = nobody.raw(Method::GET, "/v1/packages", |request| {
            let request = request.header("x-request-id", "fixed");
            match &header {
                Some(header) => request.header("authorization", header),
                None => request,
            }
        });
        let answer = answer.await;
        answer.refused(401, "unauthorized", None);
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"Cleargate\", charset=\"UTF-8\""
        );
        assert_eq!(
            answer.text,
            r#"{"error_message":"The Account ID or the API Secret is not right.","code":"unauthorized","request_id":"fixed"}"#
        );
        assert_eq!(answer.headers.len(), 5, "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn the_word_basic_may_be_written_in_any_case() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let pair = BASE64.encode(format!("ACCT123:{}", world.scene.api_secret));
    for scheme in ["basic", "BASIC", "Basic"] {
        let nobody = world.tenant().anonymous();
        let answer = nobody.raw(Method::GET, "/v1/packages", |request| {
            request.header("authorization", format!("{scheme} {pair}"))
        });
        assert_eq!(answer.await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn an_order_that_names_another_account_is_forbidden() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    world.second_tenant().await;
    for account in ["ACCT456", "nobody"] {
        let mut order = world.order();
        order["account_id"] = account.into();
        world
            .tenant()
            .place(&order)
            .await
            .refused(403, "wrong_account", Some("account_id"));
    }
    let mut order = world.order();
    order["account_id"] = serde_json::Value::Null;
    world.tenant().place(&order).await.taken("invited");
}

#[tokio::test]
async fn an_unknown_account_takes_as_long_as_a_wrong_secret() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let directory = world.app().directory();
    let wrong = format!("{}x", world.scene.api_secret);
    let time_of = |account: &str| {
        let began = std::time::Instant::now();
        for _ in 0..50 {
            assert!(directory.authenticate(account, &wrong, NOON).is_none());
        }
        began.elapsed()
    };
    // In turns, because the machine is not equally fast all the time, and the quickest of many, in
    // which nothing else got in the way.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..300 {
        known = known.min(time_of("ACCT123"));
        unknown = unknown.min(time_of("ACCT999"));
    }
    let apart = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.7..1.4).contains(&apart), "{known:?} and {unknown:?}");
}
