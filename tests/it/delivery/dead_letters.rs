//! What was given up is kept and can be sent again, but an older result never after a newer one;
//! and whatever happens, no update is lost.

use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};
use cleargate::store::Discarded;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::deliveries::hook;
use crate::support::{Database, Plan, World, on_both_databases};

/// A world in which the ATS took nothing of order `a` but these results of its check, until it was
/// left alone no more.
async fn given_up_on(database: Database, results: &[&str]) -> World {
    let world = Plan::sandbox(database).start().await;
    world.place_all(&["a"]).await;
    world.ats.answer_with(Answer::status(500));
    for result in results {
        world.news(&["a"], "complete", Some(result)).await;
        world.deliver_all().await;
    }
    world.ats.answer_with(Answer::status(200));
    world.pass(Duration::from_secs(300)).await;
    world
}

/// What the ATS has been told since it had been told `before` times.
fn told_since(world: &World, before: usize) -> Vec<String> {
    world.arrivals().said("a").split_off(before)
}

on_both_databases! {
    async fn a_dead_update_is_listed_with_its_reason(database) {
        let world = given_up_on(database, &["pass"]).await;
        let dead = world.app().store.deliveries_in("dead", 10).await.unwrap();
        let order = world.stored("a").await;
        assert_eq!(dead.len(), 1);
        assert_eq!((&dead[0].order_id, dead[0].reason.as_deref()), (&order.id, Some("exhausted")));
    }

    async fn a_dead_update_is_sent_again_when_an_operator_says_so(database) {
        let world = given_up_on(database, &["pass"]).await;
        let before = world.arrivals().of("a").len();
        assert!(world.redeliver("a").await);
        world.settle().await;
        assert_eq!(told_since(&world, before), ["complete Pass"]);
        assert_eq!(world.ends("a").await, ["delivered"]);
        world.check_deliveries(&["a"]).await;
    }

    async fn a_redelivery_has_all_attempts_again(database) {
        let world = given_up_on(database, &["pass"]).await;
        world.ats.answer_with(Answer::status(500));
        assert!(world.redeliver("a").await);
        world.deliver_all().await;
        assert_eq!(world.ends("a").await, ["dead: exhausted"]);
        assert_eq!(world.attempts("a").await.len(), 24);
    }

    async fn of_several_dead_updates_only_the_newest_comes_back(database) {
        let world = given_up_on(database, &["pass", "review"]).await;
        let before = world.arrivals().of("a").len();
        assert!(world.redeliver("a").await);
        world.deliver_all().await;
        assert_eq!(told_since(&world, before), ["complete Review"]);
        assert_eq!(world.ends("a").await, ["dead: exhausted", "delivered"]);
        assert!(!world.redeliver("a").await);
    }

    async fn what_was_discarded_is_never_sent_and_what_comes_later_is(database) {
        let world = given_up_on(database, &["pass", "review"]).await;
        let (before, order) = (world.arrivals().of("a").len(), world.stored("a").await.id);
        let discard = async || world.app().store.discard(&order, world.clock.now()).await.unwrap();
        assert_eq!(discard().await, Discarded::Done(2));
        assert_eq!((discard().await, world.redeliver("a").await), (Discarded::Nothing, false));
        world.pass(Duration::from_secs(30 * 86_400)).await;
        assert_eq!(told_since(&world, before), [""; 0]);
        world.news(&["a"], "complete", Some("fail")).await;
        world.deliver_all().await;
        assert_eq!(told_since(&world, before), ["complete Fail"]);
        assert_eq!(discard().await, Discarded::Nothing);
        world.check_deliveries(&["a"]).await;
    }

    async fn a_waiting_update_can_be_discarded_and_one_that_is_being_sent_cannot(database) {
        let world = Plan::sandbox(database).start().await;
        world.place_all(&["a"]).await;
        world.news(&["a"], "complete", Some("pass")).await;
        let order = world.stored("a").await.id;
        let discard = async || world.app().store.discard(&order, world.clock.now()).await.unwrap();
        let flying = world.claim().await;
        assert_eq!(discard().await, Discarded::BeingSent);
        world.ats.answer_with(Answer::status(500));
        world.deliver(flying).await;
        assert_eq!(world.ends("a").await, ["pending"]);
        assert_eq!(discard().await, Discarded::Done(1));
        world.pass(Duration::from_secs(30 * 86_400)).await;
        assert_eq!(world.arrivals().of("a").len(), 1);
        assert_eq!(world.ends("a").await, ["discarded"]);
    }

    async fn an_old_pass_does_not_come_back_after_a_newer_result(database) {
        let world = given_up_on(database, &["pass"]).await;
        world.news(&["a"], "complete", Some("fail")).await;
        world.settle().await;
        let before = world.arrivals().of("a").len();
        assert!(!world.redeliver("a").await);
        world.deliver_all().await;
        assert_eq!(told_since(&world, before), [""; 0]);
        assert_eq!(world.arrivals().said("a").last().unwrap(), "complete Fail");
    }

    async fn a_webhook_that_was_closed_is_opened_by_a_redelivery(database) {
        let world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::status(410).times(1));
        world.passed(&["a"]).await;
        world.settle().await;
        assert!(world.redeliver("a").await);
        world.settle().await;
        assert_eq!(world.ends("a").await, ["delivered"]);
        world.news(&["a"], "complete", Some("fail")).await;
        world.settle().await;
        assert_eq!(world.ends("a").await, ["delivered", "delivered"]);
    }

    async fn what_waits_or_was_delivered_is_not_sent_again(database) {
        let world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::status(500).at(&hook("waits")));
        world.passed(&["waits", "done"]).await;
        world.settle().await;
        assert!(!world.redeliver("waits").await);
        assert!(!world.redeliver("done").await);
        world.settle().await;
        assert_eq!(world.ats.received().len(), 2);
    }

    async fn nothing_is_lost_or_out_of_order_whatever_the_ats_does(database) {
        for seed in [7, 2027] {
            Storm::of(database, seed).await.blow().await;
        }
    }
}

/// Orders that move at random while their ATS fails at random.
struct Storm {
    world: World,
    ids: Vec<String>,
    random: StdRng,
}

impl Storm {
    async fn of(database: Database, seed: u64) -> Self {
        let plan = Plan::sandbox(database).webhook("updates = true");
        let plan = plan
            .setting("DELIVERY__ATTEMPTS", "4")
            .setting("DELIVERY__ATTEMPT_TIMEOUT", "500ms");
        let world = plan.start().await;
        let ids: Vec<String> = (0..6).map(|number| format!("{seed}-{number}")).collect();
        world.place_all(&ids).await;
        Self {
            world,
            ids,
            random: StdRng::seed_from_u64(seed),
        }
    }

    async fn blow(mut self) {
        for _ in 0..20 {
            self.change_the_ats();
            self.move_an_order().await;
            let pause = Duration::from_secs(self.random.random_range(0..200));
            self.world.pass(pause).await;
            self.world.check_deliveries(&self.ids).await;
        }
        self.world.ats.answer_with(Answer::status(200));
        self.world.deliver_all().await;
        self.check_end().await;
    }

    fn change_the_ats(&mut self) {
        let answers = [
            Answer::status(200),
            Answer::status(500),
            Answer::status(429).retry_after("100"),
            Answer::status(413),
            Answer::status(302).header("location", "/elsewhere"),
            Answer::conduct(Conduct::Reset),
            Answer::conduct(Conduct::CloseAfter { bytes: 9 }),
        ];
        let answer = &answers[self.random.random_range(0..answers.len())];
        let id = self.random.random_range(0..self.ids.len());
        self.world
            .ats
            .answer_with(answer.clone().at(&hook(&self.ids[id])));
    }

    async fn move_an_order(&mut self) {
        let moves = [
            ("in_progress", None),
            ("on_hold", None),
            ("complete", Some("pass")),
            ("complete", Some("review")),
            ("complete", Some("fail")),
        ];
        let (status, result) = moves[self.random.random_range(0..moves.len())];
        let id = &self.ids[self.random.random_range(0..self.ids.len())];
        self.world.news(&[id], status, result).await;
    }

    /// The last update of every order has ended, and what the ATS last took is what is true.
    async fn check_end(&self) {
        self.world.check_deliveries(&self.ids).await;
        for id in &self.ids {
            let ends = self.world.ends(id).await;
            assert!(ends.iter().all(|end| end != "pending"), "{id}: {ends:?}");
            let newest = ends.last();
            assert_ne!(newest.map(String::as_str), Some("superseded"), "{id}");
        }
    }
}
