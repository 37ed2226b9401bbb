//! What calls are answered: the contract's own order, where an order stands, and errors that say
//! what is wrong, with what, and under which number support finds it.

use std::collections::HashSet;

use http::Method;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::stage::with;
use crate::support::{Database, Plan, World, on_both_databases};

/// The order of the ATS's own documentation.
const ORDER: &str = r#"{
  "account_id": "ACCT123", "hiring_manager_user_id": "67890", "background_check_id": "224466",
  "package_id": "PKG001", "add_on_package_ids": ["DRG02"],
  "webhook_url": "https://api.applicant-tracking.com/yourco_webhooks",
  "hiring_manager": {"id": "67890", "first_name": "Jill", "last_name": "Smith", "email": "jill.smith@example.com"},
  "applicant": {"id": "12345", "first_name": "John", "last_name": "Doe", "phone": "888-555-1234", "email": "john.doe@example.com",
                "address": "123 Main St.", "address_2": "Apt. 1", "city": "Springfield", "state": "IL", "zip": "12345"},
  "job": {"id": "12345"}
}"#;

on_both_databases! {
    async fn the_order_of_the_contract_is_taken_as_it_is(database) {
        let world = Plan::sandbox(database).start().await;
        let answer = world.tenant().post("/v1/orders", ORDER.to_owned()).await;
        answer.taken("invited");
        let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["background_check_id", "stage", "tracking_id"]);
        assert_eq!(answer.body["background_check_id"], "224466");
        let sent: Value = serde_json::from_slice(&world.posts("/orders")[0].body).unwrap();
        assert_eq!(sent["package"], "basic");
        assert_eq!(sent["add_ons"], json!(["drug_10_panel"]));
        let given: Value = serde_json::from_str(ORDER).unwrap();
        assert_eq!(sent["applicant"], given["applicant"]);
    }

    async fn a_tenant_reads_where_its_order_stands_and_how_it_got_there(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.vendor_says(&order.our_ref.0, "complete", Some("review")).await;
        world.settle().await;
        let status = world.tenant().order("224466").await;
        assert_eq!(status.status, 200, "{}", status.text);
        assert_eq!(status.body["stage"], "complete");
        assert_eq!(status.body["result"], "review");
        assert_eq!(status.body["tracking_id"], order.tracking_id);
        assert_eq!(status.body["waiting_for_a_person"], false);
        let link = status.body["result_link_url"].as_str().unwrap();
        assert!(link.contains(&format!("/background_checks/{}/results?t=", order.tracking_id)), "{link}");
        let history = status.body["history"].as_array().unwrap();
        assert_eq!(history[0]["kind"], "received");
        assert!(history.len() >= 3, "{history:?}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_known_is_not_found_whatever_its_id_looks_like() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for id in ["1", "%27%20OR%201=1--", "a%2Fb", "%E2%9C%93", "..%2f"] {
        world
            .tenant()
            .order(id)
            .await
            .refused(404, "order_unknown", None);
        world
            .tenant()
            .cancel(id)
            .await
            .refused(404, "order_unknown", None);
    }
}

#[tokio::test]
async fn ids_with_any_characters_are_found_again() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    world
        .tenant()
        .place(&world.order_numbered("a/b ✓?"))
        .await
        .taken("invited");
    let status = world.tenant().order("a%2Fb%20%E2%9C%93%3F").await;
    assert_eq!(
        status.body["background_check_id"], "a/b ✓?",
        "{}",
        status.text
    );
}

#[tokio::test]
async fn names_may_have_any_letters() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = with(world.order(), "/applicant/first_name", "Zoë 李 😀".into());
    world.tenant().place(&order).await.taken("invited");
    let sent: Value = serde_json::from_slice(&world.posts("/orders")[0].body).unwrap();
    assert_eq!(sent["applicant"]["first_name"], "Zoë 李 😀");
}

#[tokio::test]
async fn a_body_that_is_no_order_is_400() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = world.order().to_string();
    let doubled = order.replacen('{', r#"{"package_id":"PKG002","#, 1);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"order\"",
        &format!("{order} {order}"),
        &doubled,
        "{\"a\":\u{1}}",
    ] {
        let answer = world.tenant().post("/v1/orders", body.to_owned()).await;
        answer.refused(400, "malformed", None);
    }
    assert!(world.posts("/orders").is_empty());
}

#[tokio::test]
async fn a_member_that_is_wrong_is_400_and_named() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for (pointer, value, field) in [
        ("/background_check_id", json!(""), "background_check_id"),
        ("/background_check_id", json!(null), "background_check_id"),
        (
            "/background_check_id",
            json!("a\u{0}b"),
            "background_check_id",
        ),
        ("/package_id", json!(" "), "package_id"),
        ("/package_id", json!({"id": "PKG001"}), "package_id"),
        ("/webhook_url", json!(null), "webhook_url"),
        ("/webhook_url", json!(7), "webhook_url"),
        ("/add_on_package_ids", json!("DRG01"), "add_on_package_ids"),
        ("/applicant", json!("John"), "applicant"),
        (
            "/applicant/first_name",
            json!("John\u{7}"),
            "applicant.first_name",
        ),
        (
            "/applicant/last_name",
            json!(["Doe"]),
            "applicant.last_name",
        ),
        (
            "/background_check_id",
            json!("9".repeat(300)),
            "background_check_id",
        ),
    ] {
        let answer = world
            .tenant()
            .place(&with(world.order(), pointer, value))
            .await;
        answer.refused(400, "malformed", Some(field));
        assert!(!answer.text.contains("John"), "{}", answer.text);
    }
    let no_package = json!({"background_check_id": "1", "webhook_url": "https://a.dev/", "add_on_package_ids": ["DRG01"]});
    world
        .tenant()
        .place(&no_package)
        .await
        .refused(400, "malformed", Some("package_id"));
}

#[tokio::test]
async fn applicant_data_that_the_vendor_needs_are_named_where_they_are_missing() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for name in ["first_name", "last_name", "email"] {
        let order = with(world.order(), &format!("/applicant/{name}"), Value::Null);
        let answer = world.tenant().place(&order).await;
        answer.refused(422, "applicant_data", Some(&format!("applicant.{name}")));
    }
    let mut order = world.order();
    order.as_object_mut().unwrap().remove("applicant");
    assert_eq!(world.tenant().place(&order).await.status, 422);
}

#[tokio::test]
async fn a_webhook_url_that_may_not_be_called_is_422_and_named() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for url in [
        "not a url",
        "ftp://hooks.dev/x",
        "https://user:word@hooks.dev/x",
        "https://hooks.dev/x#part",
        "https://hooks.dev:444/x",
        "https://localhost/x",
        "https://intranet/x",
        "https://ats.internal/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
    ] {
        let answer = world
            .tenant()
            .place(&with(world.order(), "/webhook_url", url.into()))
            .await;
        answer.refused(422, "webhook_url_refused", Some("webhook_url"));
    }
    assert!(world.posts("/orders").is_empty());
}

#[tokio::test]
async fn a_tenant_that_lists_its_webhooks_hosts_is_held_to_them() {
    let world = Plan::sandbox(Database::Sqlite)
        .edit("  ports = ", "  hosts = [\"hooks.dev\"]\n  ports = ")
        .start()
        .await;
    let order = |url: &str| with(world.order(), "/webhook_url", url.into());
    let refused = world.tenant().place(&order("https://other.dev/x")).await;
    refused.refused(422, "webhook_url_refused", Some("webhook_url"));
    world
        .tenant()
        .place(&order("https://hooks.dev/x"))
        .await
        .taken("invited");
}

#[tokio::test]
async fn what_is_no_json_by_its_own_words_is_415() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for mime in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json2",
        "text/json",
    ] {
        world
            .order_sent_as(mime)
            .await
            .refused(415, "not_json", None);
    }
    for mime in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(world.order_sent_as(mime).await.status, 201, "{mime}");
    }
}

impl World {
    async fn order_sent_as(&self, mime: &str) -> Answer {
        let body = self.order().to_string();
        let tenant = self.tenant();
        let answer = tenant.raw(Method::POST, "/v1/orders", |request| {
            let request = request.body(body);
            if mime.is_empty() {
                request
            } else {
                request.header("content-type", mime)
            }
        });
        answer.await
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = Plan::sandbox(Database::Sqlite)
        .setting("HTTP__BODY_LIMIT", "1KiB")
        .start()
        .await;
    let order = with(world.order(), "/padding", "x".repeat(1024).into());
    world
        .tenant()
        .place(&order)
        .await
        .refused(413, "body_too_large", None);
}

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_are_right() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for (method, path, right) in [
        (Method::PUT, "/v1/packages", "GET,HEAD,POST"),
        (Method::GET, "/v1/orders", "POST"),
        (Method::DELETE, "/v1/orders/224466", "GET,HEAD"),
        (Method::GET, "/v1/orders/224466/cancel", "POST"),
        (Method::POST, "/v1/logo.png", "GET,HEAD"),
    ] {
        let tenant = world.tenant();
        let answer = tenant.raw(method, path, |request| request).await;
        answer.refused(405, "method_not_allowed", None);
        assert_eq!(answer.header("allow"), right, "{path}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_404() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for path in [
        "/",
        "/v1",
        "/v1/orders/",
        "/v1/orders/1/2",
        "/v2/packages",
        "/metrics",
        "/healthz",
        "/_control/orders",
    ] {
        world
            .tenant()
            .get(path)
            .await
            .refused(404, "not_found", None);
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_400() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    world
        .tenant()
        .get("/v1/orders/%FF%FE")
        .await
        .refused(400, "malformed", None);
}

#[tokio::test]
async fn the_callers_own_request_id_is_kept_where_it_is_a_plain_one() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for (given, kept) in [
        ("abc-1.2_3", true),
        ("", false),
        ("a b", false),
        (&"x".repeat(65), false),
    ] {
        let tenant = world.tenant();
        let answer = tenant.raw(Method::GET, "/nowhere", |request| {
            request.header("x-request-id", given)
        });
        let answer = answer.await;
        assert_eq!(answer.body["request_id"] == given, kept, "{}", answer.text);
        answer.refused(404, "not_found", None);
    }
}

#[tokio::test]
async fn a_list_from_memory_is_answered_like_one_that_was_merged() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let ask = async |method: Method, id: &'static str| {
        let tenant = world.tenant();
        let asked = tenant.raw(method, "/v1/packages?page=1", |request| {
            request.header("x-request-id", id)
        });
        asked.await
    };
    let merged = ask(Method::GET, "merged").await;
    for (method, id) in [(Method::GET, "got"), (Method::POST, "posted")] {
        let hit = ask(method, id).await;
        assert_eq!((hit.status, &hit.text), (200, &merged.text));
        let names = |answer: &Answer| answer.headers.keys().cloned().collect::<HashSet<_>>();
        assert_eq!(names(&hit), names(&merged));
        assert_eq!(hit.header("etag"), merged.header("etag"));
        assert_eq!(hit.header("x-request-id"), id);
    }
    let put = ask(Method::PUT, "put").await;
    put.refused(405, "method_not_allowed", None);
}

#[tokio::test]
async fn the_logo_is_a_png() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let logo = world.tenant().anonymous().get("/v1/logo.png").await;
    assert_eq!(
        (logo.status, logo.header("content-type")),
        (200, "image/png")
    );
    let without_first_byte = logo.text.trim_start_matches(char::REPLACEMENT_CHARACTER);
    assert!(without_first_byte.starts_with("PNG\r\n\u{1a}\n"));
    assert!(logo.text.contains("IHDR") && logo.text.contains("IEND"));
}

#[tokio::test]
async fn the_logo_may_be_the_operators_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.png");
    std::fs::write(&path, b"our own").unwrap();
    let plan = Plan::sandbox(Database::Sqlite).setting("HTTP__LOGO", path.display().to_string());
    let world = plan.start().await;
    assert_eq!(world.tenant().get("/v1/logo.png").await.text, "our own");
}
