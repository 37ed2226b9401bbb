//! Cancelling ends an order as its vendor says, and says so plainly where it cannot.

use std::time::Duration;

use crate::support::{Plan, on_both_databases};
use adapters::simulator::FaultKind;
use tempfile::TempDir;

const CANCEL: &str = "/orders/sbx_00000001/cancel";
/// An answer that comes after what happens meanwhile.
const LATE: Duration = Duration::from_millis(600);
const MINUTE: Duration = Duration::from_secs(60);

on_both_databases! {
    async fn an_order_that_runs_is_canceled_at_the_vendor_and_told_once(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["stage"]), (200, &"canceled".into()));
        assert_eq!(world.vendor_orders()[0].status, "canceled");
        world.until(async || world.callbacks_taken().await == 1, "the vendor calls back").await;
        world.settle().await;
        world.expect_told(&[("canceled", "")]);
        assert_eq!(world.told("cancel").await.len(), 1);
    }

    async fn an_invitation_is_taken_back(database) {
        let world = Plan::checkr(database).start().await;
        world.placed().await;
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["stage"]), (200, &"canceled".into()));
        world.settle().await;
        world.expect_told(&[("canceled", "")]);
        assert_eq!(world.vendor_orders()[0].status, "deleted");
    }

    async fn a_report_that_has_begun_is_not_and_the_reason_is_said(database) {
        let world = Plan::checkr(database).start().await;
        world.placed().await;
        let reference = world.vendor_orders()[0].reference.clone();
        world.vendor_says(&reference, "completed", None).await;
        world.settle().await;
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["code"]), (409, &"not_possible".into()));
        let reason = "The applicant's check has begun or ended, and Checkr does not cancel it any more.";
        assert_eq!(answer.body["error_message"], reason);
        world.expect_told(&[]);
    }

    async fn a_completion_that_was_faster_stands(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        let answer = world.tenant().cancel("224466").await;
        assert_eq!(answer.status, 409);
        assert_eq!(answer.body["error_message"], "The check has ended and cannot be canceled.");
        world.settle().await;
        world.expect_told(&[("complete", "Pass")]);
        let again = world.tenant().cancel("224466").await;
        assert_eq!(again.status, 409);
        assert_eq!(again.body["error_message"], "This background check has ended already (complete).");
    }

    async fn a_cancel_that_nobody_answers_is_not_promised_and_found_by_looking(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        world.fault(FaultKind::Mute, "", 0);
        world.fault(FaultKind::ActAndReset, "/cancel", 1);
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["code"]), (503, &"cancel_unconfirmed".into()));
        let said = answer.body["error_message"].as_str().unwrap();
        assert!(said.contains("did not confirm the cancellation"), "{said}");
        assert_eq!(world.asked("POST", "/orders/sbx_00000001/cancel"), 1);
        world.settle().await;
        world.expect_told(&[("canceled", "")]);
    }

    async fn what_was_not_sent_yet_is_canceled_without_the_vendor(database) {
        let plan = Plan::sandbox(database).tenant("when_unavailable = \"queue\"");
        let world = plan.start().await;
        world.fault(FaultKind::Unavailable, "/orders", 0);
        world.placed().await;
        let asked = world.vendor.requests().len();
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["stage"]), (200, &"canceled".into()));
        world.fault(FaultKind::None, "", 0);
        world.pass(Duration::from_secs(86_400)).await;
        assert_eq!(world.vendor.requests().len(), asked);
        world.expect_told(&[("canceled", "")]);
        assert_eq!(world.stored("224466").await.sealed_order, None);
    }

    async fn a_vendor_that_cannot_cancel_is_not_asked_and_that_is_said(database) {
        let folder = TempDir::new().unwrap();
        let sheet = include_str!("../../../adapters/sheets/sandbox.toml");
        let operation = &sheet[sheet.find("[[cancel]]").unwrap()..sheet.find("[callback]").unwrap()];
        let world = Plan::sandbox(database).sandbox_sheet(&folder, &[(operation, "")]).start().await;
        world.placed().await;
        let asked = world.vendor.requests().len();
        let answer = world.tenant().cancel("224466").await;
        assert_eq!((answer.status, &answer.body["code"]), (409, &"not_possible".into()));
        assert_eq!(answer.body["error_message"], "Sandbox does not offer to cancel a background check.");
        assert_eq!(world.vendor.requests().len(), asked);
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
    }

    async fn a_completion_that_is_told_while_the_cancel_is_refused_stands(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("ORDERS__VENDOR_TIMEOUT", "2s").start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("review")));
        let completion = bag.only();
        bag.answer_late("/cancel", LATE);
        let tenant = world.tenant();
        let (answer, ()) = tokio::join!(tenant.cancel("224466"), async {
            world.until(async || world.asked("POST", CANCEL) == 1, "the cancel is under way").await;
            world.bring(&completion).await;
        });
        assert_eq!(answer.status, 409, "{}", answer.text);
        world.pass(MINUTE).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "complete");
        world.expect_told(&[("complete", "Review")]);
    }

    async fn a_cancel_that_older_news_overtakes_ends_as_canceled_all_the_same(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("ORDERS__VENDOR_TIMEOUT", "2s").start().await;
        let order = world.placed().await;
        assert!(world.vendor.advance(&order.our_ref.0, "in_progress", None));
        let older = bag.only();
        bag.answer_late("/cancel", LATE);
        let tenant = world.tenant();
        let (answer, ()) = tokio::join!(tenant.cancel("224466"), async {
            world.until(async || world.asked("POST", CANCEL) == 1, "the cancel is under way").await;
            world.bring(&older).await;
            assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        });
        assert_eq!(answer.status, 200, "{}", answer.text);
        world.pass(MINUTE).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "canceled");
        world.expect_told(&[("canceled", "")]);
        // What the vendor said before it was canceled may still come, and changes nothing.
        world.bring(&older).await;
        world.pass(MINUTE).await;
        world.expect_told(&[("canceled", "")]);
    }

    async fn a_cancel_whose_callback_is_faster_than_its_answer_is_told_once(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.setting("ORDERS__VENDOR_TIMEOUT", "2s").start().await;
        world.placed().await;
        bag.answer_late("/cancel", LATE);
        let tenant = world.tenant();
        let (answer, ()) = tokio::join!(tenant.cancel("224466"), async {
            world.until(async || world.vendor_orders()[0].status == "canceled", "it is canceled there").await;
            world.bring(&bag.only()).await;
        });
        assert_eq!((answer.status, &answer.body["stage"]), (200, &"canceled".into()));
        world.pass(MINUTE).await;
        world.expect_told(&[("canceled", "")]);
    }

    async fn two_who_cancel_at_once_are_both_told_how_it_ended(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        let (ats, operator) = (world.tenant(), world.tenant());
        let (one, other) = tokio::join!(ats.cancel("224466"), operator.cancel("224466"));
        assert!([one.status, other.status].contains(&200), "{} {}", one.text, other.text);
        for answer in [one, other] {
            assert!(answer.status == 200 || answer.status == 409, "{}", answer.text);
        }
        world.pass(MINUTE).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "canceled");
        world.expect_told(&[("canceled", "")]);
    }

    async fn an_order_that_is_being_placed_is_not_canceled_yet(database) {
        let world = Plan::sandbox(database).start().await;
        let placed = world.place_in_silence(async {
            let answer = world.tenant().cancel("224466").await;
            assert_eq!((answer.status, &answer.body["code"]), (409, &"not_possible".into()));
        }).await;
        assert_eq!(placed.status, 201);
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
    }

    async fn an_order_that_was_taken_up_in_between_is_not_called_canceled(database) {
        let plan = Plan::sandbox(database).tenant("when_unavailable = \"queue\"");
        let world = plan.start().await;
        world.fault(FaultKind::Unavailable, "/orders", 0);
        let queued = world.placed().await;
        world.execute("UPDATE orders SET version = version + 1").await;
        let refused = world.app().cancel_order(queued).await.unwrap_err();
        assert!(refused.to_string().contains("is being placed right now"), "{refused}");
        assert_eq!(world.stored("224466").await.stage.as_str(), "received");
    }

    async fn nobody_cancels_for_another_tenant(database) {
        let world = Plan::sandbox(database).start().await;
        world.placed().await;
        let file = cleargate::sandbox::import_file(&world.scene).replace("\"ACCT123\"", "\"ACCT456\"");
        crate::support::import(world.app(), &file, &world.scene).await;
        let stranger = world.tenant().with("ACCT456", &world.scene.api_secret);
        assert_eq!(stranger.cancel("224466").await.status, 404);
        assert_eq!(world.vendor_orders()[0].status, "invited");
    }
}
