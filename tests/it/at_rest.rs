//! What lies in the database, read past the gateway: nobody's data and no secret in clear at any
//! time, nothing of an applicant once it is not needed, and one key that opens it all.

use std::path::Path;
use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::seal::{new_key, random_text};
use cleargate::store::SEALED_COLUMNS;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::homecoming::says;
use crate::support::rows::Rows;
use crate::support::{Database, Plan, World, on_both_databases};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const THREE_DAYS: Duration = Duration::from_secs(72 * 3600);
/// In every value of a person, and nowhere else.
const MARK: &str = "Qanarienvogel";
/// The order's id, which is found: the search works.
const ID: &str = "canary-order";

/// An order in which everything of the applicant and the hiring manager has the mark.
fn marked(world: &World) -> Value {
    let person = |who: &str| {
        let value = |what: &str| format!("{MARK}-{who}-{what}");
        json!({
            "id": value("id"), "first_name": value("first"), "last_name": value("last"),
            "email": format!("{}@mailbox.dev", value("mail")), "phone": value("phone"),
            "address": value("street"), "address_2": value("flat"), "city": value("city"),
            "state": "IL", "zip": value("zip"),
        })
    };
    let mut order = world.order();
    order["background_check_id"] = ID.into();
    order["hiring_manager_user_id"] = format!("{MARK}-user").into();
    order["applicant"] = person("applicant");
    order["hiring_manager"] = person("manager");
    order["job"] = json!({"id": format!("{MARK}-job")});
    order
}

impl World {
    /// What is not to be read in the database: people, credentials, tokens, secrets.
    fn secrets(&self) -> Vec<String> {
        let credentials = self.scene.vendor.credentials.iter();
        let mut secrets: Vec<String> = credentials.map(|(_, value)| value.clone()).collect();
        let url = self.callback_url();
        secrets.push(url.rsplit('/').next().unwrap().to_owned());
        secrets.extend([MARK.to_owned(), self.scene.api_secret.clone()]);
        secrets.push(SIGNING_SECRET.trim_start_matches("whsec_").to_owned());
        secrets
    }

    /// Nothing secret is in clear, and so many orders, calls and callbacks hold something sealed.
    async fn holds_sealed(&self, orders: usize, calls: usize, callbacks: usize) {
        let mut rows = Rows::of(&self.settings).await;
        for secret in self.secrets() {
            assert_eq!(rows.places_of(&secret).await, [""; 0], "{secret}");
        }
        assert!(
            !rows.places_of(ID).await.is_empty(),
            "nothing is found at all"
        );
        let mut found = Vec::new();
        for (table, column) in [
            ("orders", "sealed_order"),
            ("calls", "sealed_request"),
            ("callbacks", "sealed_body"),
        ] {
            found.push(rows.sealed(table, column).await.len());
        }
        assert_eq!(found, [orders, calls, callbacks]);
    }

    /// Everything personal that lies sealed in the database now.
    async fn sealed_now(&self) -> Vec<Vec<u8>> {
        let mut rows = Rows::of(&self.settings).await;
        let mut all = rows.sealed("orders", "sealed_order").await;
        all.extend(rows.sealed("calls", "sealed_request").await);
        all.extend(rows.sealed("callbacks", "sealed_body").await);
        all
    }

    /// The bytes of SQLite's files: the database and its log.
    fn files(&self) -> Vec<u8> {
        let url = self.settings.store.url.expose();
        let path = url.trim_start_matches("sqlite://");
        let log = format!("{path}-wal");
        let read = |path: &str| std::fs::read(Path::new(path)).unwrap_or_default();
        [read(path), read(&log)].concat()
    }

    /// How many of some sealed values can be read in SQLite's files.
    fn in_the_files(&self, sealed: &[Vec<u8>]) -> usize {
        let files = self.files();
        // A long value is spread over pages, so a piece of it is looked for.
        let pieces = sealed.iter().map(|value| &value[28..value.len().min(92)]);
        let found = pieces.filter(|piece| files.windows(piece.len()).any(|at| at == *piece));
        found.count()
    }
}

const SIGNING_SECRET: &str = "whsec_V2VsbE5vYm9keVNob3VsZFJlYWRUaGlzQXQ=";

fn plan(database: Database) -> Plan {
    let signing =
        format!("[tenant.webhook]\n  basic = true\n  signing_secret = \"text:{SIGNING_SECRET}\"\n");
    Plan::sandbox(database).edit("[tenant.webhook]\n", &signing)
}

on_both_databases! {
    async fn a_person_is_sealed_while_the_order_is_placed_and_gone_when_the_vendor_has_it(database) {
        let world = plan(database).start().await;
        world.fault(FaultKind::Hang, "/orders", 0);
        let (tenant, order) = (world.tenant(), marked(&world));
        let (answer, ()) = tokio::join!(tenant.place(&order), async {
            world.until(async || world.asked("POST", "/orders") == 1, "the order is sent").await;
            world.holds_sealed(1, 1, 0).await;
        });
        assert_eq!(answer.status, 201, "{}", answer.text);
        world.holds_sealed(1, 1, 0).await;
        world.heal();
        world.until_settled(ID).await;
        assert_eq!(world.stored(ID).await.stage.as_str(), "invited");
        world.holds_sealed(0, 0, 0).await;
        let reference = world.stored(ID).await.our_ref.0;
        world.vendor_says(&reference, "complete", Some("pass")).await;
        world.holds_sealed(0, 0, 1).await;
        world.settle().await;
        world.holds_sealed(0, 0, 0).await;
        assert_eq!(world.webhooks().len(), 1);
    }

    async fn a_person_is_gone_with_the_refusal_of_their_order_and_with_its_failure(database) {
        let world = plan(database).start().await;
        let refused = crate::support::stage::with(marked(&world), "/applicant/last_name", "Refused".into());
        world.tenant().place(&refused).await.refused(422, "vendor_refused", None);
        world.holds_sealed(0, 0, 0).await;
        world.fault(FaultKind::Unavailable, "/orders", 0);
        world.tenant().place(&marked(&world)).await.refused(503, "vendor_unavailable", None);
        world.holds_sealed(0, 0, 0).await;
    }

    async fn a_person_whose_order_waits_is_gone_after_a_week(database) {
        let world = plan(database).tenant("when_unavailable = \"queue\"").start().await;
        world.fault(FaultKind::Unavailable, "/orders", 0);
        world.tenant().place(&marked(&world)).await.taken("received");
        world.holds_sealed(1, 0, 0).await;
        world.clock.advance(WEEK);
        world.app().erase_old_data().await.unwrap();
        world.holds_sealed(1, 0, 0).await;
        world.clock.advance(Duration::from_millis(1));
        world.app().erase_old_data().await.unwrap();
        world.holds_sealed(0, 0, 0).await;
    }

    async fn a_callback_is_sealed_while_it_waits_and_gone_after_three_days(database) {
        let world = plan(database).start().await;
        world.tenant().place(&marked(&world)).await.taken("invited");
        let body = says("sbx_77", MARK, "complete", Some("pass"));
        assert_eq!(world.send_signed(&world.callback_url(), &body).await.status, 200);
        world.holds_sealed(0, 0, 1).await;
        world.settle().await;
        world.holds_sealed(0, 0, 1).await;
        world.clock.advance(THREE_DAYS + Duration::from_millis(1));
        world.app().expire_parked(THREE_DAYS).await.unwrap();
        world.holds_sealed(0, 0, 0).await;
    }

    async fn with_a_new_key_everything_goes_on_and_the_old_one_is_not_needed(database) {
        let keys = Keys::new();
        let mut world = keys.of(plan(database)).start().await;
        let first = world.placed().await;
        world.vendor_says(&first.our_ref.0, "complete", Some("pass")).await;
        world.settle().await;
        let link = world.tenant().order("224466").await.body["result_link_url"].clone();
        let early = says("sbx_00000009", "of-another-world", "in_progress", None);
        world.send_signed(&world.callback_url(), &early).await;
        world.fault(FaultKind::ActAndHang, "/orders", 1);
        world.tenant().place(&marked(&world)).await.taken("unconfirmed");
        world.settle().await;

        keys.change();
        world.restart().await;
        let sealed = world.sealed_with_the_current_key().await;
        assert!(sealed.iter().any(|(_, all, with)| all > with), "{sealed:?}");
        assert!(world.app().reseal().await.unwrap() >= 7);
        assert_eq!(world.app().reseal().await.unwrap(), 0, "once is enough");
        keys.leave_the_old_one_out();
        world.restart().await;
        for (column, all, with) in world.sealed_with_the_current_key().await {
            assert_eq!(all, with, "{column}");
            assert!(all > 0, "{column} was not tried");
        }
        world.goes_on(&link).await;

        // And so with the next key.
        keys.change();
        world.restart().await;
        world.app().reseal().await.unwrap();
        keys.leave_the_old_one_out();
        world.restart().await;
        world.tenant().place(&world.order()).await.taken("complete");
    }

    async fn a_key_that_is_still_needed_cannot_be_left_out(database) {
        let keys = Keys::new();
        let mut world = keys.of(plan(database)).start().await;
        world.placed().await;
        keys.change();
        keys.leave_the_old_one_out();
        world.stop().await;
        let start = cleargate::startup::Serving::start(&world.settings, world.clock.clone(), false);
        let refused = start.await.err().expect("it cannot start");
        assert!(refused.to_string().contains("give the key the data were sealed with"), "{refused}");
    }
}

impl World {
    /// Of every sealed column: its name, how many values it has, and how many of the current key.
    async fn sealed_with_the_current_key(&self) -> Vec<(String, usize, usize)> {
        let key = self.app().setup().keys.current_key().to_owned();
        let mut rows = Rows::of(&self.settings).await;
        let mut columns = Vec::new();
        for column in SEALED_COLUMNS {
            let values = rows.sealed(column.table, column.column).await;
            let with = values.iter().filter(|value| value.starts_with(&key));
            let name = format!("{}.{}", column.table, column.column);
            columns.push((name, values.len(), with.count()));
        }
        columns
    }

    /// What was sealed or signed before is still of use.
    async fn goes_on(&self, link: &Value) {
        // A restarted gateway listens elsewhere.
        let (_, path) = link
            .as_str()
            .unwrap()
            .split_once("/background_checks")
            .unwrap();
        let page = format!("/background_checks{path}");
        let page = self.tenant().anonymous().get(&page).await;
        assert_eq!(page.status, 200, "{}", page.text);
        self.tenant().place(&self.order()).await.taken("complete");
        let other = crate::support::stage::with(self.order(), "/applicant/first_name", "Jo".into());
        self.tenant().place(&other).await.refused(
            409,
            "order_conflict",
            Some("background_check_id"),
        );
        self.until_settled(ID).await;
        let order = self.stored(ID).await;
        assert_eq!(
            (order.stage.as_str(), self.vendor_orders().len()),
            ("invited", 2)
        );
        let theirs = order.their_ref.unwrap().0;
        let body = says(&theirs, &order.our_ref.0, "complete", Some("review"));
        let taken = self.send_signed(&self.callback_url(), &body).await;
        assert_eq!(taken.status, 200);
        self.settle().await;
        let told = self.ats.received();
        let told = told.last().unwrap();
        assert!(
            told.header("webhook-signature").is_some() && told.header("authorization").is_some()
        );
        self.expect_told(&[("complete", "Pass"), ("complete", "Review")]);
    }
}

/// Keys in files, as an operator changes them.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(TempDir::new().unwrap());
        keys.write("current", &new_key());
        keys.write("old", &new_key());
        keys
    }

    fn of(&self, plan: Plan) -> Plan {
        let reference = |name: &str| format!("file:{}", self.0.path().join(name).display());
        plan.setting("SECURITY__KEY", reference("current"))
            .setting("SECURITY__OLD_KEYS", reference("old"))
    }

    fn write(&self, name: &str, key: &str) {
        std::fs::write(self.0.path().join(name), key).unwrap();
    }

    /// The current key becomes the old one, and there is a new one.
    fn change(&self) {
        let current = std::fs::read_to_string(self.0.path().join("current")).unwrap();
        self.write("old", &current);
        self.write("current", &new_key());
    }

    /// The old key is not given any more.
    fn leave_the_old_one_out(&self) {
        self.write("old", &new_key());
    }
}

#[tokio::test]
async fn what_sqlite_was_told_to_forget_is_not_in_its_files() {
    let world = plan(Database::Sqlite).start().await;
    world.fault(FaultKind::ActAndHang, "/orders", 1);
    world
        .tenant()
        .place(&marked(&world))
        .await
        .taken("unconfirmed");
    let parked = says("sbx_77", &random_text(), "complete", Some("pass"));
    world.send_signed(&world.callback_url(), &parked).await;
    world.settle().await;
    let sealed = world.sealed_now().await;
    assert_eq!((sealed.len(), world.in_the_files(&sealed)), (3, 3));
    world.app().store.empty_log().await.unwrap();
    assert_eq!(world.in_the_files(&sealed), 3, "it is still needed");
    world.until_settled(ID).await;
    world.clock.advance(THREE_DAYS + Duration::from_millis(1));
    world.app().expire_parked(THREE_DAYS).await.unwrap();
    world.holds_sealed(0, 0, 0).await;
    world.app().store.empty_log().await.unwrap();
    assert_eq!(world.in_the_files(&sealed), 0);
    let files = String::from_utf8_lossy(&world.files()).into_owned();
    assert!(files.contains(ID), "nothing is found at all");
    for secret in world.secrets() {
        assert!(!files.contains(&secret), "{secret}");
    }
}
