//! The command `cleargate sandbox`: a vendor and an ATS to try the gateway on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use adapters::simulator::Simulator;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{FakeAts, FakeVendor, Scene, VendorNeeds, import_file, settings_file, wall_clock};

/// What `--write` calls the files.
const IMPORT_FILE: &str = "sandbox-import.toml";
const SETTINGS_FILE: &str = "sandbox-settings.toml";

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the fake vendor listens; port 0 is any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Which vendor is faked.
    #[arg(long, value_name = "NAME", default_value = "sandbox")]
    pub vendor: String,
    /// Where the webhook receiver listens; port 0 is any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub receiver: SocketAddr,
    /// Also write sandbox-import.toml and sandbox-settings.toml to this folder.
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// Why the sandbox does not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address of `--listen` is taken or not ours.
    #[error("the fake vendor does not start; `--listen` chooses another address")]
    Vendor(#[source] io::Error),
    /// The address of `--receiver` is taken or not ours.
    #[error("the webhook receiver does not start; `--receiver` chooses another address")]
    Receiver(#[source] io::Error),
    /// A file of `--write` cannot be written.
    #[error("{path} cannot be written; `--write` chooses another folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The standard output is closed.
    #[error("the addresses cannot be printed")]
    Print(#[source] io::Error),
}

/// Runs both fakes until `until` is over. Prints one line of JSON with the addresses, then the
/// import file and the settings. `simulator` is the one that [`Options::vendor`] names.
///
/// # Errors
///
/// An address cannot be listened on, or a file or the addresses cannot be written.
pub async fn run(
    options: &Options,
    simulator: Box<dyn Simulator>,
    out: &mut impl io::Write,
    until: impl Future<Output = ()>,
) -> Result<(), SandboxError> {
    let needs = VendorNeeds::of(simulator.as_ref());
    let vendor =
        FakeVendor::start(simulator, options.listen, wall_clock).map_err(SandboxError::Vendor)?;
    let receiver = FakeAts::start(options.receiver).map_err(SandboxError::Receiver)?;
    let scene = Scene {
        vendor: needs,
        vendor_url: vendor.base_url(),
        receiver: receiver.addr(),
        api_secret: new_api_secret(),
    };
    if let Some(folder) = &options.write {
        write_file(folder, IMPORT_FILE, &import_file(&scene)).await?;
        write_file(folder, SETTINGS_FILE, &settings_file()).await?;
    }
    announce(&scene, &receiver, out).map_err(SandboxError::Print)?;
    until.await;
    vendor.stop().await;
    receiver.stop().await;
    Ok(())
}

fn announce(scene: &Scene, receiver: &FakeAts, out: &mut impl io::Write) -> io::Result<()> {
    let listening = json!({
        "event": "listening",
        "vendor": scene.vendor_url,
        "receiver": receiver.url(""),
    });
    writeln!(out, "{listening}\n")?;
    writeln!(out, "{}", import_file(scene))?;
    writeln!(out, "{}", settings_file())?;
    out.flush()
}

async fn write_file(folder: &Path, name: &str, text: &str) -> Result<(), SandboxError> {
    let path = folder.join(name);
    let written = async {
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&path, text).await
    };
    let written = written.await;
    written.map_err(|source| SandboxError::Write { path, source })
}

/// A secret of the form the gateway takes, new at every start: a fixed one would be known to all.
fn new_api_secret() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("cgs_{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::vendor::Script;
    use serde_json::Value;

    fn options(write: Option<PathBuf>) -> Options {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Options {
            listen: any,
            vendor: "sandbox".to_owned(),
            receiver: any,
            write,
        }
    }

    async fn print(options: &Options) -> String {
        let mut out = Vec::new();
        let simulator = Box::new(Script::default());
        run(options, simulator, &mut out, async {}).await.unwrap();
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn the_first_line_is_json_with_both_addresses_and_the_rest_is_toml() {
        let printed = print(&options(None)).await;
        let (first, rest) = printed.split_once('\n').unwrap();
        let listening: Value = serde_json::from_str(first).unwrap();
        let file: Value = toml::from_str(rest).unwrap();
        assert_eq!(listening["event"], "listening");
        assert!(
            listening["receiver"]
                .as_str()
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
        assert_eq!(
            file["tenant"][0]["connection"][0]["base_url"],
            listening["vendor"]
        );
        assert_eq!(file["vendors"]["allow_sandbox"], true);
        assert!(
            rest.contains("export SANDBOX_API_KEY=script-key\n"),
            "{rest}"
        );
    }

    #[tokio::test]
    async fn written_files_are_the_printed_ones() {
        let folder = tempfile::tempdir().unwrap();
        let printed = print(&options(Some(folder.path().join("new")))).await;
        for name in [IMPORT_FILE, SETTINGS_FILE] {
            let written = std::fs::read_to_string(folder.path().join("new").join(name)).unwrap();
            assert!(printed.contains(&written), "{name}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named_with_the_option_that_changes_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut options = options(None);
        options.receiver = taken.local_addr().unwrap();
        let simulator = Box::new(Script::default());
        let error = run(&options, simulator, &mut Vec::new(), async {})
            .await
            .unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("--receiver"), "{error}");
        assert!(source.contains(&options.receiver.to_string()), "{source}");
    }

    #[test]
    fn a_new_secret_has_the_form_the_gateway_takes() {
        let secret = new_api_secret();
        let letters = secret.strip_prefix("cgs_").unwrap();
        assert_eq!(letters.len(), 43);
        assert!(
            letters
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || "-_".contains(it))
        );
        assert_ne!(secret, new_api_secret());
    }
}
