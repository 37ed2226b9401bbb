//! The row of a vendor call is its intent, and is closed when we know what came of it.

use std::time::Duration;

use adapters::Effect;
use cleargate::store::{Call, CallChange};

use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn an_intent_is_read_as_it_was_saved(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        let mut first = call(1);
        first.effect = Effect::Repeatable { within: Duration::from_millis(1500) };
        change(&base, &mut order, CallChange::Begin(first.clone())).await;
        change(&base, &mut order, CallChange::Begin(call(2))).await;
        let calls = calls(&base, &order).await;
        assert_eq!(format!("{calls:?}"), format!("{:?}", [first, call(2)]));
    }

    async fn a_copy_is_counted_and_keeps_the_time_of_the_first(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        change(&base, &mut order, CallChange::Begin(call(1))).await;
        change(&base, &mut order, CallChange::Repeat { turn: 1, at: NOW + 7 }).await;
        let call = calls(&base, &order).await.remove(0);
        assert_eq!((call.copies, call.first_sent_at, call.sent_at), (2, NOW, NOW + 7));
        assert!(call.sealed_request.is_some());
    }

    async fn what_is_noted_of_a_call_leaves_it_open(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        change(&base, &mut order, CallChange::Begin(call(1))).await;
        change(&base, &mut order, CallChange::Note { turn: 1, detail: "timed out".into(), took_ms: Some(400) }).await;
        let call = calls(&base, &order).await.remove(0);
        assert_eq!((call.detail.as_deref(), call.took_ms), (Some("timed out"), Some(400)));
        assert!(call.outcome.is_none() && call.ended_at.is_none() && call.sealed_request.is_some());
    }

    async fn the_sealed_request_is_erased_when_its_call_ends(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        for turn in [1, 2] {
            change(&base, &mut order, CallChange::Begin(call(turn))).await;
        }
        let end = CallChange::End { turn: 1, outcome: "done", detail: "d".into(), took_ms: Some(7), at: NOW + 3 };
        change(&base, &mut order, end).await;
        let [first, second] = <[Call; 2]>::try_from(calls(&base, &order).await).expect("two");
        assert_eq!(first.sealed_request, None);
        assert_eq!((first.outcome.as_deref(), first.ended_at), (Some("done"), Some(NOW + 3)));
        assert!(second.sealed_request.is_some() && second.outcome.is_none());
    }

    async fn ending_all_calls_leaves_ended_ones_and_other_generations_alone(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        change(&base, &mut order, CallChange::Begin(call(1))).await;
        order.generation = 2;
        for turn in [1, 2] {
            change(&base, &mut order, CallChange::Begin(Call { generation: 2, ..call(turn) })).await;
        }
        let end = CallChange::End { turn: 1, outcome: "done", detail: String::new(), took_ms: None, at: NOW };
        change(&base, &mut order, end).await;
        change(&base, &mut order, CallChange::EndAll { outcome: "placed", took_ms: None, at: NOW + 1 }).await;
        let calls = calls(&base, &order).await;
        let outcomes: Vec<_> = calls.iter().map(|call| call.outcome.as_deref()).collect();
        assert_eq!(outcomes, [None, Some("done"), Some("placed")]);
        assert!(calls[0].sealed_request.is_some());
        assert_eq!(calls[2].sealed_request, None);
    }

    async fn an_intent_is_saved_with_its_order(database) {
        let base = Base::on(database).await;
        let order = order("a");
        let change = Change { calls: vec![CallChange::Begin(call(1))], ..Change::default() };
        base.store.insert_order(&order, &change, NOW).await.expect("the database works");
        assert_eq!(calls(&base, &order).await.len(), 1);
    }
}

/// An open call of the first generation.
pub(super) fn call(turn: i64) -> Call {
    Call {
        generation: 1,
        turn,
        step: "invite".to_owned(),
        key: format!("key-{turn}"),
        effect: Effect::Once,
        sealed_request: Some(b"key1 request".to_vec()),
        first_sent_at: NOW,
        sent_at: NOW,
        copies: 1,
        took_ms: None,
        outcome: None,
        detail: None,
        ended_at: None,
    }
}

async fn change(base: &Base, order: &mut Order, call: CallChange) {
    let change = Change {
        calls: vec![call],
        ..Change::default()
    };
    base.save(order, &change).await;
}

async fn calls(base: &Base, order: &Order) -> Vec<Call> {
    let calls = base.store.calls(&order.id).await;
    calls.expect("the database works")
}
