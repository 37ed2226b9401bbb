//! What a trial is made of: a vendor, a database, settings, a port to come back to.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use adapters::simulator::{Checkr, Pace, Sandbox, Simulator, checkr, sandbox};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cleargate::app::App;
use cleargate::clock::Clock;
use cleargate::config::Settings;
use cleargate::startup;
use tempfile::TempDir;

use crate::support::Database;

/// What gateways are called where PostgreSQL lists its clients.
pub(crate) const GATEWAY: &str = "gateway";

/// Which vendor is faked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Sandbox,
    Checkr,
}

impl Vendor {
    pub(crate) fn simulator(self, pace: Pace) -> Box<dyn Simulator> {
        match self {
            Self::Sandbox => Box::new(Sandbox::new(sandbox::Account {
                pace,
                ..sandbox::Account::default()
            })),
            Self::Checkr => Box::new(Checkr::new(checkr::Account {
                pace,
                ..checkr::Account::default()
            })),
        }
    }

    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Sandbox => "PKG001",
            Self::Checkr => "driver_pro",
        }
    }

    /// The paths of the requests that place an order, in their turn.
    pub(crate) fn placing_paths(self) -> &'static [&'static str] {
        match self {
            Self::Sandbox => &["/orders"],
            Self::Checkr => &["/v1/candidates", "/v1/invitations"],
        }
    }
}

/// How a trial is set up.
pub(crate) struct Setup {
    pub(crate) database: Database,
    pub(crate) vendor: Vendor,
    pub(crate) pace: Pace,
    /// A replacement in the import file.
    pub(crate) edit: (&'static str, &'static str),
    /// Settings, as variables name them behind `CLEARGATE__`.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// An empty database elsewhere than on the server that tests share.
    pub(crate) store_url: Option<String>,
}

impl Setup {
    /// A vendor whose orders move only when told, and default options.
    pub(crate) fn of(database: Database, vendor: Vendor) -> Self {
        Self {
            database,
            vendor,
            pace: Pace::manual(),
            edit: ("", ""),
            settings: &[],
            store_url: None,
        }
    }
}

pub(crate) fn variables(
    store_url: &str,
    key: &str,
    port: u16,
    more: &[(&str, &str)],
) -> Vec<(String, String)> {
    let public_url = format!("http://{}", loopback(port));
    let base = [
        ("HTTP__PUBLIC_URL", public_url.as_str()),
        ("HTTP__OPERATIONS_ADDR", "127.0.0.1:0"),
        ("STORE__URL", store_url),
        ("STORE__CONNECTIONS", "4"),
        ("SECURITY__KEY", key),
        ("VENDORS__ALLOW_SANDBOX", "true"),
        ("EGRESS__ALLOW", "127.0.0.0/8"),
        ("EGRESS__ALLOW_HTTP", "true"),
        ("BACKGROUND__IDLE_POLL", "100ms"),
        ("LOG__FORMAT", "json"),
    ];
    base.iter()
        .chain(more)
        .map(|(name, value)| (format!("CLEARGATE__{name}"), (*value).to_owned()))
        .collect()
}

/// A folder in memory where there is one: processes die here and the machine does not, so nothing
/// is proven by waiting for a disk that others keep busy. `tests/run` gives one there that it removes.
pub(crate) fn scratch() -> TempDir {
    let (own, memory) = (std::env::temp_dir(), Path::new("/dev/shm"));
    let folder = if own.starts_with(memory) {
        &own
    } else {
        memory
    };
    TempDir::new_in(folder)
        .or_else(|_| TempDir::new())
        .expect("a temporary folder")
}

/// Nothing here speaks TLS, and a debug build takes its time to read all the authorities a machine
/// knows. It wants one, so it gets one.
pub(crate) fn one_authority(folder: &Path) -> (String, String) {
    let authority = rcgen::generate_simple_self_signed(["trial.test".to_owned()])
        .expect("a certificate for a name");
    let file = folder.join("authority.pem");
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        BASE64.encode(authority.cert.der())
    );
    std::fs::write(&file, pem).expect("a certificate is written");
    ("SSL_CERT_FILE".to_owned(), file.display().to_string())
}

/// The gateway's inside over the same database, which migrates it and serves nobody.
pub(crate) async fn reader(variables: &[(String, String)], port: u16) -> Arc<App> {
    let settings = Settings::from_sources(None, variables.iter().cloned())
        .expect("the tests' settings are right");
    let store = startup::open_store(&settings, false, true)
        .await
        .expect("the database opens");
    startup::build(&settings, store, Clock::running(), loopback(port))
        .await
        .expect("the settings are right")
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A port for a gateway that dies and comes back to it. It lies below those that outgoing
/// connections and listeners on port 0 take, so nobody takes it in between.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 97).unwrap_or(0) * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 9_000 % (20_000 - first);
        if TcpListener::bind(loopback(port)).is_ok() {
            return port;
        }
    }
}
