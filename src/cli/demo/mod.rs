//! `cleargate demo`: one order's whole way, from the package list to the result page, on a gateway,
//! a fake vendor and a fake ATS of its own. Everything goes over real sockets, nothing outside this
//! machine is called, and nothing is left behind.

mod story;
mod wire;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use adapters::simulator::Sandbox;
use adapters::vocabulary::Private;
use tempfile::TempDir;

use super::error::CliError;
use super::signals::Stop;
use crate::app::tenant_file::TenantFile;
use crate::clock::Clock;
use crate::config::Settings;
use crate::sandbox::{FakeAts, FakeVendor, Scene, VendorNeeds, exports, import_file, wall_clock};
use crate::seal::new_key;
use crate::startup::Serving;
use crate::telemetry::start_log;
use wire::Ats;

/// Any free port of this machine.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// The account of the ATS's own examples, which the import file has.
const ACCOUNT: &str = "ACCT123";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Stay up until Ctrl-C, to try further orders by hand.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo. It fails when anything in the story does not happen.
pub(super) async fn run(options: &Options, out: &mut impl Write) -> Result<(), CliError> {
    let mut stop = Stop::listen()?;
    let stage = Stage::set_up().await?;
    let told = tokio::select! {
        told = story::tell(&stage, out) => told,
        _ = stop.asked() => Ok(()),
    };
    let told = match told {
        Ok(()) if options.keep => keep(&stage, &mut stop, out).await,
        told => told,
    };
    stage.tear_down().await;
    told
}

/// Everything that takes part.
struct Stage {
    vendor: FakeVendor,
    receiver: FakeAts,
    gateway: Serving,
    ats: Ats,
    api_secret: Private<String>,
    /// Database, key and settings. Removed when this is dropped.
    folder: TempDir,
}

impl Stage {
    async fn set_up() -> Result<Self, CliError> {
        let folder = TempDir::with_prefix("cleargate-demo-").map_err(|error| {
            CliError::NotDone(format!(
                "no folder for the demo can be made ({error}); `TMPDIR` chooses another place"
            ))
        })?;
        let settings = settings(folder.path(), "")?;
        start_log(&settings.log);
        let simulator = Sandbox::default();
        let needs = VendorNeeds::of(&simulator);
        let vendor = FakeVendor::start(Box::new(simulator), ANY, wall_clock).map_err(no_socket)?;
        let receiver = FakeAts::start(ANY).map_err(no_socket)?;
        let gateway = Serving::start(&settings, Clock::running(), true).await?;
        let api_secret = crate::app::tenants::new_secret();
        let scene = Scene {
            vendor: needs,
            vendor_url: vendor.base_url(),
            receiver: receiver.addr(),
            api_secret: api_secret.expose().clone(),
        };
        import(&gateway, &scene).await?;
        Ok(Self {
            ats: Ats::new(gateway.public, ACCOUNT, &api_secret)?,
            vendor,
            receiver,
            gateway,
            api_secret,
            folder,
        })
    }

    async fn tear_down(self) {
        self.gateway.drain().await;
        self.vendor.stop().await;
        self.receiver.stop().await;
    }
}

fn no_socket(error: std::io::Error) -> CliError {
    CliError::NotDone(format!("no port of 127.0.0.1 can be listened on ({error})"))
}

/// The settings of the demo, whatever the environment says; their files are in `folder`.
fn settings(folder: &Path, public_url: &str) -> Result<Settings, CliError> {
    let cannot_write =
        |error| CliError::NotDone(format!("{} cannot be written ({error})", folder.display()));
    let (key, file) = (folder.join("key"), folder.join("settings.toml"));
    if !key.exists() {
        std::fs::write(&key, new_key()).map_err(cannot_write)?;
    }
    let quoted = |text: String| toml::Value::from(text).to_string();
    let text = format!(
        "[http]\npublic_addr = \"{ANY}\"\noperations_addr = \"{ANY}\"\npublic_url = \"{public_url}\"\n\
         drain_delay = \"0s\"\ndrain_deadline = \"2s\"\n\
         [store]\nurl = {}\n[security]\nkey = {}\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
         [vendors]\nallow_sandbox = true\n[log]\nlevel = \"error\"\n",
        quoted(format!("sqlite://{}", folder.join("demo.db").display())),
        quoted(format!("file:{}", key.display())),
    );
    std::fs::write(&file, &text).map_err(cannot_write)?;
    Ok(Settings::from_sources(
        Some((&file.display().to_string(), &text)),
        [],
    )?)
}

/// Brings the tenant of the sandbox in, as `tenant import` does.
async fn import(gateway: &Serving, scene: &Scene) -> Result<(), CliError> {
    let file = TenantFile::parse("the demo's tenants file", &import_file(scene));
    let file = file.map_err(|mistakes| CliError::Internal(mistakes.join("\n")))?;
    let exports = exports(scene);
    let resolve = |reference: &str| {
        let known = exports
            .iter()
            .find(|(name, _)| reference == format!("env:{name}"));
        let known = known.map(|(_, value)| Private::from(value.as_str()));
        known.ok_or_else(|| format!("the demo has no {reference}"))
    };
    let imported = gateway.app.import_tenants(&file, &resolve).await;
    imported.map_err(|mistakes| CliError::Internal(mistakes.join("\n")))?;
    Ok(())
}

/// Says what can be tried, and waits to be stopped.
async fn keep(stage: &Stage, stop: &mut Stop, out: &mut impl Write) -> Result<(), CliError> {
    let gateway = format!("http://{}", stage.gateway.public);
    settings(stage.folder.path(), &gateway)?;
    let curl = format!("curl -u {ACCOUNT}:{}", stage.api_secret.expose());
    let order = story::order(&stage.receiver.url("/hooks"), "224467", "Review")?;
    write!(
        out,
        "
It stays up until Ctrl-C. To try by hand:

{curl} {gateway}/v1/packages
{curl} {gateway}/v1/orders -H 'Content-Type: application/json' -d '{order}'
{curl} {gateway}/v1/orders/224467
curl {}/_control/received   # what the ATS received
curl {}/_control/orders     # what the vendor holds
curl http://{}/metrics
cleargate --config {}/settings.toml order show {ACCOUNT}/224467

Each order needs a background_check_id of its own. The applicant's last_name chooses what happens:
Review and Fail end so; Slow takes a minute; Refused is refused; Hang is taken, never answered;
Lost ends, and nobody calls back; Odd ends in a word nobody knows; any other passes.
",
        stage.receiver.url(""),
        stage.vendor.base_url(),
        stage.gateway.operations,
        stage.folder.path().display(),
    )?;
    out.flush()?;
    stop.asked().await;
    Ok(())
}
