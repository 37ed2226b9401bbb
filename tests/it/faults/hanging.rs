//! F12: a destination that hangs while much waits for it.

use std::net::SocketAddr;
use std::time::Instant;

use cleargate::sandbox::{Answer, Conduct, FakeAts};

use super::cluster::{LEASES_END, trial};
use super::form::either;
use crate::support::Database;
use crate::support::trial::checker;
use crate::support::trial::setup::{Setup, Vendor};

/// How many attempts one destination may hold.
const CAP: usize = 8;
const HEALTHY: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_hangs_holds_its_places_and_nothing_else() {
    let setup = Setup {
        settings: &[("DELIVERY__ATTEMPT_TIMEOUT", "25s")],
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let mut trial = trial("F12", &setup).await;
    let hangs = FakeAts::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    hangs.answer_with(Answer::conduct(Conduct::Hang));
    let ports = format!("ports = [{}, ", hangs.addr().port());
    trial.other_ats = Some(hangs);
    let hangs = trial.other_ats.as_ref().unwrap();
    trial
        .import_changed(|file| file.replacen("ports = [", &ports, 1))
        .await;
    let gateway = trial.serve(None).await;
    let mut model = trial.order("model", "John");
    model["webhook_url"] = hangs.url("/hooks/model").into();
    assert_eq!(trial.place(&model).await, Some(201));
    for number in 0..HEALTHY {
        let order = trial.order(&number.to_string(), "John");
        assert_eq!(trial.place(&order).await, Some(201), "{}", trial.name);
    }
    let model = trial.stored("model").await.unwrap().our_ref.0;
    trial.vendor.advance(&model, "complete", Some("pass"));
    let under_way = async || hangs.received().len() == 1;
    trial.until("its webhook is under way", under_way).await;
    let waiting = either(1_000, 10_000);
    many_wait(&trial, waiting).await;
    let full = async || hangs.received().len() == CAP;
    trial.until("its places are taken", full).await;
    let out_of_the_way = format!("lanes WHERE held = 1 AND origin = '{}'", origin(hangs));
    let held = i64::from(waiting) + 1 - i64::try_from(CAP).unwrap();
    let all_held = async || trial.count(&out_of_the_way).await == held;
    trial.until("all others are held", all_held).await;

    let began = Instant::now();
    // What was written after this has a newer number.
    trial
        .sql("CREATE TABLE before AS SELECT pg_current_xact_id()::text::bigint AS number")
        .await;
    for order in trial.vendor.orders() {
        if order.reference != model {
            trial.vendor.advance(&order.id, "complete", Some("pass"));
        }
    }
    let arrived = async || trial.ats.received().len() == HEALTHY;
    trial.until("the healthy ones have arrived", arrived).await;
    let took = began.elapsed();
    // An attempt that hangs ends after 25 s: none has, so nobody waited for one.
    assert_eq!(hangs.received().len(), CAP, "{}: {took:?}", trial.name);
    let touched = format!("{out_of_the_way} AND xmin::text::bigint > (SELECT number FROM before)");
    assert_eq!(
        trial.count(&touched).await,
        0,
        "{}: they cost something",
        trial.name
    );
    hangs.answer_with(Answer::status(200));
    trial.until_at_rest(LEASES_END).await;
    drop(gateway);
    // The copies' stories are not read, and those that hung come again.
    checker::check(&trial, CAP).await;
    println!("F12: {HEALTHY} arrived in {took:?} beside {waiting} that wait");
}

/// A destination as the tables name it.
fn origin(ats: &FakeAts) -> String {
    format!("http://{}", ats.addr())
}

/// Copies the order whose webhook hangs, with all that is to be told of it.
async fn many_wait(trial: &crate::support::trial::Trial, copies: u32) {
    let order = trial.stored("model").await.unwrap();
    let (copied, of_order) = ("model.id || '-' || n", "model.order_id || '-' || n");
    let own = format!("model.id = '{}'", order.id);
    let of = format!("model.order_id = '{}'", order.id);
    trial
        .multiply(
            "orders",
            &own,
            copies,
            &[
                ("id", copied),
                (
                    "background_check_id",
                    "model.background_check_id || '-' || n",
                ),
                ("tracking_id", "model.tracking_id || '-' || n"),
                ("our_ref", "model.our_ref || '-' || n"),
                ("webhook_url", "model.webhook_url || '-' || n"),
            ],
        )
        .await;
    trial
        .multiply(
            "deliveries",
            &of,
            copies,
            &[
                ("order_id", of_order),
                ("webhook_id", "model.webhook_id || '-' || n"),
                ("state", "'pending'"),
            ],
        )
        .await;
    trial
        .multiply(
            "lanes",
            &of,
            copies,
            &[
                ("order_id", of_order),
                ("lease_token", "NULL"),
                ("held", "0"),
                ("due_at", "0"),
                ("attempts", "0"),
            ],
        )
        .await;
}
