//! What nobody but a person can know waits for one, and a person settles it in one of three ways.

use std::time::Duration;

use adapters::vocabulary::TheirRef;
use cleargate::app::AppError;
use cleargate::app::waiting::Knowledge;
use cleargate::domain::order::Waiting;
use tempfile::TempDir;

use crate::support::{Database, Plan, World, on_both_databases};
use adapters::simulator::FaultKind;

/// The sandbox as a vendor that dedupes nothing and cannot be searched.
const UNSEARCHABLE: [(&str, &str); 2] = [
    ("effect = { repeatable = \"24h\" }", "effect = \"once\""),
    (
        "ambiguity = \"look_up_then_repeat\"",
        "ambiguity = \"person\"",
    ),
];

/// A gateway whose only order waits for a person. The vendor has it where `taken`.
async fn with_waiting_order(database: Database, taken: bool) -> (World, TempDir) {
    let folder = TempDir::new().unwrap();
    let plan = Plan::sandbox(database).sandbox_sheet(&folder, &UNSEARCHABLE);
    let world = plan.start().await;
    let kind = if taken {
        FaultKind::ActAndReset
    } else {
        FaultKind::Reset
    };
    world.fault(kind, "/orders", 1);
    world.placed().await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(
        world.stored("224466").await.waiting,
        Some(Waiting::CannotLookUp)
    );
    (world, folder)
}

async fn resolve(world: &World, knowledge: Knowledge) -> Result<(), AppError> {
    let order = world.stored("224466").await;
    world.app().resolve_order(order, &knowledge, "dana").await
}

async fn refusal(world: &World, knowledge: Knowledge) -> String {
    let refused = resolve(world, knowledge).await;
    assert!(
        audits(world).await.is_empty(),
        "only what was done is audited"
    );
    match refused {
        Err(AppError::NotPossible(why)) => why,
        other => panic!("it is not possible: {other:?}"),
    }
}

async fn audits(world: &World) -> Vec<String> {
    world
        .query("SELECT who || ' ' || what || ' ' || note FROM audit WHERE what = 'order resolve'")
        .await
}

fn is(theirs: &str) -> Knowledge {
    Knowledge::Is(TheirRef(theirs.to_owned()))
}

fn keys_sent(world: &World) -> Vec<String> {
    let requests = world.vendor.requests().into_iter();
    requests
        .filter(|request| request.method == "POST" && request.path() == "/orders")
        .map(|request| {
            request
                .header("idempotency-key")
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

on_both_databases! {
    async fn waiting_orders_are_listed_and_counted(database) {
        let (world, _folder) = with_waiting_order(database, true).await;
        let store = &world.app().store;
        assert_eq!(store.count_waiting_orders().await.unwrap(), 1);
        let listed = store.waiting_orders(10).await.unwrap();
        assert_eq!(listed[0].background_check_id, "224466");
        let shown = world.tenant().order("224466").await;
        assert_eq!(shown.body["waiting_for_a_person"], true);
        world.pass(Duration::from_secs(86_400)).await;
        assert_eq!(world.vendor_orders().len(), 1, "nothing is sent meanwhile");
        world.expect_told(&[]);
    }

    async fn a_person_who_found_it_has_it_adopted(database) {
        let (world, _folder) = with_waiting_order(database, true).await;
        resolve(&world, is("sbx_00000001")).await.unwrap();
        let order = world.stored("224466").await;
        assert_eq!((order.stage.as_str(), order.waiting, order.sealed_order), ("invited", None, None));
        assert_eq!(audits(&world).await.len(), 1);
        assert!(audits(&world).await[0].starts_with("dana order resolve Is"));
        assert_eq!(world.told("resolved").await, ["by a person: it is sbx_00000001"]);
        world.vendor_says("sbx_00000001", "complete", Some("review")).await;
        world.settle().await;
        world.expect_told(&[("complete", "Review")]);
    }

    async fn a_reference_of_another_order_or_of_none_is_refused(database) {
        let (world, _folder) = with_waiting_order(database, true).await;
        world.placed_as("224467").await;
        let why = refusal(&world, is("sbx_00000002")).await;
        assert!(why.contains("sbx_00000002 belongs to order ord_"), "{why}");
        let why = refusal(&world, is("sbx_00000003")).await;
        assert!(why.contains("does not show sbx_00000003"), "{why}");
        world.fault(FaultKind::Unavailable, "", 0);
        let why = refusal(&world, is("sbx_00000001")).await;
        assert!(why.contains("cannot be asked for sbx_00000001"), "{why}");
        assert!(world.stored("224466").await.waiting.is_some());
    }

    async fn a_decision_about_an_order_that_changed_in_between_is_not_done(database) {
        let (world, _folder) = with_waiting_order(database, true).await;
        let read = world.stored("224466").await;
        world.execute("UPDATE orders SET version = version + 1").await;
        for knowledge in [is("sbx_00000001"), Knowledge::PlaceAgain, Knowledge::End] {
            let decided = world.app().resolve_order(read.clone(), &knowledge, "dana").await;
            let why = decided.unwrap_err().to_string();
            assert!(why.contains("changed in between"), "{why}");
        }
        assert!(audits(&world).await.is_empty());
        assert_eq!(world.stored("224466").await.waiting, Some(Waiting::CannotLookUp));
    }

    async fn what_was_not_placed_is_placed_again_once_under_a_new_key(database) {
        let (world, _folder) = with_waiting_order(database, false).await;
        assert!(world.vendor_orders().is_empty());
        resolve(&world, Knowledge::PlaceAgain).await.unwrap();
        world.settle().await;
        assert_eq!(world.vendor_orders().len(), 1);
        assert_eq!(world.stored("224466").await.stage.as_str(), "invited");
        let keys = keys_sent(&world);
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0], keys[1]);
        assert_eq!(audits(&world).await, ["dana order resolve PlaceAgain"]);
    }

    async fn what_is_given_up_ends_and_the_ats_is_told(database) {
        let (world, _folder) = with_waiting_order(database, false).await;
        resolve(&world, Knowledge::End).await.unwrap();
        world.settle().await;
        world.expect_told(&[("error", "")]);
        let order = world.stored("224466").await;
        assert_eq!((order.stage.as_str(), order.waiting, order.sealed_order), ("failed", None, None));
        assert_eq!(audits(&world).await, ["dana order resolve End"]);
        let why = resolve(&world, Knowledge::PlaceAgain).await.unwrap_err().to_string();
        assert!(why.contains("is failed: only an order whose placing is unknown"), "{why}");
    }

    async fn nobody_decides_while_the_order_is_being_placed(database) {
        let world = Plan::sandbox(database).start().await;
        let answer = world.place_in_silence(async {
            for knowledge in [is("sbx_00000001"), Knowledge::PlaceAgain, Knowledge::End] {
                let why = refusal(&world, knowledge).await;
                assert!(why.contains("is being placed right now"), "{why}");
            }
        }).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(world.vendor_orders().len(), 1);
    }

    async fn what_cannot_be_said_any_more_is_not_placed_again(database) {
        let (world, _folder) = with_waiting_order(database, false).await;
        world.clock.advance(Duration::from_secs(8 * 86_400));
        world.app().erase_old_data().await.unwrap();
        let why = refusal(&world, Knowledge::PlaceAgain).await;
        assert!(why.contains("the applicant's data were erased"), "{why}");
        assert_eq!(world.stored("224466").await.stage.as_str(), "unconfirmed");
    }
}
