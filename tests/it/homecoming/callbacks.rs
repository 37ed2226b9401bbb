//! A callback is proof or a hint: it is believed by its bytes, kept until it is applied, applied
//! once, and never reaches further than the connection it was sent to.

use std::time::Duration;

use http::Method;
use tempfile::TempDir;

use crate::support::homecoming::{proof, says};
use crate::support::rows::Rows;
use crate::support::{Database, Plan, World, import, on_both_databases};
use adapters::simulator::FaultKind;

const NOBODYS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A callback that is not the vendor's: what is wrong with it, its headers and its body.
type Forgery = (&'static str, Vec<(String, String)>, Vec<u8>);

/// Every way to be no callback of the vendor.
fn forgeries(world: &World, body: &[u8]) -> Vec<Forgery> {
    let (secret, now) = (world.callback_secret(), world.clock.now() / 1000);
    let mut flipped = body.to_vec();
    flipped[7] ^= 1;
    let mut wrong = proof(secret, now, body);
    wrong[0].1.pop();
    wrong[0].1.push('x');
    let header = |value: &str| vec![("x-sandbox-signature".to_owned(), value.to_owned())];
    vec![
        ("no proof", Vec::new(), body.to_vec()),
        ("an empty proof", header(""), body.to_vec()),
        ("no signature", header(&format!("t={now}")), body.to_vec()),
        ("another secret", proof("guess", now, body), body.to_vec()),
        ("no secret", proof("", now, body), body.to_vec()),
        ("a flipped bit", proof(secret, now, body), flipped),
        ("a flipped digit", wrong, body.to_vec()),
        (
            "a stale proof",
            proof(secret, now - 301, body),
            body.to_vec(),
        ),
        (
            "one of tomorrow",
            proof(secret, now + 301, body),
            body.to_vec(),
        ),
    ]
}

/// The page's count of callbacks that were not believed, over all tests.
async fn not_believed(world: &World) -> u64 {
    let url = format!("http://{}/metrics", world.serving().operations);
    let page = world.tenant().anonymous().get(&url).await.text;
    let line = page.lines().find(|line| {
        line.starts_with("callbacks_total")
            && line.contains("not_believed")
            && line.contains("sandbox")
    });
    let count = line.and_then(|line| line.rsplit_once(' '));
    count.map_or(0, |(_, count)| count.parse().unwrap())
}

on_both_databases! {
    async fn what_does_not_prove_itself_is_turned_away_with_one_answer_and_counted(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        world.placed().await;
        let before = not_believed(&world).await;
        assert!(world.vendor.advance(&world.vendor_orders()[0].id, "complete", Some("pass")));
        let callback = bag.only();
        let mut sizes = Vec::new();
        for (what, headers, body) in forgeries(&world, &callback.body) {
            let answer = world.send_callback(Method::POST, &callback.url, &headers, body).await;
            assert_eq!(answer.status, 401, "{what}");
            sizes.push(answer.text.len());
        }
        assert_eq!(sizes, vec![sizes[0]; sizes.len()]);
        assert_eq!(world.callbacks_taken().await, 0);
        assert!(not_believed(&world).await >= before + 9);
        world.settle().await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
    }

    async fn a_proof_that_went_stale_on_its_way_is_refused_and_a_fresh_one_taken(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("pass")));
        let callback = bag.only();
        world.clock.advance(Duration::from_secs(301));
        assert_eq!(world.carry(&callback).await.status, 401);
        let again = world.send_signed(&callback.url, &callback.body).await;
        assert_eq!((again.status, again.text.as_str()), (200, "ok"));
    }

    async fn repeated_fifty_times_at_once_it_is_applied_once(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        world.placed().await;
        assert!(world.vendor.advance(&world.vendor_orders()[0].id, "complete", Some("pass")));
        let callback = bag.only();
        let many = || futures_util::future::join_all((0..25).map(|_| world.carry(&callback)));
        // Half of them meet the workers at work.
        let (first, second, ()) = tokio::join!(many(), many(), world.settle());
        assert!(first.iter().chain(&second).all(|answer| answer.status == 200));
        world.settle().await;
        assert_eq!(world.callbacks_taken().await, 1);
        assert_eq!(world.told("moved").await.len(), 2, "placed, and completed");
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn callbacks_in_the_wrong_order_end_where_the_vendor_ended(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        for (status, result) in [("in_progress", None), ("on_hold", None), ("complete", Some("review"))] {
            assert!(world.vendor.advance(&order.our_ref.0, status, result));
        }
        for callback in bag.take().iter().rev() {
            world.bring(callback).await;
        }
        world.expect_told(&[("complete", "Review")]);
        assert_eq!(world.stored("224466").await.stage.as_str(), "complete");
        assert_eq!(world.callbacks_in("settled").await.len(), 3);
    }

    async fn one_that_overtakes_the_answer_to_the_placing_adopts_the_order(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault(FaultKind::ActAndHang, "/orders", 0);
        let (tenant, order) = (world.tenant(), world.order());
        let (answer, ()) = tokio::join!(tenant.place(&order), async {
            world.until(async || !world.vendor_orders().is_empty(), "the vendor has it").await;
            let reference = world.vendor_orders()[0].reference.clone();
            world.vendor_says(&reference, "complete", Some("pass")).await;
            world.settle().await;
        });
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.body["stage"], "complete");
        world.expect_told(&[("complete", "Pass")]);
        assert_eq!(world.vendor_orders().len(), 1);
        assert_eq!(world.stored("224466").await.sealed_order, None);
        let calls = world.app().store.calls(&world.stored("224466").await.id).await.unwrap();
        assert!(calls.iter().all(|call| call.outcome.as_deref() == Some("placed")));
    }

    async fn one_for_nobody_waits_until_an_order_has_its_reference(database) {
        let world = Plan::sandbox(database).start().await;
        let early = says("sbx_00000001", "of-another-world", "complete", Some("fail"));
        assert_eq!(world.send_signed(&world.callback_url(), &early).await.status, 200);
        world.settle().await;
        let parked = world.callbacks_in("parked").await;
        assert_eq!(parked.len(), 1);
        assert!(parked[0].sealed_body.is_some(), "it is still needed");

        world.placed().await;
        world.settle().await;
        assert!(world.callbacks_in("parked").await.is_empty());
        world.expect_told(&[("complete", "Fail")]);
    }

    async fn one_that_makes_no_sense_is_acknowledged_and_parked(database) {
        let world = Plan::sandbox(database).start().await;
        for body in [&b"<xml/>"[..], b"{}", br#"{"order":{"id":[7]}}"#, b"\xff\xfe\x00"] {
            assert_eq!(world.send_signed(&world.callback_url(), body).await.status, 200);
        }
        world.settle().await;
        let parked = world.callbacks_in("parked").await;
        assert_eq!(parked.len(), 4);
        assert!(parked.iter().all(|row| row.reason.as_deref().is_some_and(|why| !why.is_empty())));
    }

    async fn what_stays_parked_is_tried_ever_more_rarely_and_once_more_before_it_is_erased(database) {
        let world = Plan::sandbox(database).start().await;
        let (body, came) = (says("sbx_99", "nobodys", "complete", Some("pass")), world.clock.now());
        world.send_signed(&world.callback_url(), &body).await;
        world.settle().await;
        let minute = Duration::from_secs(60);
        let due = async || {
            let due = world.query("SELECT CAST(due_at AS TEXT) FROM callbacks").await;
            (due[0].parse::<i64>().unwrap() - came) / 60_000
        };
        let hours = |hours: u32| minute * 60 * hours;
        world.pass(hours(30)).await;
        assert_eq!(due().await, 60 * 60);
        world.pass(hours(30)).await;
        assert_eq!(due().await, 72 * 60 - 10);
        world.pass(hours(12) - 10 * minute).await;
        assert!(due().await > 72 * 60, "that was the last time");
    }

    async fn what_stays_parked_is_erased_after_three_days(database) {
        let world = Plan::sandbox(database).start().await;
        let body = says("sbx_99", "nobodys", "complete", Some("pass"));
        world.send_signed(&world.callback_url(), &body).await;
        world.settle().await;
        let three_days = Duration::from_secs(72 * 3600);
        world.clock.advance(three_days);
        assert_eq!(world.app().expire_parked(three_days).await.unwrap(), 0);
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.app().expire_parked(three_days).await.unwrap(), 1);
        let expired = &world.callbacks_in("settled").await[0];
        assert_eq!((expired.reason.as_deref(), &expired.sealed_body), (Some("expired"), &None));
    }

    async fn its_body_is_sealed_until_it_settles_and_gone_with_what_it_caused(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("pass")));
        let callback = bag.only();
        world.carry(&callback).await;
        let kept = world.callbacks_in("new").await[0].sealed_body.clone().unwrap();
        let has = |part: &[u8]| kept.windows(part.len()).any(|window| window == part);
        assert!(!has(b"complete") && !has(order.our_ref.0.as_bytes()));
        world.settle().await;
        let settled = &world.callbacks_in("settled").await[0];
        assert_eq!((settled.reason.as_deref(), &settled.sealed_body), (Some("applied"), &None));
    }

    async fn the_same_bytes_again_after_they_settled_only_make_us_look(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "in_progress", None));
        let callback = bag.only();
        world.bring(&callback).await;
        let (lines, looks) = (world.history().await.len(), world.asked("GET", "/orders/"));
        world.bring(&callback).await;
        assert_eq!(world.callbacks_taken().await, 1);
        assert_eq!(world.asked("GET", "/orders/"), looks + 1);
        assert_eq!(world.history().await.len(), lines);
    }

    async fn one_that_a_look_has_overtaken_still_makes_a_result_worse_where_no_look_would(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("fail")));
        assert_eq!(world.carry(&bag.only()).await.status, 200);
        world.execute("UPDATE callbacks SET due_at = due_at + 60000").await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        world.pass(Duration::from_secs(30)).await;
        world.expect_told(&[("complete", "Pass")]);
        world.pass(Duration::from_secs(60)).await;
        world.expect_told(&[("complete", "Pass"), ("complete", "Fail")]);
    }

    async fn one_of_another_tenants_connection_touches_nobody_elses_order(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        let file = cleargate::sandbox::import_file(&world.scene).replace("\"ACCT123\"", "\"ACCT456\"");
        import(world.app(), &file, &world.scene).await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("pass")));
        let callback = bag.only();
        let strangers = world.app().callback_url(&world.connection_of("ACCT456"));
        assert_ne!(strangers, callback.url);
        assert_eq!(world.send_signed(&strangers, &callback.body).await.status, 200);
        world.settle().await;
        assert_eq!(world.callbacks_in("parked").await.len(), 1);
        assert_eq!(world.stored("224466").await.version, order.version);
        world.expect_told(&[]);
    }

    async fn a_vendor_without_proof_is_not_believed_but_looked_at_now_and_then(database) {
        let folder = TempDir::new().unwrap();
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let secret = ", callback_secret = \"env:SANDBOX_CALLBACK_SECRET\"";
        let world = plan.edit(secret, "").sandbox_sheet(&folder, &hints()).start().await;
        let order = world.placed().await;
        let theirs = order.their_ref.unwrap().0;
        let url = world.callback_url();
        let lie = says(&theirs, "", "complete", Some("pass"));
        for (wait, looks) in [(0, 1), (4, 1), (5, 1), (1, 2), (0, 2), (10, 3)] {
            world.clock.advance(Duration::from_secs(wait));
            let answer = world.send_callback(Method::POST, &url, &[], lie.clone()).await;
            assert_eq!(answer.status, 200);
            world.settle().await;
            assert_eq!(world.asked("GET", "/orders/"), looks, "after {wait} s");
        }
        assert_eq!(world.callbacks_taken().await, 0, "no body is kept");
        for _ in 0..30 {
            world.send_callback(Method::POST, &url, &[], lie.clone()).await;
        }
        let told = Rows::of(&world.settings).await.count("contacts WHERE kind = 'callback'").await;
        assert!(told < 10, "hints that change nothing were written down: {told}");
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
    }

    async fn without_a_database_nothing_is_acknowledged_and_nothing_lost(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("pass")));
        let callback = bag.only();
        world.execute("ALTER TABLE callbacks RENAME TO elsewhere").await;
        assert!(world.carry(&callback).await.status >= 500);
        world.execute("ALTER TABLE elsewhere RENAME TO callbacks").await;
        world.bring(&callback).await;
        world.expect_told(&[("complete", "Pass")]);
    }
}

/// The sandbox as if it proved nothing; a look is far off, so that only hints make one.
fn hints() -> [(&'static str, &'static str); 4] {
    [
        (
            "proof = { hmac_timestamped = { header = \"X-Sandbox-Signature\", secret = \"callback_secret\", tolerance = \"300s\" } }",
            "proof = \"hint\"",
        ),
        (
            "then = \"apply\"\nat = \".order\"\nread = \"order\"",
            "then = \"look\"",
        ),
        (
            "credentials = [\"api_key\", \"callback_secret\"]",
            "credentials = [\"api_key\"]",
        ),
        (
            "look_first = \"3s\"\nlook_at_most = \"60s\"",
            "look_first = \"1h\"\nlook_at_most = \"1h\"",
        ),
    ]
}

#[tokio::test]
async fn an_address_that_is_nobodys_is_not_found() {
    let (plan, _bag) = Plan::sandbox_by_hand(Database::Sqlite);
    let world = plan.start().await;
    let own = world.callback_url();
    let (base, token) = own.split_once("/callbacks/sandbox/").unwrap();
    let body = says("sbx_00000001", "", "complete", None);
    for url in [
        format!("{base}/callbacks/sandbox/{NOBODYS}"),
        format!("{base}/callbacks/checkr/{token}"),
        format!("{base}/callbacks/nobody/{token}"),
        format!("{own}x"),
        format!("{base}/callbacks/sandbox/"),
    ] {
        let answer = world.send_signed(&url, &body).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    assert_eq!(world.callbacks_taken().await, 0);
}

#[tokio::test]
async fn one_that_is_too_large_or_comes_by_another_method_is_refused() {
    let (plan, _bag) = Plan::sandbox_by_hand(Database::Sqlite);
    let world = plan.start().await;
    let url = world.callback_url();
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(world.send_signed(&url, &large).await.status, 413);
    let headers = proof(world.callback_secret(), world.clock.now() / 1000, b"");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = world
            .send_callback(method, &url, &headers, Vec::new())
            .await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    }
    assert_eq!(world.callbacks_taken().await, 0);
}

#[tokio::test]
async fn a_database_that_is_gone_is_said_and_the_vendor_comes_again() {
    let (plan, bag) = Plan::sandbox_by_hand(Database::Sqlite);
    let world = plan.start().await;
    let order = world.placed().await;
    assert!(
        world
            .vendor
            .advance(&order.our_ref.0, "complete", Some("pass"))
    );
    world.app().store.close().await;
    let answer = world.carry(&bag.only()).await;
    assert_eq!(answer.status, 503);
    assert_ne!(answer.header("retry-after"), "");
}
