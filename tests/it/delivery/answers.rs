//! What follows each answer of an ATS, by real sockets and a clock that is moved. Each order has a
//! destination of its own here: what follows for others is told in `destinations.rs`.

use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};

use crate::support::deliveries::hook;
use crate::support::name_server::NameServer;
use crate::support::{Database, Plan, World, on_both_databases};

/// Delays after the first, second, ... failed attempt, in seconds; each is spread by a fifth
/// either way, and the last one repeats.
const DELAYS: [u64; 11] = [
    5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400,
];

/// The most attempts a setting allows.
const MOST: usize = 20;

const MILLISECOND: Duration = Duration::from_millis(1);

fn apart(database: Database) -> Plan {
    Plan::uncapped(database).apart()
}

fn delay_after(attempt: usize) -> Duration {
    Duration::from_secs(DELAYS[(attempt - 1).min(DELAYS.len() - 1)])
}

/// Attempts each of the orders has seen.
async fn attempts(world: &World, ids: &[String]) -> Vec<usize> {
    let mut counts = Vec::new();
    for id in ids {
        counts.push(world.attempts(id).await.len());
    }
    counts
}

/// Expects the next attempt of every order `delay` from now, a fifth earlier or later, and not
/// before.
async fn expect_next_after(world: &World, ids: &[String], delay: Duration) {
    let before = attempts(world, ids).await;
    world.pass(delay * 4 / 5 - MILLISECOND).await;
    assert_eq!(attempts(world, ids).await, before, "too early");
    world.pass(delay * 2 / 5 + 2 * MILLISECOND).await;
    let after: Vec<usize> = before.iter().map(|count| count + 1).collect();
    assert_eq!(attempts(world, ids).await, after, "after {delay:?}");
}

/// Expects that nothing is sent any more, and how the only delivery of each order ended.
async fn expect_over(world: &World, ids: &[String], end: &str) {
    let before = attempts(world, ids).await;
    world.pass(Duration::from_secs(3 * 86_400)).await;
    assert_eq!(attempts(world, ids).await, before);
    for id in ids {
        assert_eq!(world.ends(id).await, [end], "{id}");
    }
}

fn texts<T: ToString>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|it| it.to_string()).collect()
}

/// Every status that follows the schedule, in rows of as many as there are attempts.
fn scheduled_statuses() -> Vec<Vec<u16>> {
    let others =
        |status: &u16| !(200..300).contains(status) && ![410, 413, 414, 431].contains(status);
    let statuses: Vec<u16> = (100..=599).filter(others).collect();
    statuses.chunks(MOST).map(<[u16]>::to_vec).collect()
}

/// One order for each row, whose attempts are answered with the statuses of the row in turn.
async fn world_of_rows(plan: Plan, rows: &[Vec<u16>]) -> (World, Vec<String>) {
    let world = plan
        .setting("DELIVERY__ATTEMPTS", MOST.to_string())
        .start()
        .await;
    let ids = texts(0..rows.len());
    for (id, row) in ids.iter().zip(rows) {
        for status in row {
            let answer = Answer::status(*status).header("location", &world.ats.url("/elsewhere"));
            world.ats.answer_with(answer.at(&hook(id)).times(1));
        }
        world.ats.answer_with(Answer::status(500).at(&hook(id)));
    }
    world.passed(&ids).await;
    world.settle().await;
    (world, ids)
}

/// A world with one order for each of these answers, each attempted once.
async fn world_of_answers(plan: Plan, answers: Vec<Answer>) -> (World, Vec<String>) {
    let world = plan.start().await;
    let ids = texts(0..answers.len());
    for (id, answer) in ids.iter().zip(answers) {
        world.ats.answer_with(answer.at(&hook(id)));
    }
    world.passed(&ids).await;
    world.settle().await;
    (world, ids)
}

fn statuses(of: impl IntoIterator<Item = u16>) -> Vec<Answer> {
    of.into_iter().map(Answer::status).collect()
}

fn conducts<const N: usize>(of: [Conduct; N]) -> Vec<Answer> {
    of.into_iter().map(Answer::conduct).collect()
}

on_both_databases! {
    async fn every_status_that_settles_nothing_follows_the_schedule_to_its_end(database) {
        let rows = scheduled_statuses();
        let (world, ids) = world_of_rows(apart(database), &rows).await;
        for attempt in 1..MOST {
            expect_next_after(&world, &ids, delay_after(attempt)).await;
        }
        expect_over(&world, &ids, "dead: exhausted").await;
        assert_eq!(world.ats.received().len(), MOST * rows.len(), "no redirect is followed");
        world.check_deliveries(&ids).await;
    }

    async fn twelve_attempts_are_made_where_no_setting_says_otherwise(database) {
        let (world, ids) = world_of_answers(apart(database), statuses([500])).await;
        world.deliver_all().await;
        expect_over(&world, &ids, "dead: exhausted").await;
        assert_eq!(attempts(&world, &ids).await, [12]);
    }

    async fn any_2xx_is_delivered_whatever_its_body(database) {
        let plan = apart(database).setting("DELIVERY__ATTEMPT_TIMEOUT", "2s");
        let mut answers = statuses([200, 201, 202, 204, 205, 206, 226, 250, 299]);
        answers.extend(conducts([Conduct::Drip]));
        answers.push(Answer::conduct(Conduct::CloseAfter { bytes: 150 }).body("not json"));
        let (world, ids) = world_of_answers(plan, answers).await;
        expect_over(&world, &ids, "delivered").await;
        assert_eq!(world.ats.received().len(), ids.len());
    }

    async fn no_more_of_an_answer_is_read_than_is_needed(database) {
        let endless = conducts([Conduct::Huge { bytes: u64::MAX }]);
        let (world, ids) = world_of_answers(apart(database), endless).await;
        expect_over(&world, &ids, "delivered").await;
        let took = world.attempts(&ids[0]).await[0].took_ms;
        assert!(took < 20_000, "it was read until the deadline");
    }

    async fn no_answer_is_a_failure_that_follows_the_schedule(database) {
        let plan = apart(database).setting("DELIVERY__ATTEMPT_TIMEOUT", "500ms");
        let silent = [Conduct::Hang, Conduct::Reset, Conduct::CloseAfter { bytes: 12 }];
        let (world, ids) = world_of_answers(plan, conducts(silent)).await;
        for attempt in 1..=3 {
            expect_next_after(&world, &ids, delay_after(attempt)).await;
        }
        world.ats.answer_with(Answer::status(200).at(&hook("0")));
        expect_next_after(&world, &ids, delay_after(4)).await;
        assert_eq!(world.ends("0").await, ["delivered"]);
        world.check_deliveries(&ids).await;
    }

    async fn a_destination_that_is_not_there_follows_the_schedule(database) {
        let mut world = apart(database).start().await;
        let ids = texts(["a"]);
        world.passed(&ids).await;
        let nobody = cleargate::sandbox::FakeAts::start(([127, 0, 0, 1], 0).into()).unwrap();
        std::mem::replace(&mut world.ats, nobody).stop().await;
        world.settle().await;
        expect_next_after(&world, &ids, delay_after(1)).await;
        assert!(world.attempts("a").await[1].outcome.contains("refused"));
    }

    async fn a_busy_destination_is_not_asked_before_the_time_it_names(database) {
        let an_hour = "Fri, 15 Jan 2027 09:00:00 GMT";
        let busy = [429, 502, 503, 504].map(|status| Answer::status(status).retry_after("3600"));
        let mut answers = Vec::from(busy);
        answers.push(Answer::status(503).retry_after(an_hour));
        let (world, ids) = world_of_answers(apart(database), answers).await;
        world.pass(Duration::from_secs(3_600) - MILLISECOND).await;
        assert_eq!(attempts(&world, &ids).await, [1; 5]);
        world.pass(MILLISECOND).await;
        assert_eq!(attempts(&world, &ids).await, [2; 5]);
    }

    async fn a_wish_that_is_past_or_senseless_or_of_the_wrong_status_changes_nothing(database) {
        let past = "Fri, 15 Jan 2027 07:59:00 GMT";
        let wishes = [(503, past), (429, "0"), (503, "soon"), (503, "-5"), (500, "3600"), (404, "3600")];
        let answers = wishes.map(|(status, wish)| Answer::status(status).retry_after(wish));
        let (world, ids) = world_of_answers(apart(database), answers.into()).await;
        expect_next_after(&world, &ids, delay_after(1)).await;
    }

    async fn nobody_can_make_us_wait_for_more_than_a_day(database) {
        let wishes = ["99999999999999999999999", "Fri, 15 Jan 2077 08:00:00 GMT"];
        let answers = wishes.map(|wish| Answer::status(503).retry_after(wish));
        let (world, ids) = world_of_answers(apart(database), answers.into()).await;
        world.pass(Duration::from_secs(86_400) - MILLISECOND).await;
        assert_eq!(attempts(&world, &ids).await, [1; 2]);
        world.pass(MILLISECOND).await;
        assert_eq!(attempts(&world, &ids).await, [2; 2]);
    }

    async fn an_answer_of_410_closes_the_webhook_of_its_order_alone(database) {
        let plan = apart(database).webhook("updates = true");
        let world = plan.start().await;
        world.ats.answer_with(Answer::status(410).at(&hook("closed")));
        let ids = ["closed", "open"];
        world.place_all(&ids).await;
        world.news(&ids, "in_progress", None).await;
        world.settle().await;
        world.ats.answer_with(Answer::status(200).at(&hook("closed")));
        world.news(&ids, "complete", Some("pass")).await;
        world.deliver_all().await;
        let closed = world.ends("closed").await;
        assert!(closed.len() >= 2 && closed[closed.len() - 2..] == ["dead: gone", "dead: gone"], "{closed:?}");
        assert_eq!(world.ends("open").await.last().unwrap(), "delivered");
        assert_eq!(world.arrivals().said("closed"), ["in_progress"]);
        world.check_deliveries(&ids).await;
    }

    async fn a_size_that_is_refused_is_tried_three_times(database) {
        let (world, ids) = world_of_answers(apart(database), statuses([413, 414, 431])).await;
        expect_next_after(&world, &ids, delay_after(1)).await;
        expect_next_after(&world, &ids, delay_after(2)).await;
        expect_over(&world, &ids, "dead: too_large").await;
    }

    async fn an_address_that_was_allowed_once_is_judged_at_every_attempt(database) {
        let mut world = apart(database).start().await;
        let ids = texts(["a"]);
        world.passed(&ids).await;
        world.settings.egress.allow.clear();
        world.restart().await;
        world.settle().await;
        expect_next_after(&world, &ids, Duration::from_secs(300)).await;
        expect_next_after(&world, &ids, Duration::from_secs(300)).await;
        expect_over(&world, &ids, "dead: destination_refused").await;
        assert_eq!(world.ats.received().len(), 0, "nothing is connected");
    }

    async fn a_name_that_points_inside_is_refused_until_it_does_not(database) {
        let names = NameServer::start([10, 0, 0, 1]).await;
        let plan = apart(database).setting("EGRESS__NAMESERVERS", names.addr.to_string());
        let world = plan.start().await;
        let ids = texts(["lost", "found"]);
        for id in &ids {
            let mut order = world.order_called(id);
            order["webhook_url"] = format!("http://{id}.yourco.dev:{}{}", world.ats.addr().port(), hook(id)).into();
            world.place_these(vec![order]).await;
        }
        world.news(&ids, "complete", Some("pass")).await;
        world.settle().await;
        expect_next_after(&world, &ids, Duration::from_secs(300)).await;
        assert_eq!(world.ats.received().len(), 0, "nothing is connected");
        names.say([127, 0, 0, 1]);
        world.ats.answer_with(Answer::status(500).at(&hook("lost")));
        expect_next_after(&world, &ids, Duration::from_secs(300)).await;
        assert_eq!(world.ends("found").await, ["delivered"]);
        let host = world.arrivals().of("found")[0].header("host").unwrap().to_owned();
        assert!(host.starts_with("found.yourco.dev:"), "{host}");
    }
}
