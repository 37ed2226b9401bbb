//! The table of outcomes: what came of asking the vendor, what the order is then, and what its
//! caller is answered.

use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::domain::order::Stage;

use crate::support::rows::Rows;
use crate::support::stage::with;
use crate::support::{Database, Plan, World, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);
/// Nobody listens on the discard port.
const NOBODY: &str = "http://127.0.0.1:9";

on_both_databases! {
    async fn an_order_that_the_vendor_refuses_is_refused_with_its_reason(database) {
        let world = Plan::sandbox(database).start().await;
        let answer = world.tenant().place(&world.order_for("Refused")).await;
        answer.refused(422, "vendor_refused", None);
        assert_eq!(answer.body["error_message"], "The sandbox refused the order: this applicant cannot be screened.");
        world.settle().await;
        assert_eq!(world.stored("224466").await.stage, Stage::Refused);
        assert!(world.webhooks().is_empty() && world.vendor_orders().is_empty());
    }

    async fn a_refusal_names_the_field_where_the_vendor_says_which(database) {
        let world = Plan::checkr(database).start().await;
        let order = with(world.order(), "/applicant/email", "jane@mailhost.test".into());
        let answer = world.tenant().place(&order).await;
        answer.refused(422, "vendor_refused", Some("applicant.email"));
        assert!(!answer.text.contains("jane@"), "{}", answer.text);
    }

    async fn an_order_that_was_certainly_not_sent_is_answered_503_and_never_sent(database) {
        for kind in [FaultKind::Unavailable, FaultKind::TooMany, FaultKind::Unauthorized] {
            let world = Plan::sandbox(database).start().await;
            world.fault_placing(kind, "/orders", 0);
            world.is_answered_503_and_forgotten().await;
            assert_eq!(world.posts("/orders").len(), 1, "{kind:?}");
        }
    }

    async fn an_order_for_a_vendor_that_nobody_can_connect_to_is_answered_503_and_never_sent(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().packages().await;
        world.vendor_is_at(NOBODY).await;
        world.is_answered_503_and_forgotten().await;
        assert!(world.posts("/orders").is_empty());
    }

    async fn an_order_for_a_vendor_that_is_left_alone_is_answered_503_and_leaves_no_row(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault_placing(FaultKind::TooMany, "/orders", 1);
        world.tenant().place(&world.order_numbered("1")).await.refused(503, "vendor_unavailable", None);
        let answer = world.tenant().place(&world.order_numbered("2")).await;
        answer.refused(503, "vendor_unavailable", None);
        assert_eq!(answer.header("retry-after"), "1", "what a 429 means that names no time");
        let again = world.tenant().place(&world.order_numbered("1")).await;
        again.refused(503, "vendor_unavailable", None);
        let mut rows = Rows::of(&world.settings).await;
        assert_eq!(rows.count("orders").await, 1);
        assert_eq!(rows.count("calls").await, 1, "nothing was to be sent again");
        assert_eq!(world.posts("/orders").len(), 1);
        world.pass(Duration::from_secs(1)).await;
        world.tenant().place(&world.order_numbered("2")).await.taken("invited");
    }

    async fn retry_after_is_what_the_vendor_asked_for(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault_placing(FaultKind::Unavailable, "/orders", 1);
        assert_eq!(world.tenant().place(&world.order()).await.header("retry-after"), "2");
        world.pass(Duration::from_secs(3)).await;
        world.fault_placing(FaultKind::TooMany, "/orders", 1);
        assert_eq!(world.tenant().place(&world.order_numbered("2")).await.header("retry-after"), "5");
    }

    async fn a_tenant_that_queues_is_answered_201_and_its_order_is_placed_when_the_vendor_is_back(database) {
        for kind in [FaultKind::Unavailable, FaultKind::TooMany, FaultKind::Unauthorized] {
            let world = queueing(Plan::sandbox(database)).start().await;
            world.fault_placing(kind, "/orders", 0);
            world.tenant().place(&world.order()).await.taken("received");
            world.pass(Duration::from_secs(60)).await;
            assert_eq!(world.stored("224466").await.stage, Stage::Received, "{kind:?}");
            world.heal();
            world.until_settled("224466").await;
            world.is_placed_once(&format!("{kind:?}")).await;
            assert!(world.webhooks().is_empty());
        }
    }

    async fn after_half_an_hour_without_its_vendor_every_order_is_settled_within_two_minutes(database) {
        let world = queueing(Plan::sandbox(database)).start().await;
        world.tenant().packages().await;
        // Half of them are lost on their way, half are turned away.
        for number in 0..20 {
            let kind = if number % 2 == 0 { FaultKind::Unavailable } else { FaultKind::Reset };
            world.fault(kind, "", 0);
            let order = world.order_numbered(&format!("outage-{number}"));
            assert_eq!(world.tenant().place(&order).await.status, 201);
        }
        world.fault(FaultKind::Unavailable, "", 0);
        for _ in 0..30 {
            world.pass(Duration::from_secs(60)).await;
        }
        assert!(world.vendor_orders().is_empty());
        world.heal();
        for _ in 0..12 {
            world.pass(Duration::from_secs(10)).await;
        }
        assert_eq!(world.vendor_orders().len(), 20);
        for number in 0..20 {
            let order = world.stored(&format!("outage-{number}")).await;
            assert_eq!(order.stage, Stage::Invited, "{number}");
        }
    }

    async fn a_queued_order_is_placed_once_somebody_listens_again(database) {
        let world = queueing(Plan::sandbox(database)).start().await;
        world.tenant().packages().await;
        world.vendor_is_at(NOBODY).await;
        world.tenant().place(&world.order()).await.taken("received");
        world.pass(Duration::from_secs(60)).await;
        world.import_changed(str::to_owned).await;
        world.until_settled("224466").await;
        world.is_placed_once("nobody listened").await;
    }

    async fn an_order_in_two_steps_survives_any_number_of_busy_answers(database) {
        let world = queueing(Plan::checkr(database)).start().await;
        world.fault_placing(FaultKind::TooMany, "/candidates", 9);
        world.fault_placing(FaultKind::TooMany, "/invitations", 9);
        world.tenant().place(&world.order()).await.taken("received");
        for _ in 0..20 {
            world.pass(HOUR).await;
        }
        world.is_placed_once("busy nine times at each step").await;
        assert_eq!(world.keys("/candidates").len(), 1);
        assert_eq!(world.keys("/invitations").len(), 1);
    }

    async fn a_queued_order_that_is_then_refused_ends_in_a_webhook(database) {
        let world = queueing(Plan::sandbox(database)).start().await;
        world.fault_placing(FaultKind::Unavailable, "/orders", 1);
        world.tenant().place(&world.order_for("Refused")).await.taken("received");
        assert_eq!(world.until_settled("224466").await, Stage::Refused);
        world.ats_was_told_that_it_failed();
    }

    async fn a_queued_order_that_can_never_be_placed_ends_in_a_webhook(database) {
        let world = queueing(Plan::sandbox(database)).start().await;
        world.fault_placing(FaultKind::Unavailable, "/orders", 0);
        world.tenant().place(&world.order()).await.taken("received");
        world.clock.advance(HOUR * 24 * 8);
        world.app().erase_old_data().await.unwrap();
        world.settle().await;
        assert_eq!(world.stored("224466").await.stage, Stage::Failed);
        world.ats_was_told_that_it_failed();
    }

    async fn an_order_that_may_have_been_placed_is_answered_201_unconfirmed(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 3);
        world.tenant().place(&world.order()).await.taken("unconfirmed");
        assert_eq!(world.until_settled("224466").await, Stage::Invited);
        world.is_placed_once("unconfirmed").await;
    }

    async fn a_tenant_that_wants_errors_is_answered_504_and_the_order_is_adopted_if_it_is_there(database) {
        let world = wanting_errors(Plan::sandbox(database)).start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 0);
        let answer = world.tenant().place(&world.order()).await;
        answer.refused(504, "order_unconfirmed", None);
        assert!(!world.stored("224466").await.accepted);
        let sent = world.posts("/orders").len();
        world.until_settled("224466").await;
        world.is_placed_once("answered 504").await;
        assert_eq!(world.posts("/orders").len(), sent, "nobody was answered 201 for it, so no task sends it");
    }

    async fn an_order_answered_504_that_the_vendor_does_not_have_ends_without_a_webhook(database) {
        let world = wanting_errors(Plan::sandbox(database)).start().await;
        world.fault_placing(FaultKind::Reset, "/orders", 3);
        world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
        assert_eq!(world.until_settled("224466").await, Stage::Failed);
        world.settle().await;
        assert_eq!(world.posts("/orders").len(), 3);
        assert!(world.webhooks().is_empty() && world.vendor_orders().is_empty());
    }

    async fn an_order_still_running_at_the_end_of_the_budget_is_answered_201_placing(database) {
        let world = impatient(Plan::sandbox(database)).start().await;
        world.tenant().packages().await;
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        let tenant = world.tenant();
        let order = world.order();
        let (first, repeat) = tokio::join!(tenant.place(&order), tenant.place(&order));
        first.taken("placing");
        repeat.taken("placing");
        world.until(async || world.stored("224466").await.stage == Stage::Invited, "the order is placed").await;
        world.is_placed_once("answered while it was placed").await;
    }

    async fn an_order_still_running_is_answered_504_where_the_tenant_wants_errors(database) {
        let world = wanting_errors(impatient(Plan::sandbox(database))).start().await;
        world.tenant().packages().await;
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        let tenant = world.tenant();
        let order = world.order();
        let (first, repeat) = tokio::join!(tenant.place(&order), tenant.place(&order));
        first.refused(504, "order_unconfirmed", None);
        repeat.refused(504, "order_unconfirmed", None);
        world.until(async || world.stored("224466").await.lease_token.is_none(), "the call is given up").await;
        assert_eq!(world.posts("/orders").len(), 1, "no other copy is sent after a 504");
        assert_eq!(world.until_settled("224466").await, Stage::Failed);
        tenant.place(&order).await.taken("invited");
        world.is_placed_once("answered 504 and asked for again").await;
    }

    async fn after_a_504_no_further_step_is_sent(database) {
        // The list has had the turn of this second, so the first step leaves after the budget.
        let plan = wanting_errors(impatient(Plan::checkr(database)));
        let world = plan.setting("VENDORS__CALLS__RATE", "1/s").start().await;
        world.tenant().packages().await;
        world.tenant().place(&world.order()).await.refused(504, "order_unconfirmed", None);
        world.until(async || world.stored("224466").await.stage == Stage::Unconfirmed, "the step ends").await;
        assert_eq!(world.until_settled("224466").await, Stage::Failed);
        world.settle().await;
        assert_eq!((world.posts("/candidates").len(), world.posts("/invitations").len()), (1, 0));
        assert!(world.webhooks().is_empty() && world.vendor_orders().is_empty());
    }

    async fn a_refusal_after_a_201_ends_in_a_webhook(database) {
        let world = impatient(Plan::sandbox(database)).start().await;
        world.tenant().packages().await;
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        world.tenant().place(&world.order_for("Refused")).await.taken("placing");
        world.until(async || world.stored("224466").await.stage == Stage::Refused, "the vendor refuses").await;
        world.settle().await;
        world.ats_was_told_that_it_failed();
    }

    async fn a_busy_vendor_after_a_201_means_queued(database) {
        let world = impatient(Plan::checkr(database)).start().await;
        world.tenant().packages().await;
        world.fault_placing(FaultKind::Hang, "/candidates", 1);
        world.fault_placing(FaultKind::TooMany, "/invitations", 1);
        world.tenant().place(&world.order()).await.taken("placing");
        world.until(async || world.stored("224466").await.stage == Stage::Received, "the order is queued").await;
        world.pass(HOUR).await;
        world.is_placed_once("busy after a 201").await;
    }
}

fn queueing(plan: Plan) -> Plan {
    plan.tenant("when_unavailable = \"queue\"")
}

fn wanting_errors(plan: Plan) -> Plan {
    plan.tenant("when_unconfirmed = \"error\"")
}

/// Answers before a vendor that does not answer has been given up.
fn impatient(plan: Plan) -> Plan {
    plan.setting("ORDERS__ANSWER_WITHIN", "900ms")
        .setting("ORDERS__VENDOR_TIMEOUT", "800ms")
}

impl World {
    /// The order is answered 503, and stays unsent also when its vendor is well again.
    async fn is_answered_503_and_forgotten(&self) {
        let answer = self.tenant().place(&self.order()).await;
        answer.refused(503, "vendor_unavailable", None);
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
        self.heal();
        self.import_changed(str::to_owned).await;
        self.pass(HOUR).await;
        assert_eq!(self.stored("224466").await.stage, Stage::Failed);
        assert!(self.webhooks().is_empty() && self.vendor_orders().is_empty());
    }

    fn ats_was_told_that_it_failed(&self) {
        let webhooks = self.webhooks();
        assert_eq!(webhooks.len(), 1, "{webhooks:?}");
        assert_eq!(webhooks[0]["background_check_id"], "224466");
        assert_eq!(webhooks[0]["status"], "error");
        assert_eq!(webhooks[0]["result"], "");
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_said_to_the_vendor_leaves_no_trace() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = with(world.order(), "/applicant/first_name", "".into());
    let answer = world.tenant().place(&order).await;
    answer.refused(422, "applicant_data", Some("applicant.first_name"));
    let mut rows = crate::support::rows::Rows::of(&world.settings).await;
    assert_eq!(rows.count("orders").await + rows.count("calls").await, 0);
    world
        .tenant()
        .order("224466")
        .await
        .refused(404, "order_unknown", None);
    assert!(world.posts("/orders").is_empty());
}
