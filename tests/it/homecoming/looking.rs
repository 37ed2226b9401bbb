//! Looking finds what no callback brought, and never puts old news in the place of newer.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Database, Plan, World, on_both_databases};
use adapters::simulator::{FaultKind, Pace, Sandbox, sandbox};
use cleargate::domain::contact::ContactKind;

const LOOK: &str = "/orders/sbx_00000001";
const SECOND: Duration = Duration::from_secs(1);

/// A tenant of a sandbox that moves by itself, as the held clock does.
async fn moving(database: Database) -> World {
    let account = sandbox::Account {
        pace: Pace::every(Duration::from_millis(500)),
        ..sandbox::Account::default()
    };
    Plan::of(database, Box::new(Sandbox::new(account)))
        .start()
        .await
}

async fn place_for(world: &World, last_name: &str) {
    let mut order = world.order();
    order["applicant"]["last_name"] = json!(last_name);
    let answer = world.tenant().place(&order).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// At a vendor of that name, whose sheet differs from the sandbox's in these texts, four orders end
/// after a while: two of them silently, one with a callback, and one with a callback while the
/// vendor cannot be asked. How many of these ends are counted as announced by nobody?
async fn unannounced_ends(database: Database, name: &str, edits: &[(&str, &str)]) -> f64 {
    let folder = TempDir::new().unwrap();
    let named = format!("name = \"{name}\"");
    let edits = [&[("name = \"sandbox\"", named.as_str())], edits].concat();
    let (plan, bag) = Plan::sandbox_by_hand(database);
    let plan = plan
        .sandbox_sheet(&folder, &edits)
        .edit("vendor = \"sandbox\"", &format!("vendor = \"{name}\""));
    let world = plan.start().await;
    let mut orders = Vec::new();
    for id in ["224466", "224467", "224468", "224469"] {
        orders.push(world.placed_as(id).await.our_ref.0);
    }
    world.pass(30 * SECOND).await;
    for order in &orders[..2] {
        world.vendor_moves_silently(order, "complete", Some("pass"));
    }
    for (order, fault) in [
        (&orders[2], FaultKind::None),
        (&orders[3], FaultKind::Unavailable),
    ] {
        world.pass(SECOND).await;
        assert!(world.vendor.advance(order, "complete", Some("pass")));
        world.fault(fault, "", 0);
        world.bring(&bag.only()).await;
    }
    world.pass(20 * SECOND).await;
    world.fault(FaultKind::None, "", 0);
    for _ in 0..20 {
        world.pass(60 * SECOND).await;
    }
    assert_eq!(world.told_ats().len(), 4);
    world.metric("orders_ended_by_look_total", name).await
}

on_both_databases! {
    async fn looks_begin_soon_and_become_rare_until_something_changes(database) {
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        world.placed().await;
        for (wait, looks) in [(2, 0), (1, 1), (5, 1), (1, 2), (12, 3), (24, 4), (48, 5), (60, 6), (60, 7)] {
            world.pass(Duration::from_secs(wait)).await;
            assert_eq!(world.asked("GET", LOOK), looks, "after {wait} s more");
        }
        world.vendor_moves_silently("sbx_00000001", "in_progress", None);
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(world.asked("GET", LOOK), 9, "soon again after a change");
    }

    async fn an_order_whose_callbacks_are_lost_is_found_by_looking(database) {
        let world = moving(database).await;
        place_for(&world, "Lost").await;
        world.pass_slowly(Duration::from_secs(12), Duration::from_secs(1)).await;
        assert_eq!(world.callbacks_taken().await, 0);
        world.expect_told(&[("complete", "Pass")]);
        let looks = world.asked("GET", LOOK);
        world.pass(Duration::from_secs(86_400)).await;
        assert_eq!(world.asked("GET", LOOK), looks, "an ended order is left in peace");
    }

    async fn a_result_nobody_knows_is_for_a_person_to_review(database) {
        let world = moving(database).await;
        place_for(&world, "Odd").await;
        world.pass_slowly(Duration::from_secs(12), Duration::from_secs(1)).await;
        world.expect_told(&[("complete", "Review")]);
        assert!(world.told("unknown_word").await.iter().any(|word| word.contains("gremlins")));
    }

    async fn a_status_nobody_knows_moves_nothing_and_is_in_the_history(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "bewitched", Some("pass")));
        world.bring(&bag.only()).await;
        world.pass(Duration::from_secs(3)).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
        assert!(world.told("unknown_word").await.iter().all(|word| word.contains("bewitched")));
        assert!(!world.told("unknown_word").await.is_empty());
        world.expect_told(&[]);
    }

    async fn a_look_that_a_callback_has_overtaken_is_dropped_and_made_again(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("ORDERS__VENDOR_TIMEOUT", "2s").start().await;
        let order = world.placed().await;
        bag.answer_late(LOOK, Duration::from_millis(600));
        world.clock.advance(Duration::from_secs(3));
        tokio::join!(world.settle(), async {
            world.until(async || world.asked("GET", LOOK) == 1, "the look is under way").await;
            assert!(world.vendor.advance(&order.our_ref.0, "in_progress", None));
            world.bring(&bag.only()).await;
            assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        });
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress", "not invited again");
        assert_eq!(world.asked("GET", LOOK), 1);
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(world.asked("GET", LOOK), 2);
    }

    async fn a_hint_that_comes_during_a_look_leads_to_another_look(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("ORDERS__VENDOR_TIMEOUT", "2s").start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "in_progress", None));
        let callback = bag.only();
        world.bring(&callback).await;
        world.clock.advance(Duration::from_secs(60));
        bag.answer_late(LOOK, Duration::from_millis(600));
        tokio::join!(world.settle(), async {
            world.until(async || world.asked("GET", LOOK) == 1, "the look is under way").await;
            world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
            // The bytes are known already, so they are only a hint; but one of something new.
            let hint = world.send_signed(&callback.url, &callback.body).await;
            assert_eq!(hint.status, 200);
        });
        world.pass(Duration::from_secs(1)).await;
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn a_vendor_that_is_down_while_we_look_is_asked_again_and_nothing_is_lost(database) {
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("fail"));
        let faults = [
            FaultKind::Unavailable,
            FaultKind::Reset,
            FaultKind::TooMany,
            FaultKind::Unauthorized,
            FaultKind::ActAndTruncate,
            FaultKind::ActAndPage,
            FaultKind::ActAndNest,
        ];
        for kind in faults {
            world.fault(FaultKind::None, "", 0);
            world.fault(kind, LOOK, 0);
            world.pass(Duration::from_secs(60)).await;
            world.expect_told(&[]);
        }
        world.fault(FaultKind::None, "", 0);
        world.pass(Duration::from_secs(60)).await;
        world.expect_told(&[("complete", "Fail")]);
        let looks = world.contacts(ContactKind::Look).await;
        let outcomes: Vec<_> = looks.iter().map(|look| look.outcome.as_str()).collect();
        let (last, failed) = outcomes.split_last().expect("it was looked at");
        assert_eq!((failed, *last), (&["failed"; 7][..], "moved"));
    }

    async fn an_order_the_vendor_does_not_show_any_more_stays_as_it_is(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "in_progress", None));
        world.bring(&bag.only()).await;
        world.execute("UPDATE orders SET their_ref = 'sbx_99999999'").await;
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        let looks = world.contacts(ContactKind::Look).await;
        let look = looks.last().expect("it was looked at");
        assert_eq!((look.outcome.as_str(), look.detail.as_str()), ("not_seen", "the vendor does not show the order"));
    }

    async fn looks_keep_to_the_vendors_rate_and_none_is_lost_by_it(database) {
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("VENDORS__CALLS__RATE", "60/m").start().await;
        for number in 1..=12 {
            world.clock.advance(SECOND);
            let order = world.placed_as(&format!("check-{number}")).await;
            world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        }
        world.clock.advance(6 * SECOND);
        // Six at once, and then one each second, for which the clock would have to move.
        world.settle().await;
        let looks = world.asked("GET", "/orders/");
        assert!((6..=9).contains(&looks), "{looks}");
        for _ in 0..30 {
            world.pass(SECOND).await;
        }
        assert_eq!(world.asked("GET", "/orders/"), 12, "each was looked at once");
        assert_eq!(world.told_ats().len(), 12);
    }

    async fn an_end_that_no_callback_announced_is_counted(database) {
        let name = if database == Database::Sqlite { "quiet-one" } else { "quiet-two" };
        assert_eq!(unannounced_ends(database, name, &[]).await, 2.0);
    }

    async fn an_end_that_a_callback_had_us_look_for_is_not_counted(database) {
        let name = if database == Database::Sqlite { "quiet-three" } else { "quiet-four" };
        let looks = ("then = \"apply\"\nat = \".order\"\nread = \"order\"", "then = \"look\"");
        assert_eq!(unannounced_ends(database, name, &[looks]).await, 2.0);
    }

    async fn an_end_at_a_vendor_that_never_calls_back_is_not_counted(database) {
        let name = if database == Database::Sqlite { "mute-one" } else { "mute-two" };
        let (folder, named) = (TempDir::new().unwrap(), format!("name = \"{name}\""));
        let sheet = include_str!("../../../adapters/sheets/sandbox.toml");
        let (_, callbacks) = sheet.split_once("[callback]").expect("its last part");
        let secret = ", callback_secret = \"env:SANDBOX_CALLBACK_SECRET\"";
        let edits = [
            ("name = \"sandbox\"", named.as_str()),
            ("[\"api_key\", \"callback_secret\"]", "[\"api_key\"]"),
            ("[callback]", ""),
            (callbacks, ""),
        ];
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let plan = plan.edit("vendor = \"sandbox\"", &format!("vendor = \"{name}\"")).edit(secret, "");
        let world = plan.sandbox_sheet(&folder, &edits).start().await;
        let order = world.placed().await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        world.pass(60 * SECOND).await;
        world.expect_told(&[("complete", "Pass")]);
        assert_eq!(world.metric("orders_ended_by_look_total", name).await, 0.0);
    }

    async fn a_result_that_is_revised_for_the_worse_is_told_anew_and_never_for_the_better(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        for result in ["review", "fail", "pass"] {
            assert!(world.vendor.advance(&order.our_ref.0, "complete", Some(result)));
            world.bring(&bag.only()).await;
        }
        world.pass(86_400 * SECOND).await;
        world.expect_told(&[("complete", "Review"), ("complete", "Fail")]);
    }
}

#[tokio::test]
async fn looks_are_spread_over_replicas_and_made_once() {
    let (plan, _bag) = Plan::sandbox_by_hand(Database::Postgres);
    let world = plan.start().await;
    let replica = world.replica().await;
    for number in 1..=40 {
        let order = world.placed_as(&format!("check-{number}")).await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
    }
    world.clock.advance(3 * SECOND);
    replica.app.refresh_directory().await.unwrap();
    let (one, other) = tokio::join!(
        cleargate::background::run_due(world.app()),
        cleargate::background::run_due(&replica.app)
    );
    one.and(other).unwrap();
    assert_eq!(world.asked("GET", "/orders/"), 40);
    assert_eq!(world.told_ats().len(), 40);
    replica.drain().await;
}
