//! Settings and sheets are reloaded on SIGHUP, all or nothing, while the gateway goes on serving.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::{Program, Running, Sandbox, until};
use crate::support::stage::with;
use crate::support::{Database, Plan};

/// A gateway with a sheet of its own for the sandbox, and a tenant that orders there.
struct Stand {
    program: Program,
    sandbox: Sandbox,
    running: Running,
}

/// What the shipped sheet says to an applicant called `Refused`, and what ours will.
const SHIPPED: &str = "The sandbox refused the order";
const OURS: &str = "Our own sheet refused the order";

impl Stand {
    fn start() -> Self {
        let program = Program::new();
        fs::create_dir(program.path("sheets")).unwrap();
        program.set("CLEARGATE__VENDORS__DIR", "sheets");
        let sandbox = program.sandbox();
        let running = program.serve();
        program.done(&["tenant", "import", "sandbox-import.toml"]);
        let stand = Self {
            program,
            sandbox,
            running,
        };
        until("the tenant is known", || {
            (stand.ask("GET", "/v1/packages", None).0 == 200).then_some(())
        });
        stand
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let secret = self.program.api_secret();
        self.running.ask(method, path, &secret, body)
    }

    /// What somebody is told whose order the sandbox refuses.
    #[track_caller]
    fn is_refused_with(&self, id: &str, sentence: &str) {
        let order = self.sandbox.order(id, "Refused");
        let (status, body) = self.ask("POST", "/v1/orders", Some(&order));
        assert_eq!(status, 422, "{body}");
        assert!(body.contains(sentence), "{body}");
    }

    /// Puts a sheet of our own in the shipped one's place.
    fn write_sheet(&self, edit: impl FnOnce(String) -> String) {
        let shipped = include_str!("../../adapters/sheets/sandbox.toml").replace(SHIPPED, OURS);
        self.program.write("sheets/sandbox.toml", &edit(shipped));
    }

    fn add_settings(&self, more: &str) {
        let settings = fs::read_to_string(self.program.path("settings.toml")).unwrap();
        self.program
            .write("settings.toml", &format!("{settings}{more}"));
    }

    /// A reload is refused with a sentence that says `told`.
    #[track_caller]
    fn refuses_to_reload(&self, told: &str) {
        let mut line = self.running.reload("not_reloaded");
        // Each mistake has a line; some may be left of an earlier reload.
        while !line["mistake"].as_str().unwrap().contains(told) {
            line = self.running.wait_for_event("not_reloaded");
        }
    }
}

#[test]
fn a_reload_puts_new_sheets_and_settings_in_force_without_a_restart() {
    let stand = Stand::start();
    stand.is_refused_with("1", SHIPPED);
    stand.write_sheet(|sheet| sheet);
    stand.add_settings("[catalog]\nfresh_for = \"1h\"\n");
    stand.running.reload("reloaded");
    stand.is_refused_with("2", OURS);
    fs::remove_file(stand.program.path("sheets/sandbox.toml")).unwrap();
    stand.running.reload("reloaded");
    stand.is_refused_with("3", SHIPPED);
}

#[test]
fn a_reload_with_one_mistake_changes_nothing_though_a_vendor_is_failing() {
    let stand = Stand::start();
    let order = stand.sandbox.order("1", "Hang");
    let secret = stand.program.api_secret();
    let hanging = stand.running.place_aside(&secret, order);
    stand.write_sheet(|sheet| sheet.replace("look_at_most", "look_at_mots"));
    stand.refuses_to_reload("sheets/sandbox.toml:8: `[policy]` has no `look_at_most`");
    stand.is_refused_with("2", SHIPPED);
    assert_eq!(stand.ask("GET", "/v1/packages", None).0, 200);
    assert!(!hanging.is_finished(), "the vendor is still waited for");
    assert_eq!(hanging.join().unwrap().0, 201);
    // A good sheet does not come into force beside a bad setting.
    stand.write_sheet(|sheet| sheet);
    stand.add_settings("[delivery]\nattempts = 0\n");
    stand.refuses_to_reload("`delivery.attempts` is `0`");
    stand.is_refused_with("3", SHIPPED);
}

#[test]
fn what_a_running_gateway_cannot_change_is_refused_by_name() {
    let stand = Stand::start();
    stand.write_sheet(|sheet| sheet);
    stand.add_settings("[log]\nlevel = \"debug\"\n[cache]\ntimeout = \"300ms\"\n");
    stand.refuses_to_reload("`[cache]` and `[log]` changed, which takes a restart");
    stand.is_refused_with("1", SHIPPED);
}

#[tokio::test]
async fn sheets_that_one_replica_reloads_are_in_force_on_the_others_too() {
    let sheets = TempDir::new().unwrap();
    let world = Plan::sandbox(Database::Postgres)
        .setting("VENDORS__DIR", sheets.path().display().to_string())
        .start()
        .await;
    let mut other = world.replica().await;
    let refused = async || {
        let order = with(world.order(), "/applicant/last_name", "Refused".into());
        world.tenant().place(&order).await.body["error_message"].to_string()
    };
    assert!(refused().await.contains(SHIPPED));
    let ours = include_str!("../../adapters/sheets/sandbox.toml").replace(SHIPPED, OURS);
    fs::write(sheets.path().join("sandbox.toml"), &ours).unwrap();
    world.app().follow_sheets().await.unwrap();
    assert!(refused().await.contains(SHIPPED), "nobody has reloaded");
    other.reload(world.settings.clone()).await.unwrap();
    world.app().follow_sheets().await.unwrap();
    assert!(refused().await.contains(OURS));
    fs::write(sheets.path().join("sandbox.toml"), "name = 1").unwrap();
    assert!(other.reload(world.settings.clone()).await.is_err());
    other.app.announce_sheets().await.unwrap();
    world.app().follow_sheets().await.unwrap();
    assert!(
        refused().await.contains(OURS),
        "a mistake leaves the old ones"
    );
}

#[tokio::test]
async fn deadlines_that_are_reloaded_are_waited_for() {
    let world = Plan::sandbox(Database::Postgres).start().await;
    let mut other = world.replica().await;
    let mut settings = world.settings.clone();
    settings.orders.answer_within = Duration::from_secs(60);
    other.reload(settings.clone()).await.unwrap();
    assert_eq!(other.app.longest_deadline(), Duration::from_secs(60));
    settings.orders.answer_within = Duration::from_secs(2);
    settings.catalog.first_fetch = Duration::from_secs(50);
    other.reload(settings).await.unwrap();
    assert_eq!(other.app.longest_deadline(), Duration::from_secs(50));
}

#[test]
fn a_vendor_that_connections_use_does_not_go_in_a_reload() {
    let stand = Stand::start();
    let settings = fs::read_to_string(stand.program.path("settings.toml")).unwrap();
    let without = settings.replace("allow_sandbox = true", "allow_sandbox = false");
    stand.program.write("settings.toml", &without);
    stand.refuses_to_reload("the vendor `sandbox` would be gone, and connections use it");
    assert_eq!(stand.ask("GET", "/v1/packages", None).0, 200);
}
