//! What comes too late: from a process that was frozen, in an answer that is old, for an order that
//! another one owns.

use std::time::Duration;

use adapters::simulator::{FaultKind, Manner, Response};
use cleargate::domain::order::{Stage, Waiting};
use cleargate::sandbox::{Answer, Conduct};

use crate::support::trial::Trial;
use crate::support::trial::checker::{self, webhooks};
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);
/// How late an answer is here. What overtakes it is awaited before, so this is no guess.
const LATE: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn a_process_that_was_frozen_past_its_lease_sends_nothing_more() {
    let trial = Trial::new(
        "a frozen replica",
        &Setup {
            settings: &[
                ("ORDERS__VENDOR_TIMEOUT", "1s"),
                ("ORDERS__ANSWER_WITHIN", "6s"),
            ],
            ..Setup::of(Database::Postgres, Vendor::Sandbox)
        },
    )
    .await;
    trial.fault(FaultKind::Hang, "/orders", 1);
    let frozen = trial.serve(None).await;
    let order = trial.order("224466", "John");
    let others = async {
        trial
            .until("the vendor has the request", async || trial.placings() == 1)
            .await;
        frozen.freeze();
        trial.pass_unnoticed(HOUR).await;
        let _other = trial.serve_beside().await;
        trial.until_known().await;
        assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Failed);
        frozen.thaw();
    };
    let (status, ()) = tokio::join!(trial.place(&order), others);
    assert_eq!(status, Some(503));
    trial.finish().await;
    checker::check(&trial, 0).await;
    assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Failed);
    assert_eq!(trial.placings(), 1);
}

#[tokio::test]
async fn a_process_that_was_frozen_past_its_lease_sets_no_webhook_going_again() {
    let setup = Setup {
        settings: &[("DELIVERY__ATTEMPT_TIMEOUT", "1s")],
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let trial = Trial::new("a frozen replica", &setup).await;
    trial
        .ats
        .answer_with(Answer::conduct(Conduct::Hang).times(1));
    let frozen = trial.serve(None).await;
    let status = trial.place(&trial.order("224466", "John")).await;
    assert_eq!(status, Some(201));
    trial.pass_all();
    let under_way = async || webhooks(&trial, "224466").len() == 1;
    trial.until("the webhook is under way", under_way).await;
    frozen.freeze();
    trial.pass_unnoticed(HOUR).await;
    let _other = trial.serve_beside().await;
    let delivered = async || {
        let story = trial.story("224466").await.unwrap();
        story.deliveries.iter().all(|it| it.state == "delivered")
    };
    trial.until("another replica delivers", delivered).await;
    frozen.thaw();
    let late = async || {
        let story = trial.story("224466").await.unwrap();
        story.attempts.iter().any(|it| it.late)
    };
    trial.until("the late end is recorded", late).await;
    let due = "UPDATE lanes SET due_at = due_at WHERE due_at IS NOT NULL";
    assert_eq!(trial.sql(due).await, 0, "something is sent again");
    assert_eq!(
        webhooks(&trial, "224466").len(),
        2,
        "each replica sent it once"
    );
}

on_both_databases! {
    async fn a_look_that_a_callback_has_overtaken_changes_nothing(database) {
        let trial = Trial::new(format!("{database:?}"), &Setup::of(database, Vendor::Sandbox)).await;
        let _gateway = trial.serve(None).await;
        assert_eq!(trial.place(&trial.order("224466", "John")).await, Some(201));
        trial.watch.bend(|request, answer| match request.method.as_str() {
            "GET" => Response { manner: Manner::After(LATE), ..answer },
            _ => answer,
        });
        trial.looks_are_due().await;
        let looks = || trial.vendor.requests().iter().filter(|it| it.path().starts_with("/orders/")).count();
        trial.until("the vendor is looked at", async || looks() == 1).await;
        let order = trial.vendor.orders().remove(0);
        trial.vendor.advance(&order.id, "complete", Some("fail"));
        trial.until("the callback is applied", async || !webhooks(&trial, "224466").is_empty()).await;
        // The old answer arrives meanwhile, and the look is made again.
        trial.until("it is looked at again", async || looks() == 2).await;
        trial.until_over().await;
        checker::check(&trial, 0).await;
        assert_eq!(webhooks(&trial, "224466").len(), 1);
    }

    async fn an_order_of_the_vendor_belongs_to_one_of_ours_whatever_the_vendor_answers(database) {
        let trial = Trial::new(format!("{database:?}"), &Setup::of(database, Vendor::Sandbox)).await;
        let _gateway = trial.serve(None).await;
        let mut first = None;
        trial.watch.bend(move |request, answer| match (request.method.as_str(), &first) {
            ("POST", None) => {
                first = Some(answer.clone());
                answer
            }
            ("POST", Some(first)) => first.clone(),
            _ => answer,
        });
        assert_eq!(trial.place(&trial.order("1", "John")).await, Some(201));
        assert_eq!(trial.place(&trial.order("2", "Jane")).await, Some(201));
        let second = trial.stored("2").await.unwrap();
        assert_eq!(second.waiting, Some(Waiting::OwnedByAnother));
        assert_eq!(second.their_ref, None);
        checker::check(&trial, 0).await;
    }
}
