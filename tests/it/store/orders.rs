//! An order is there once, and is changed by whoever read it last, as a whole.

use adapters::vocabulary::Outcome;
use cleargate::domain::contact::Contact;
use cleargate::domain::order::Waiting;
use cleargate::store::{CallChange, CallbackEnd};
use futures_util::future::join_all;

use super::calls::call;
use super::*;
use crate::support::on_both_databases;

on_both_databases! {
    async fn an_order_inserted_by_twenty_at_once_is_there_once(database) {
        let base = Base::on(database).await;
        let other = base.another().await;
        let insertions = (0..20).map(|number| {
            let store = if number % 2 == 0 { base.store.clone() } else { other.clone() };
            async move {
                let order = Order { background_check_id: "same".into(), ..order(&number.to_string()) };
                let change = Change { lines: vec![line("received")], ..Change::default() };
                (store.insert_order(&order, &change, NOW).await.expect("the database works"), order)
            }
        });
        let ended = join_all(insertions).await;
        let inserted: Vec<_> =
            ended.iter().filter(|(placement, _)| matches!(placement, Placement::Inserted)).collect();
        assert_eq!(inserted.len(), 1);
        let stored = base.store.tenant_order("ten_1", "same").await.expect("the database works");
        assert_eq!(stored.expect("it is there").id, inserted[0].1.id);
        for (_, order) in &ended {
            let lines = base.store.history(&order.id).await.expect("the database works");
            assert_eq!(lines.len(), usize::from(order.id == inserted[0].1.id));
        }
    }

    async fn two_tenants_may_give_their_orders_the_same_id(database) {
        let base = Base::on(database).await;
        save_tenant(&base.store, &tenant("ten_2"), &[], None, NOW).await.expect("a tenant is saved");
        base.inserted("a").await;
        let theirs = Order { tenant_id: "ten_2".into(), background_check_id: "a".into(), ..order("b") };
        let placed = base.store.insert_order(&theirs, &Change::default(), NOW).await;
        assert!(matches!(placed, Ok(Placement::Inserted)));
        let found = base.store.tenant_order("ten_2", "a").await.expect("the database works");
        assert_eq!(found.expect("it is there").id, theirs.id);
    }

    async fn an_order_is_read_as_it_was_saved(database) {
        let base = Base::on(database).await;
        let mut saved = base.inserted("a").await;
        assert_eq!(format!("{:?}", base.read(&saved).await), format!("{saved:?}"));
        saved = Order {
            connection_id: "con_2".into(),
            their_ref: Some(theirs("t")),
            stage: Stage::Complete,
            result: Some(Outcome::Review),
            detail: Some("consider".into()),
            accepted: false,
            sealed_report: Some(vec![7; 5]),
            sealed_order: None,
            lease_token: Some("token".into()),
            lease_until: Some(1),
            due_at: Some(2),
            look_at: Some(3),
            looked_at: Some(4),
            idle_looks: 5,
            waiting: Some(Waiting::NoNews),
            ended_at: Some(6),
            ..saved
        };
        base.save(&mut saved, &Change::default()).await;
        assert_eq!(format!("{:?}", base.read(&saved).await), format!("{saved:?}"));
        for found in [
            base.store.tracked_order(&saved.tracking_id).await,
            base.store.order_by_our_ref("con_2", &saved.our_ref).await,
        ] {
            assert_eq!(found.expect("the database works").expect("it is there").id, saved.id);
        }
    }

    async fn an_order_saved_stale_changes_nothing(database) {
        let base = Base::on(database).await;
        let mut first = base.inserted("a").await;
        let mut second = first.clone();
        base.save(&mut first, &Change { lines: vec![line("first")], ..Change::default() }).await;
        base.store.insert_callback("cbk_1", "con_1", "d", b"body", NOW).await.expect("it is taken");

        second.stage = Stage::Failed;
        for change in in_every_way(everything()) {
            let saved = base.store.save_order(&mut second, &change, NOW).await;
            assert_eq!(saved.expect("the database works"), Saved::Stale);
            assert_eq!(second.version, 1, "the order given is as it was");
            nothing_of_everything(&base, &first, &["first"]).await;
            assert_eq!(base.read(&first).await.stage, Stage::Placing);
        }
    }

    async fn of_twenty_changes_at_once_one_is_saved_and_the_others_are_stale(database) {
        let base = Base::on(database).await;
        let (order, other) = (base.inserted("a").await, base.another().await);
        let changes = (0..20).map(|number| {
            let store = if number % 2 == 0 { base.store.clone() } else { other.clone() };
            let mut order = order.clone();
            async move {
                let [_, _, change] = in_every_way(everything());
                store.save_order(&mut order, &change, NOW).await.expect("the database works")
            }
        });
        let ended = join_all(changes).await;
        assert_eq!(ended.iter().filter(|saved| **saved == Saved::Done).count(), 1, "{ended:?}");
        assert_eq!(ended.iter().filter(|saved| **saved == Saved::Stale).count(), 19, "{ended:?}");
        assert_eq!(base.kinds_of_history(&order).await, ["one", "two"]);
        assert_eq!(base.store.calls(&order.id).await.expect("the database works").len(), 1);
    }

    async fn a_change_whose_reference_is_taken_is_rolled_back_as_a_whole(database) {
        let base = Base::on(database).await;
        let (mut owner, mut order) = (base.inserted("owner").await, base.inserted("a").await);
        base.save(&mut owner, &gains(&["theirs"])).await;
        base.store.insert_callback("cbk_1", "con_1", "d", b"body", NOW).await.expect("it is taken");

        let mut change = everything();
        change.references = vec![theirs("new"), theirs("theirs")];
        order.stage = Stage::Invited;
        for change in in_every_way(change) {
            let saved = base.store.save_order(&mut order, &change, NOW).await;
            assert_eq!(saved.expect("the database works"), Saved::Taken(theirs("theirs")));
            assert_eq!(order.version, 1);
            nothing_of_everything(&base, &order, &[]).await;
            assert_eq!(base.read(&order).await.stage, Stage::Placing);
        }
    }

    async fn a_change_is_there_as_a_whole(database) {
        let three = ["one", "two", "three"];
        let comes_to: [(&[_], &[_]); 3] = [(&three, &["pending"]), (&three, &[]), (&three[..2], &[])];
        for (change, (history, deliveries)) in in_every_way(everything()).iter().zip(comes_to) {
            let base = Base::on(database).await;
            let mut order = base.inserted("a").await;
            base.store.insert_callback("cbk_1", "con_1", "d", b"body", NOW).await.expect("it is taken");
            base.save(&mut order, change).await;
            assert_eq!(order.version, 2);
            assert_eq!(base.kinds_of_history(&order).await, history);
            assert_eq!(base.store.calls(&order.id).await.expect("the database works").len(), 1);
            assert_eq!(base.store.contacts(&order.id).await.expect("the database works").len(), 1);
            assert!(base.store.owns_reference(&order.id, &theirs("new")).await.expect("the database works"));
            assert_eq!(base.states(&order).await, deliveries);
            let settled = base.store.callbacks_in("settled", 10).await.expect("the database works");
            assert_eq!(settled[0].reason.as_deref(), Some("applied"));
        }
    }

    async fn history_is_read_in_the_order_it_was_written(database) {
        let base = Base::on(database).await;
        let mut order = base.inserted("a").await;
        let mut written = Vec::new();
        for change in 0..3 {
            let kinds: Vec<String> = (0..12).map(|number| format!("{change}-{number}")).collect();
            let lines = kinds.iter().map(|kind| line(kind)).collect();
            base.save(&mut order, &Change { lines, ..Change::default() }).await;
            written.extend(kinds);
        }
        assert_eq!(base.kinds_of_history(&order).await, written);
    }

    async fn a_look_that_is_asked_for_is_not_put_off_by_whoever_read_the_order_before(database) {
        let base = Base::on(database).await;
        let mut looking = base.inserted("a").await;
        base.store.look_by(&looking.id, NOW).await.expect("the database works");
        looking.look_at = Some(MUCH_LATER);
        let saved = base.store.save_order(&mut looking, &Change::default(), NOW).await;
        assert_eq!(saved.expect("the database works"), Saved::Stale);
        assert_eq!(base.read(&looking).await.look_at, Some(NOW));
    }

    async fn a_look_is_moved_to_a_sooner_time_only(database) {
        let base = Base::on(database).await;
        let order = base.inserted("a").await;
        for (asked, expected) in [(NOW + 5, NOW + 5), (NOW + 9, NOW + 5), (NOW + 2, NOW + 2)] {
            base.store.look_by(&order.id, asked).await.expect("the database works");
            assert_eq!(base.read(&order).await.look_at, Some(expected));
        }
    }

    async fn two_orders_for_one_person_are_not_placed_at_once(database) {
        let base = Base::on(database).await;
        let of = |name: &str| Order { person: Some("p1".to_owned()), ..order(name) };
        let (mut first, second) = (of("1"), of("2"));
        let insert = async |order: &Order| base.store.insert_order(order, &Change::default(), NOW).await.unwrap();
        assert!(matches!(insert(&first).await, Placement::Inserted));
        assert!(matches!(insert(&second).await, Placement::Exists), "it has to wait");
        first.sealed_order = None;
        base.save(&mut first, &Change::default()).await;
        assert!(matches!(insert(&second).await, Placement::Inserted));
        // The first is asked for again, under its old id.
        first.sealed_order = Some(vec![1]);
        first.person = Some("p1".to_owned());
        let saved = base.store.save_order(&mut first, &Change::default(), NOW).await.unwrap();
        assert_eq!(saved, Saved::Stale, "it has to wait too");
    }

    async fn orders_that_wait_for_a_person_are_listed_oldest_first(database) {
        let base = Base::on(database).await;
        for (name, at) in [("late", 9), ("early", 3), ("not", 1)] {
            let mut order = base.inserted(name).await;
            order.updated_at = at;
            order.waiting = (name != "not").then_some(Waiting::Several);
            base.save(&mut order, &Change::default()).await;
        }
        let waiting = base.store.waiting_orders(10).await.expect("the database works");
        let names: Vec<_> = waiting.iter().map(|order| order.background_check_id.as_str()).collect();
        assert_eq!(names, ["early", "late"]);
        assert_eq!(base.store.count_waiting_orders().await.expect("the database works"), 2);
    }

    async fn open_orders_are_counted_by_connection_and_old_applicant_data_are_found(database) {
        let base = Base::on(database).await;
        base.inserted("open").await;
        let mut ended = base.inserted("ended").await;
        (ended.ended_at, ended.sealed_order) = (Some(NOW), None);
        base.save(&mut ended, &Change::default()).await;
        assert_eq!(base.store.count_open_orders("con_1").await.expect("the database works"), 1);
        assert_eq!(base.store.count_open_orders("con_2").await.expect("the database works"), 0);
        let sealed = |before| base.store.orders_sealed_before(before, 10);
        assert!(sealed(NOW).await.expect("the database works").is_empty());
        let found = sealed(NOW + 1).await.expect("the database works");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].background_check_id, "open");
    }

    async fn steps_are_named_while_a_placing_is_open(database) {
        let base = Base::on(database).await;
        let mut open = base.inserted("open").await;
        (open.memo.step, open.due_at) = ("invite".into(), Some(NOW));
        base.save(&mut open, &Change::default()).await;
        let mut placed = base.inserted("placed").await;
        placed.memo.step = "gone".into();
        base.save(&mut placed, &Change::default()).await;
        let steps = base.store.open_placing_steps().await.expect("the database works");
        assert_eq!(steps, [("sandbox".to_owned(), "invite".to_owned())]);
    }
}

/// A change with all parts; `cbk_1` has to be there.
fn everything() -> Change {
    Change {
        lines: vec![line("one"), line("two")],
        once: vec![line("three")],
        contacts: vec![Contact::callback(NOW, "applied", "")],
        calls: vec![CallChange::Begin(call(1))],
        references: vec![theirs("new")],
        webhook: Some(update("{}")),
        settles: Some(CallbackEnd {
            id: "cbk_1".to_owned(),
            reason: "applied",
        }),
    }
}

async fn nothing_of_everything(base: &Base, order: &Order, history: &[&str]) {
    assert_eq!(base.kinds_of_history(order).await, history);
    let calls = base.store.calls(&order.id).await;
    assert!(calls.expect("the database works").is_empty());
    let owner = base.store.order_by_their_ref("con_1", &theirs("new")).await;
    assert!(owner.expect("the database works").is_none());
    assert!(base.states(order).await.is_empty());
    let callbacks = base.store.callbacks_in("new", 10).await;
    assert_eq!(callbacks.expect("the database works").len(), 1);
}

/// As it is, without its webhook, and without all that keeps it from being one statement: a
/// change is as whole, however it is saved.
fn in_every_way(change: Change) -> [Change; 3] {
    let in_a_transaction = Change {
        webhook: None,
        ..change.clone()
    };
    let mut in_one_statement = Change {
        once: Vec::new(),
        ..in_a_transaction.clone()
    };
    in_one_statement
        .references
        .drain(..change.references.len() - 1);
    [change, in_a_transaction, in_one_statement]
}
