//! The signed link opens the result page of its order, which shows nothing of the applicant; every
//! other link opens nothing.

use std::time::Duration;

use http::Method;

use crate::support::client::Answer;
use crate::support::stage::with;
use crate::support::{Database, Plan, World, on_both_databases};
use adapters::simulator::FaultKind;

/// Everything of the applicant and the hiring manager in the order of the tests.
const CANARIES: [&str; 12] = [
    "John",
    "Doe",
    "john.doe",
    "888-555-1234",
    "123 Main St.",
    "Apt. 1",
    "Springfield",
    "12345",
    "67890",
    "Jill",
    "Smith",
    "jill.smith",
];

/// The link as the ATS shows it.
async fn link(world: &World, background_check_id: &str) -> String {
    let status = world.tenant().order(background_check_id).await;
    status.body["result_link_url"].as_str().unwrap().to_owned()
}

async fn open(world: &World, link: &str) -> Answer {
    world.tenant().anonymous().get(link).await
}

async fn press(world: &World, link: &str) -> Answer {
    let client = world.tenant().anonymous();
    client.raw(Method::POST, link, |request| request).await
}

/// Expects a page with these words, guarded and without anything of the applicant.
async fn expect_page(world: &World, background_check_id: &str, words: &str) {
    let link = link(world, background_check_id).await;
    let page = open(world, &link).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains(&format!("<h1>{words}</h1>")),
        "{words}: {}",
        page.text
    );
    let shown = page.text.replace(link.split_once("t=").unwrap().1, "");
    for canary in CANARIES {
        assert!(!shown.contains(canary), "{canary} is on the page");
    }
    expect_guarded(&page);
}

fn expect_guarded(page: &Answer) {
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
}

async fn expect_no_page(world: &World, link: &str) {
    for page in [open(world, link).await, press(world, link).await] {
        assert_eq!(page.status, 404, "{link}");
        assert!(
            page.text.contains("<h1>This link does not work</h1>"),
            "{}",
            page.text
        );
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(!page.text.contains("224466"));
        expect_guarded(&page);
    }
}

async fn in_stage(database: Database, status: &str, result: Option<&str>) -> World {
    let world = Plan::sandbox(database).start().await;
    let order = world.placed().await;
    world.vendor_says(&order.our_ref.0, status, result).await;
    world.settle().await;
    world
}

on_both_databases! {
    async fn a_report_that_its_vendor_hands_out_itself_may_be_read_and_do_nothing(database) {
        let world = Plan::vendor(database, "accurate").start().await;
        world.tenant().packages().await;
        let order = with(world.order(), "/package_id", "PKG_BASIC".into());
        world.tenant().place(&order).await.taken("invited");
        let link = link(&world, "224466").await;
        assert_eq!(press(&world, &link).await.status, 404, "there is none yet");
        for _ in 0..100 {
            world.pass(Duration::from_secs(3600)).await;
            if world.stored("224466").await.stage.is_terminal() {
                break;
            }
        }
        let report = press(&world, &link).await;
        assert_eq!(report.status, 200, "{}", report.text);
        assert!(report.header("content-type").starts_with("text/html"));
        assert_eq!(report.header("content-disposition"), "inline");
        assert!(report.header("content-security-policy").starts_with("sandbox; "));
        expect_guarded(&report);
        world.fault(FaultKind::Reset, "", 0);
        let page = press(&world, &link).await;
        assert_eq!(page.status, 503);
        assert!(page.text.contains("<h1>The report cannot be shown now</h1>"), "{}", page.text);
    }

    async fn a_report_that_is_still_made_is_waited_for_and_made_once(database) {
        let world = Plan::vendor(database, "certn").start().await;
        world.tenant().packages().await;
        let order = with(world.order(), "/package_id", "identity".into());
        world.tenant().place(&order).await.taken("invited");
        for _ in 0..100 {
            world.pass(Duration::from_secs(3600)).await;
            if world.stored("224466").await.stage.is_terminal() {
                break;
            }
        }
        let link = link(&world, "224466").await;
        let made = || world.posts("/generate-report/").len();
        let time_passes = async {
            world.until(async || made() == 1, "the report is being made").await;
            world.clock.advance(Duration::from_secs(60));
        };
        let (report, ()) = tokio::join!(press(&world, &link), time_passes);
        assert_eq!(report.status, 303, "{}", report.text);
        assert_eq!(made(), 1);
    }

    async fn the_page_says_where_the_order_stands(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        expect_page(&world, "224466", "Waiting for the applicant").await;
        for (status, words) in [("in_progress", "In progress"), ("on_hold", "On hold")] {
            world.vendor_says(&order.our_ref.0, status, None).await;
            world.settle().await;
            expect_page(&world, "224466", words).await;
        }
    }

    async fn the_page_says_how_the_order_ended(database) {
        let world = Plan::sandbox(database).start().await;
        for (number, (status, result, words)) in (1..).zip([
            ("complete", Some("pass"), "Complete: pass"),
            ("complete", Some("review"), "Complete: needs review"),
            ("complete", Some("gremlins"), "Complete: needs review"),
            ("complete", Some("fail"), "Complete: fail"),
            ("canceled", None, "Canceled"),
            ("expired", None, "Expired"),
            ("failed", None, "Not carried out"),
        ]) {
            let id = format!("check-{number}");
            let order = world.placed_as(&id).await;
            world.vendor_says(&order.our_ref.0, status, result).await;
            world.settle().await;
            expect_page(&world, &id, words).await;
        }
    }

    async fn the_page_of_an_order_that_is_not_confirmed_yet_says_so(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault(FaultKind::Reset, "/orders", 0);
        world.placed().await;
        expect_page(&world, "224466", "Being ordered").await;
        let link = link(&world, "224466").await;
        let early = press(&world, &link).await;
        assert_eq!(early.status, 404);
        assert!(early.text.contains("There is no report yet"));
        expect_guarded(&early);
    }

    async fn the_page_tells_waiting_for_a_person_only_where_that_is_what_is_waited_for(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.vendor_says(&order.our_ref.0, "in_progress", None).await;
        world.settle().await;
        world.execute("UPDATE orders SET waiting = 'no_news'").await;
        expect_page(&world, "224466", "In progress").await;
        world.execute("UPDATE orders SET waiting = 'not_seen', stage = 'unconfirmed'").await;
        expect_page(&world, "224466", "Being clarified").await;
    }

    async fn a_complete_check_without_a_result_is_not_said_to_have_one(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        world.execute("UPDATE orders SET result = 'none'").await;
        expect_page(&world, "224466", "Complete: no result").await;
    }

    async fn a_reader_is_told_by_a_page_that_it_cannot_be_shown_now(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        let link = link(&world, "224466").await;
        world.app().store.close().await;
        for page in [open(&world, &link).await, press(&world, &link).await] {
            assert_eq!((page.status, page.header("retry-after").is_empty()), (503, false));
            assert!(page.text.contains("<h1>This page cannot be shown now</h1>"), "{}", page.text);
            expect_guarded(&page);
        }
    }

    async fn the_link_in_the_webhook_is_the_link(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        let sent = world.webhooks()[0]["result_link_url"].as_str().unwrap().to_owned();
        assert_eq!(sent, link(&world, "224466").await);
        world.clock.advance(Duration::from_secs(400 * 86_400));
        assert_eq!(open(&world, &sent).await.status, 200, "it lives as long as the order");
    }

    async fn the_way_on_to_the_report_is_a_post_and_never_a_get(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        let link = link(&world, "224466").await;
        let report = "https://reports.sandbox.example/sbx_00000001";
        let page = open(&world, &link).await;
        assert!(!page.text.contains(report) && page.text.contains("<form method=\"post\""));
        assert_eq!((page.status, page.header("location")), (200, ""));
        let on = press(&world, &link).await;
        assert_eq!((on.status, on.header("location")), (303, report));
        expect_guarded(&on);
    }

    async fn a_link_that_was_changed_is_no_link(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        let link = link(&world, "224466").await;
        let (page, token) = link.split_once("?t=").unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for changed in [
            page.to_owned(),
            format!("{page}?t="),
            format!("{page}?t=x"),
            format!("{link}x"),
            format!("{link}&t=x"),
            format!("{page}?t={}", &token[..token.len() - 2]),
            format!("{page}?t={}.{}.", parts[0], parts[1]),
            format!("{page}?t={unsigned}.{}.", parts[1]),
            format!("{page}?t={}.{}A.{}", parts[0], parts[1], parts[2]),
            link.replace("/background_checks/", "/background_checks/A"),
            link.replace("/background_checks/", "/background_checks/%FF"),
        ] {
            expect_no_page(&world, &changed).await;
        }
    }

    async fn the_link_of_another_order_opens_only_that(database) {
        let world = Plan::sandbox(database).start().await;
        let first = world.placed().await;
        let second = world.placed_as("224467").await;
        let link = link(&world, "224466").await;
        expect_no_page(&world, &link.replace(&first.tracking_id, &second.tracking_id)).await;
    }

    async fn a_revoked_link_is_no_link_and_a_new_one_is_given_out(database) {
        let world = in_stage(database, "complete", Some("pass")).await;
        let old = link(&world, "224466").await;
        world.execute("UPDATE orders SET link_generation = link_generation + 1").await;
        expect_no_page(&world, &old).await;
        let new = link(&world, "224466").await;
        assert_ne!(new, old);
        assert_eq!(open(&world, &new).await.status, 200);
    }
}
