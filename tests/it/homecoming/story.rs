//! The order explained: everything that happened to it and everything that will, to operators; what
//! concerns it, to its ATS.

use std::time::Duration;

use cleargate::app::story::What;
use cleargate::domain::contact::{ContactKind, KEPT};
use cleargate::domain::order::Waiting;
use serde_json::json;
use tempfile::TempDir;

use crate::support::homecoming::says;
use crate::support::stage::with;
use crate::support::{Plan, World, on_both_databases};
use adapters::simulator::FaultKind;
use cleargate::sandbox::Answer;

const DAY: Duration = Duration::from_secs(86_400);

/// Outcome and reason of every contact of a kind.
async fn outcomes(world: &World, kind: ContactKind) -> Vec<(String, String)> {
    let contacts = world.contacts(kind).await.into_iter();
    contacts.map(|it| (it.outcome, it.detail)).collect()
}

async fn next(world: &World) -> Vec<What> {
    let next = world.story().await.next;
    next.into_iter().map(|step| step.what).collect()
}

on_both_databases! {
    async fn every_call_is_told_with_its_step_effect_outcome_reason_and_time(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        world.placed().await;
        let story = world.story().await;
        let call = &story.calls[0];
        assert_eq!((call.step.as_str(), call.outcome.as_deref(), call.copies), ("order", Some("placed"), 2));
        assert!(call.took_ms.is_some());
        let lost = &world.contacts(ContactKind::Copy).await[0];
        assert_eq!((lost.step.as_str(), lost.effect.as_str(), lost.outcome.as_str()), ("order", "repeatable", "in_doubt"));
        assert_eq!(lost.detail, "no whole answer within 0.4 s");
        assert!((400..2_000).contains(&lost.took_ms), "{}", lost.took_ms);
    }

    async fn every_search_for_an_order_is_told(database) {
        let folder = TempDir::new().unwrap();
        let once = [("effect = { repeatable = \"24h\" }", "effect = \"once\"")];
        let world = Plan::sandbox(database).sandbox_sheet(&folder, &once).start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 1);
        world.placed().await;
        assert_eq!(next(&world).await, [What::FindOut]);
        world.fault(FaultKind::Unavailable, "", 1);
        world.until_settled("224466").await;
        let searches = outcomes(&world, ContactKind::LookUp).await;
        assert_eq!(searches[0], ("failed".into(), "the vendor answered: busy".into()));
        assert_eq!(searches[1], ("found".into(), String::new()));
    }

    async fn every_callback_is_told_with_what_came_of_it_and_why(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let early = says("sbx_00000001", "", "in_progress", None);
        world.send_signed(&world.callback_url(), &early).await;
        world.settle().await;
        let order = world.placed().await;
        world.settle().await;
        for (status, result) in [("in_progress", None), ("bewitched", None), ("complete", Some("review"))] {
            assert!(world.vendor.advance(&order.our_ref.0, status, result));
            world.bring(&bag.only()).await;
        }
        let better = says("sbx_00000001", "", "complete", Some("pass"));
        world.send_signed(&world.callback_url(), &better).await;
        world.settle().await;
        let stranger = says("sbx_77", &order.our_ref.0, "complete", Some("fail"));
        world.send_signed(&world.callback_url(), &stranger).await;
        world.settle().await;
        world.send_signed(&world.callback_url(), &better).await;
        world.pass(Duration::from_secs(60)).await;
        world.send_signed(&world.callback_url(), &better).await;
        world.send_signed(&world.callback_url(), &better).await;
        let told = outcomes(&world, ContactKind::Callback).await;
        let told: Vec<_> = told.iter().map(|(outcome, why)| (outcome.as_str(), why.as_str())).collect();
        assert_eq!(told, [
            ("applied", "in_progress; it was parked before: of an order that is not known (yet)"),
            ("ignored", "nothing new"),
            ("ignored", "nobody knows what it means: status=bewitched"),
            ("applied", "complete (review)"),
            ("looked", "a payload alone may not say so now"),
            ("looked", "it names a reference that is not the order's"),
            // Of three that were settled before, the one that brought a look forward.
            ("looked", "it proves nothing, or was settled before"),
        ]);
    }

    async fn an_order_that_is_open_for_months_takes_no_more_room(database) {
        let folder = TempDir::new().unwrap();
        let rare = [("look_at_most = \"60s\"", "look_at_most = \"24h\"")];
        let (plan, _bag) = Plan::sandbox_by_hand(database);
        let world = plan.sandbox_sheet(&folder, &rare).start().await;
        world.placed().await;
        world.vendor_moves_silently("sbx_00000001", "bewitched", None);
        world.pass_slowly(60 * DAY, DAY).await;
        let looks = world.asked("GET", "/orders/sbx_00000001");
        assert!(looks > 40, "{looks}");
        let story = world.story().await;
        assert_eq!(story.count(ContactKind::Look), i64::try_from(looks).unwrap());
        let kept = world.contacts(ContactKind::Look).await;
        assert_eq!(i64::try_from(kept.len()).unwrap(), KEPT);
        assert!(kept.iter().all(|look| (look.outcome.as_str(), look.effect.as_str()) == ("unknown_word", "read")));
        assert!(kept.is_sorted_by_key(|look| look.number));
        assert_eq!(world.told("unknown_word").await, ["status=bewitched"], "it is said once");
    }

    async fn a_cancellation_is_told_also_where_the_vendor_refused_it(database) {
        let world = Plan::sandbox(database).start().await;
        let order = world.placed().await;
        world.fault(FaultKind::Unavailable, "/cancel", 1);
        world.tenant().cancel("224466").await;
        world.clock.advance(Duration::from_secs(60));
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        world.tenant().cancel("224466").await;
        let told = outcomes(&world, ContactKind::Cancel).await;
        let outcomes: Vec<_> = told.iter().map(|(outcome, _)| outcome.as_str()).collect();
        assert_eq!(outcomes, ["failed", "refused"]);
    }

    async fn what_happens_next_is_told_with_its_time(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        let order = world.placed().await;
        let step = world.story().await.next[0];
        assert_eq!((step.what, step.at), (What::Look, Some(world.clock.now() + 3_000)));
        world.ats.answer_with(Answer::status(500));
        assert!(world.vendor.advance(&order.our_ref.0, "complete", Some("pass")));
        world.bring(&bag.only()).await;
        let step = world.story().await.next[0];
        assert_eq!(step.what, What::Deliver { attempt: 2 });
        assert!(step.at > Some(world.clock.now()));
    }

    async fn an_order_that_waits_for_a_person_says_for_which_decision(database) {
        let folder = TempDir::new().unwrap();
        let nobody = [
            ("effect = { repeatable = \"24h\" }", "effect = \"once\""),
            ("ambiguity = \"look_up_then_repeat\"", "ambiguity = \"person\""),
        ];
        let world = Plan::sandbox(database).sandbox_sheet(&folder, &nobody).start().await;
        world.fault(FaultKind::Reset, "/orders", 1);
        world.placed().await;
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(next(&world).await, [What::Decide(Waiting::CannotLookUp)]);
        let told = world.tenant().order("224466").await;
        assert_eq!(told.body["next"][0]["what"], "a person clears it up with the screening provider");
    }

    async fn the_ats_reads_its_own_order_and_nothing_of_how_vendors_are_called(database) {
        let world = Plan::sandbox(database).start().await;
        let order = with(world.order(), "/add_on_package_ids", json!(["DRG02"]));
        world.fault_placing(FaultKind::Hang, "/orders", 1);
        world.tenant().place(&order).await.taken("invited");
        world.ats.answer_with(Answer::status(500));
        let stored = world.stored("224466").await;
        world.vendor_says(&stored.our_ref.0, "complete", Some("review")).await;
        world.settle().await;
        let told = world.tenant().order("224466").await;
        assert_eq!(told.body["package_id"], "PKG001");
        assert_eq!(told.body["add_on_package_ids"], json!(["DRG02"]));
        assert_eq!(told.body["webhooks"][0]["attempts"][0]["outcome"], "answered 500");
        assert_eq!(told.body["next"][0]["what"], "the webhook is sent");
        assert!(told.body["ended_at"].is_string() && told.body["placed_at"].is_string());
        let kinds: Vec<_> = told.body["history"].as_array().unwrap().iter().map(|line| line["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["received", "moved", "moved"]);
        let internals = [
            stored.our_ref.0.as_str(), "sbx_", &stored.id, &stored.connection_id, &stored.tenant_id,
            "sandbox", "basic", "0.4 s", &world.vendor.base_url(), "yourco_webhooks", "Doe", "mailbox.dev",
        ];
        for internal in internals {
            assert!(!told.text.contains(internal), "{internal}: {}", told.text);
        }
    }
}
