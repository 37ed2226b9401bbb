//! What must hold after every fault, whatever happened before it. Each sentence below is a promise
//! of ARCHITECTURE.md; what it is checked against survived the fault: the vendor's orders, the
//! webhooks the ATS has received, what callers were answered, the logs, and the tables.
//!
//! | | what holds |
//! | --- | --- |
//! | I1 | what was answered 2xx, to an ATS or to a vendor, has its row |
//! | I2 | a callback is applied once |
//! | I3 | everything that was to be told is delivered, dead, discarded, superseded or pending |
//! | I4 | the ATS hears of an order's updates in the sequence in which they happened |
//! | I5 | of one order one attempt is under way at a time, unless a lease ran out, which is recorded |
//! | I6 | every attempt at a webhook has the same id and the same bytes |
//! | I7 | no address is called that is refused: `egress` has its own tests of that |
//! | I8 | no destination has more attempts at once than it may |
//! | I9 | no failed attempt is followed by another before its time |
//! | I10 | no more webhooks come twice than were under way when a fault struck |
//! | I11 | no log line has a secret, or anything about a person |
//! | I12 | memory and sockets come back to what they were: F10 and F11 look at that themselves |
//! | I13 | one order of ours is one at the vendor at most; what was answered 201 is there, or ended with its webhook, or waits for a person; what was answered 503 and not asked for again is not sent afterwards |
//! | I14 | nothing that the vendor has is reported as failed |
//! | I15 | no Pass that the vendor did not give, and no older result after a newer one |

use std::collections::{BTreeMap, HashMap, HashSet};

use adapters::simulator::HeldOrder;
use adapters::vocabulary::Millis;
use cleargate::app::story::Story;
use cleargate::domain::order::{Stage, result_word};
use cleargate::sandbox::Received;
use cleargate::store::{AttemptRow, DeliveryRow};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{Told, Trial};

/// Stories that are read at once.
const READ_AT_ONCE: usize = 4;
/// A request whose intent was committed leaves within this, or never.
const FIRST_BYTE: Millis = 4_000;
/// The shortest pauses after failed attempts: those of the schedule, less the fifth they are spread
/// by, and less what two clock readings differ by.
const PAUSES: [Millis; 4] = [3_900, 23_900, 95_900, 479_900];
/// What an order's webhook says while it is open.
const OPEN: [&str; 3] = ["invited", "in_progress", "on_hold"];

/// Checks a trial that is over. `duplicates`: how many webhooks may have arrived a second time,
/// which is how many attempts were under way when a fault struck.
pub(crate) async fn check(trial: &Trial, duplicates: usize) {
    let evidence = Evidence::of(trial).await;
    evidence.the_vendor_has_each_order_once_and_none_that_we_call_failed();
    evidence.what_was_answered_503_is_not_placed_afterwards();
    for story in &evidence.stories {
        evidence.what_the_ats_was_answered_is_true(story);
        evidence.every_end_was_told_once(story);
        evidence.what_was_applied_was_applied_once(story);
        evidence.webhooks_came_one_at_a_time_in_their_order(story);
        evidence.attempts_keep_to_the_schedule(story);
    }
    evidence.no_destination_had_more_at_once_than_it_may();
    evidence.an_answer_2xx_had_its_row();
    evidence.every_row_belongs_to_an_order().await;
    evidence.every_refusal_has_our_form();
    evidence.every_callback_was_kept_and_settled().await;
    evidence.repeats_are_the_same_bytes_and_few(duplicates);
    evidence.no_log_tells_a_secret_or_a_persons_data();
}

/// What is known of a trial, from everybody who saw it.
struct Evidence<'a> {
    trial: &'a Trial,
    told: Vec<Told>,
    stories: Vec<Story>,
    /// By our reference.
    held: HashMap<String, Vec<HeldOrder>>,
    /// By `background_check_id`.
    webhooks: HashMap<String, Vec<Received>>,
}

impl<'a> Evidence<'a> {
    async fn of(trial: &'a Trial) -> Self {
        let orders = stream::iter(trial.orders().await);
        let stories = orders.map(|order| async {
            let story = trial.app.story(order).await;
            story.expect("the database works")
        });
        let mut webhooks: HashMap<String, Vec<Received>> = HashMap::new();
        let elsewhere = trial.other_ats.iter().flat_map(|ats| ats.received());
        for it in trial.ats.received().into_iter().chain(elsewhere) {
            let id = it.path().trim_start_matches("/hooks/").to_owned();
            webhooks.entry(id).or_default().push(it);
        }
        let mut held: HashMap<String, Vec<HeldOrder>> = HashMap::new();
        for order in trial.vendor.orders() {
            held.entry(order.reference.clone()).or_default().push(order);
        }
        Self {
            trial,
            told: trial.told(),
            stories: stories.buffer_unordered(READ_AT_ONCE).collect().await,
            held,
            webhooks,
        }
    }

    fn name(&self) -> &str {
        &self.trial.name
    }

    fn webhooks(&self, story: &Story) -> &[Received] {
        let id = &story.order.background_check_id;
        self.webhooks.get(id).map_or(&[], Vec::as_slice)
    }

    fn was_answered(&self, background_check_id: &str, status: u16) -> bool {
        let mut told = self.told.iter();
        told.any(|it| it.background_check_id == background_check_id && it.status == Some(status))
    }

    fn at_the_vendor(&self, story: &Story) -> &[HeldOrder] {
        let held = self.held.get(&story.order.our_ref.0);
        held.map_or(&[], Vec::as_slice)
    }

    /// Never more than one order at the vendor for one of ours, nor one that no order of ours
    /// stands for, nor one that was reported failed (I13, I14).
    fn the_vendor_has_each_order_once_and_none_that_we_call_failed(&self) {
        let name = self.name();
        let stories = self.stories.iter();
        let ours: HashMap<&str, &Story> = stories
            .map(|story| (story.order.our_ref.0.as_str(), story))
            .collect();
        for (reference, held) in &self.held {
            assert_eq!(
                held.len(),
                1,
                "{name}: an order was placed more than once: {held:?}"
            );
            let Some(story) = ours.get(reference.as_str()) else {
                panic!("{name}: the vendor has an order {held:?} that no order of ours stands for");
            };
            assert!(
                !matches!(story.order.stage, Stage::Failed | Stage::Refused),
                "{name}: an order was ended as {} and the vendor has it: {story:#?}",
                story.order.stage.as_str()
            );
        }
    }

    /// Whoever was answered 503 by us and asked no more has nothing sent for it afterwards (I13).
    fn what_was_answered_503_is_not_placed_afterwards(&self) {
        let mut last: HashMap<&str, &Told> = HashMap::new();
        for told in &self.told {
            last.insert(&told.background_check_id, told);
        }
        let placings = self.trial.placings_with_their_time();
        for story in &self.stories {
            let told = last[story.order.background_check_id.as_str()];
            if told.status != Some(503) || !told.by_us {
                continue;
            }
            let until = told.at + FIRST_BYTE;
            let sent = placings
                .iter()
                .find(|(at, body)| *at > until && body.contains(&story.order.our_ref.0));
            assert!(
                sent.is_none(),
                "{}: 503 was answered at {}, and {sent:?} was sent: {story:#?}",
                self.name(),
                told.at
            );
        }
    }

    /// Answered 201: at the vendor, or ended with a webhook, or with a person. Else: at the vendor
    /// and known to be, or ended without a webhook, or with a person (I13).
    fn what_the_ats_was_answered_is_true(&self, story: &Story) {
        let order = &story.order;
        let accepted = self.was_answered(&order.background_check_id, 201);
        let placed =
            self.at_the_vendor(story).len() == 1 && order.accepted && order.their_ref.is_some();
        let ended = matches!(order.stage, Stage::Failed | Stage::Refused);
        let told = !self.webhooks(story).is_empty();
        let with_a_person = order.waiting.is_some();
        assert!(
            placed || with_a_person || (ended && told == order.accepted),
            "{}: answered 201: {accepted}, webhook: {told}, but the order is {story:#?}",
            self.name()
        );
        assert!(
            !accepted || order.accepted,
            "{}: 201 was answered before it was committed: {story:#?}",
            self.name()
        );
    }

    /// Every end of an order that somebody was answered 201 for arrives, once, with the result that
    /// the vendor gave; and nothing else does (I15).
    fn every_end_was_told_once(&self, story: &Story) {
        let (order, name) = (&story.order, self.name());
        let bodies: BTreeMap<String, Value> = self
            .webhooks(story)
            .iter()
            .map(|it| (webhook_id(it), serde_json::from_slice(&it.body).unwrap()))
            .collect();
        let ends: Vec<&Value> = bodies
            .values()
            .filter(|body| !OPEN.contains(&body["status"].as_str().unwrap()))
            .collect();
        let given_up = story.deliveries.iter().any(|row| row.state == "dead");
        let wanted = usize::from(order.accepted && order.stage.is_terminal());
        assert!(
            ends.len() == wanted || (given_up && ends.len() < wanted),
            "{name}: the ends the ATS has heard of: {ends:?}; the order is {story:#?}"
        );
        let mut held = self.at_the_vendor(story).iter();
        let passed = held.any(|held| says_pass(held.result.as_deref()));
        for end in ends {
            assert_eq!(
                end["result"].as_str().unwrap().to_lowercase(),
                result_word(order.result).replace("none", ""),
                "{name}: the ATS has heard of another result"
            );
            assert!(
                end["result"] != "Pass" || passed,
                "{name}: a Pass that the vendor did not give: {story:#?}"
            );
        }
    }

    /// No callback, look or answer moves an order to the same place twice (I2).
    fn what_was_applied_was_applied_once(&self, story: &Story) {
        let moves: Vec<&str> = story
            .history
            .iter()
            .filter(|line| line.kind == "moved")
            .map(|line| line.detail.split(", by").next().unwrap_or_default())
            .collect();
        let different: HashSet<&str> = moves.iter().copied().collect();
        assert_eq!(
            different.len(),
            moves.len(),
            "{}: a move was made twice: {story:#?}",
            self.name()
        );
    }

    /// First arrivals come in the order's own sequence, no attempt overlaps another unless a lease
    /// ran out and that is recorded, and everything that was to be told is told (I3, I4, I5, I6).
    fn webhooks_came_one_at_a_time_in_their_order(&self, story: &Story) {
        let what = format!("{}, {}", self.name(), story.order.background_check_id);
        nothing_to_tell_is_lost(&what, &story.deliveries);
        came_in_order(
            &what,
            &story.deliveries,
            &story.attempts,
            self.webhooks(story),
        );
        assert!(
            story.deliveries.iter().all(|row| row.state != "pending"),
            "{what}: something is left to tell: {story:#?}"
        );
    }

    /// No failed attempt is followed by another too early (I9). Not where the trial has moved time
    /// itself.
    fn attempts_keep_to_the_schedule(&self, story: &Story) {
        if self.trial.time_was_moved() {
            return;
        }
        let mut arrivals: HashMap<String, Millis> = HashMap::new();
        for webhook in self.webhooks(story) {
            let before = arrivals.insert(webhook_id(webhook), webhook.at);
            assert!(
                before.is_none_or(|before| webhook.at >= before + PAUSES[0]),
                "{}: a webhook came again too early: {story:#?}",
                self.name()
            );
        }
        let mut failed: HashMap<i64, (usize, Millis)> = HashMap::new();
        for attempt in &story.attempts {
            let (count, ended) = failed.get(&attempt.sequence).copied().unwrap_or((0, 0));
            let pause = count.checked_sub(1).map_or(0, |index| PAUSES[index.min(3)]);
            assert!(
                attempt.at >= ended + pause,
                "{}: an attempt came too early: {story:#?}",
                self.name()
            );
            if !attempt.late && !attempt.outcome.starts_with("answered 2") {
                let ended = attempt.at + attempt.took_ms;
                failed.insert(attempt.sequence, (count + 1, ended));
            }
        }
    }

    /// Attempts at one origin at once are at most what each replica may have under way (I8).
    fn no_destination_had_more_at_once_than_it_may(&self) {
        let may = self.trial.most_under_way();
        let mut changes: BTreeMap<String, Vec<(Millis, i64)>> = BTreeMap::new();
        for story in &self.stories {
            let url = url::Url::parse(&story.order.webhook_url).expect("it was accepted");
            let changes = changes.entry(url.authority().to_owned()).or_default();
            for attempt in &story.attempts {
                // One that ends in a millisecond makes room for one that begins in it.
                changes.push((attempt.at, 1));
                changes.push((attempt.at + attempt.took_ms.max(1), -1));
            }
        }
        for (origin, mut changes) in changes {
            changes.sort_unstable();
            let mut flying = 0;
            for (at, change) in changes {
                flying += change;
                assert!(
                    self.trial.time_was_moved() || flying <= i64::try_from(may).unwrap(),
                    "{}: {flying} attempts at once at {origin} at {at}, {may} may be",
                    self.name()
                );
            }
        }
    }

    /// Whatever happened, who is not served is told so in our own form.
    fn every_refusal_has_our_form(&self) {
        for told in &self.told {
            let words = ["error_message", "code"].map(|name| told.body[name].is_string());
            assert!(
                told.status.is_none_or(|status| status < 400) || words == [true; 2],
                "{}: {told:?}",
                self.name()
            );
        }
    }

    /// Whoever was answered 2xx has a row (I1).
    fn an_answer_2xx_had_its_row(&self) {
        let known: HashSet<&str> = self
            .stories
            .iter()
            .map(|story| story.order.background_check_id.as_str())
            .collect();
        for told in &self.told {
            assert!(
                told.status != Some(201) || known.contains(told.background_check_id.as_str()),
                "{}: {told:?} has no row",
                self.name()
            );
        }
    }

    /// No change was saved in part, without the row of the order that it is of.
    async fn every_row_belongs_to_an_order(&self) {
        for table in [
            "order_references",
            "history",
            "calls",
            "contacts",
            "lanes",
            "deliveries",
            "attempts",
        ] {
            let stray = format!("{table} WHERE order_id NOT IN (SELECT id FROM orders)");
            assert_eq!(
                self.trial.count(&stray).await,
                0,
                "{}: {table}",
                self.name()
            );
        }
    }

    /// What was acknowledged has its row, and what was taken in was settled, each callback at most
    /// once among equals (I1, I2).
    async fn every_callback_was_kept_and_settled(&self) {
        let mut rows = 0;
        for state in ["new", "parked", "settled"] {
            let found = self.trial.app.store.callbacks_in(state, 100_000).await;
            let found = found.expect("the database works");
            rows += found.len();
            if state != "settled" {
                let left: Vec<_> = found.iter().map(|it| (&it.id, &it.reason)).collect();
                assert!(
                    left.is_empty(),
                    "{}: {state} callbacks are left: {left:?}",
                    self.name()
                );
            }
        }
        let acknowledged = self.trial.watch.distinct_acknowledged();
        assert!(
            rows >= acknowledged,
            "{}: {acknowledged} callbacks were acknowledged, and {rows} have a row",
            self.name()
        );
    }

    /// A webhook that comes again has its id and its bytes, and comes again only because a fault
    /// struck between an attempt and its record, or because the ATS said no (I6, I10).
    fn repeats_are_the_same_bytes_and_few(&self, allowed: usize) {
        let mut bodies: HashMap<String, &[u8]> = HashMap::new();
        let mut repeats = 0;
        for it in self.webhooks.values().flatten() {
            let known = *bodies.entry(webhook_id(it)).or_insert(&it.body);
            repeats += usize::from(!std::ptr::eq(known, it.body.as_slice()));
            assert_eq!(known, it.body, "{}: other bytes under one id", self.name());
        }
        let attempts = self.stories.iter().flat_map(|story| &story.attempts);
        let refused = attempts
            .filter(|it| !it.late && !it.outcome.starts_with("answered 2"))
            .count();
        assert!(
            repeats <= allowed + refused,
            "{}: {repeats} webhooks came again, {refused} had failed, {allowed} more may",
            self.name()
        );
    }

    /// No line that a gateway has logged holds what is secret or about a person (I11).
    fn no_log_tells_a_secret_or_a_persons_data(&self) {
        let unsayable = self.trial.unsayable();
        for log in self.trial.logs() {
            for line in log.lines() {
                let told = unsayable.iter().find(|it| line.contains(it.as_str()));
                assert!(told.is_none(), "{}: {told:?} in {line}", self.name());
            }
        }
    }
}

/// What was to be told to the ATS is all there: delivered, dead, discarded, superseded or pending
/// (I3).
pub(crate) fn nothing_to_tell_is_lost(what: &str, rows: &[DeliveryRow]) {
    let sequence: Vec<i64> = rows.iter().map(|row| row.sequence).collect();
    let gap_free: Vec<i64> = (1..).take(rows.len()).collect();
    assert_eq!(sequence, gap_free, "{what} lost a delivery");
    for row in rows {
        let ended = matches!(
            row.state.as_str(),
            "delivered" | "dead" | "superseded" | "discarded"
        );
        assert!(ended || row.state == "pending", "{what}: {}", row.state);
        assert_eq!(ended, row.ended_at.is_some(), "{what}: {row:?}");
    }
}

/// What arrived is what was to be told, byte for byte, nothing older after something newer, and one
/// at a time (I4, I5, I6). An attempt that outlived its lease is recorded as late; what it sent may
/// come beside or behind another's.
pub(crate) fn came_in_order(
    what: &str,
    rows: &[DeliveryRow],
    attempts: &[AttemptRow],
    arrived: &[Received],
) {
    let a_lease_ran_out = attempts.iter().any(|attempt| attempt.late);
    let (mut newest, mut seen) = (0, HashSet::new());
    for webhook in arrived {
        let named = webhook_id(webhook);
        let row = rows.iter().find(|row| row.webhook_id == named);
        let row = row.unwrap_or_else(|| panic!("{what}: {named} is no delivery of this order"));
        assert_eq!(webhook.body, row.body.as_bytes(), "{what}: other bytes");
        let is_first = seen.insert(named);
        assert!(
            row.sequence >= newest || (a_lease_ran_out && !is_first),
            "{what}: an older update after a newer"
        );
        assert!(
            !webhook.overlapped || a_lease_ran_out,
            "{what}: two attempts at once: {attempts:#?}"
        );
        newest = newest.max(row.sequence);
    }
}

fn says_pass(result: Option<&str>) -> bool {
    matches!(result, Some("pass" | "clear"))
}

/// The webhooks of an order, as they arrived.
pub(crate) fn webhooks(trial: &Trial, background_check_id: &str) -> Vec<Received> {
    let path = format!("/hooks/{background_check_id}");
    let mut received = trial.ats.received();
    received.retain(|it| it.path() == path);
    received
}

/// The id that a webhook keeps over all its attempts.
pub(crate) fn webhook_id(received: &Received) -> String {
    let id = received.header("webhook-id");
    id.expect("every webhook has an id").to_owned()
}
