//! A vendor that acts and does not say so, or says nothing and has not acted: afterwards it has
//! exactly one order of ours, and nobody was told that the order failed.

use adapters::simulator::FaultKind::{
    self, ActAndBadGateway, ActAndDrip, ActAndHang, ActAndReset, ActAndTruncate, Hang, Reset,
};
use cleargate::domain::order::Stage;
use futures_util::{StreamExt, stream};

use crate::support::{Database, Plan, World, on_both_databases};

/// How often a fault strikes: not the second copy of the request; all copies of the first try.
const STRIKES: [u32; 2] = [1, 3];
/// Scenes that are played at the same time. More would only make each other late.
const AT_ONCE: usize = 6;

on_both_databases! {
    async fn an_order_whose_answer_was_lost_is_at_the_vendor_once(database) {
        let acted = [ActAndHang, ActAndReset, ActAndBadGateway, ActAndTruncate, ActAndDrip];
        every(&acted, |kind, times| a_fault_at(Plan::sandbox(database), "/orders", kind, times)).await;
    }

    async fn an_order_whose_request_was_lost_is_at_the_vendor_once(database) {
        every(&[Hang, Reset], |kind, times| a_fault_at(Plan::sandbox(database), "/orders", kind, times)).await;
    }

    async fn a_first_step_whose_answer_was_lost_leads_to_one_order(database) {
        let acted = [ActAndHang, ActAndReset, ActAndBadGateway, ActAndTruncate];
        every(&acted, |kind, times| a_fault_at(Plan::checkr(database), "/candidates", kind, times)).await;
    }

    async fn a_last_step_whose_answer_was_lost_leads_to_one_order(database) {
        let acted = [ActAndHang, ActAndReset, ActAndBadGateway, ActAndTruncate];
        every(&acted, |kind, times| a_fault_at(Plan::checkr(database), "/invitations", kind, times)).await;
    }

    async fn a_step_whose_request_was_lost_leads_to_one_order(database) {
        every(&[Hang, Reset], |kind, times| a_fault_at(Plan::checkr(database), "/candidates", kind, times)).await;
        every(&[Hang, Reset], |kind, times| a_fault_at(Plan::checkr(database), "/invitations", kind, times)).await;
    }
}

/// Plays a scene for every kind of fault and every number of strikes, a few at the same time: most
/// of them wait for a vendor that says nothing.
async fn every<S: Future<Output = ()>>(kinds: &[FaultKind], scene: impl Fn(FaultKind, u32) -> S) {
    let kinds = kinds
        .iter()
        .flat_map(|kind| STRIKES.map(|times| (*kind, times)));
    let scenes = stream::iter(kinds.map(|(kind, times)| scene(kind, times)));
    scenes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn a_fault_at(plan: Plan, path: &str, kind: FaultKind, times: u32) {
    let what = format!("{kind:?} {times} times at {path}");
    let world = plan.start().await;
    world.tenant().packages().await;
    world.fault_placing(kind, path, times);
    let answer = world.tenant().place(&world.order()).await;
    assert_eq!(answer.status, 201, "{what}: {}", answer.body);
    assert_eq!(
        world.until_settled("224466").await,
        Stage::Invited,
        "{what}"
    );
    world.is_placed_once(&what).await;
    assert_eq!(world.keys(path).len(), 1, "{what}");
    assert!(world.webhooks().is_empty(), "{what}");
    if path == "/invitations" {
        assert_eq!(world.posts("/candidates").len(), 1, "{what}");
    }
}

impl World {
    /// Places so many orders of the same applicant.
    async fn place_many(&self, count: usize) {
        for number in 0..count {
            let order = self.order_numbered(&format!("before-{number}"));
            self.tenant().place(&order).await.taken("invited");
        }
    }
}

#[tokio::test]
async fn a_vendor_that_calls_the_applicant_a_duplicate_is_asked_which_it_is() {
    let world = Plan::checkr(Database::Sqlite).start().await;
    world.place_many(2).await;
    world.tenant().place(&world.order()).await.taken("invited");
    assert_eq!(world.vendor_orders().len(), 3);
    assert_eq!(world.posts("/invitations").len(), 3);
}

#[tokio::test]
async fn somebody_else_with_the_same_address_is_not_screened_in_the_applicants_place() {
    let world = Plan::checkr(Database::Sqlite).start().await;
    world.place_many(2).await;
    let answer = world.tenant().place(&world.order_for("Roe")).await;
    answer.refused(422, "vendor_refused", None);
    assert!(
        answer.text.contains("twice within 24 hours"),
        "{}",
        answer.text
    );
    assert_eq!(world.vendor_orders().len(), 2);
}

#[tokio::test]
async fn a_vendor_that_is_still_at_the_first_copy_is_asked_again_and_has_one_order() {
    let world = Plan::checkr(Database::Sqlite).start().await;
    world.tenant().packages().await;
    world.fault_placing(ActAndHang, "/invitations", 1);
    world
        .tenant()
        .place(&world.order())
        .await
        .taken("unconfirmed");
    assert_eq!(
        world.posts("/invitations").len(),
        3,
        "its clock stands, so it says 409 twice"
    );
    world.until_settled("224466").await;
    world.is_placed_once("409 while in flight").await;
}
