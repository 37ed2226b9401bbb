//! `cleargate tenant`: client accounts of the ATS.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::desk::Desk;
use super::error::CliError;
use super::show::{Listed, time, write_columns, write_json, write_list};
use super::verify::verify_imported;
use crate::app::tenant_file::TenantFile;
use crate::app::tenants::Imported;
use crate::config;
use crate::domain::tenant::{Tenant, TenantOptions};

/// An old secret that lives on for longer is one that nobody takes back.
const LONGEST_OVERLAP: Duration = Duration::from_hours(365 * 24);
/// Hex digits of a secret's digest that are shown: enough to tell two secrets apart.
const DIGEST_SHOWN: usize = 8;

/// What can be done with tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create and change tenants as a file says; nothing is ever deleted.
    ///
    /// All of the file is taken or nothing, and it may be imported again. Prints the callback URL of
    /// each connection, to be typed into the vendor's portal, and once the API Secret of a new
    /// tenant that names none. `cleargate sandbox --write .` writes an example.
    Import {
        /// The tenants file: TOML, in which secrets are references such as "env:NAME".
        file: PathBuf,
        /// Do not try the connections that are new or changed.
        #[arg(long)]
        no_verify: bool,
    },
    /// List tenants.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Show a tenant with its options, secrets and connections.
    ///
    /// Of each API Secret it shows how its SHA-256 begins (`printf %s "$SECRET" | sha256sum` prints
    /// it), when it was made, when it ends, and when it was used last, so that you know when an old
    /// one is no longer needed.
    Show {
        /// The tenant's Account ID.
        account: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Make a new API Secret and print it once.
    ///
    /// Give it to the ATS while the old ones still work; `tenant show` tells when each was used
    /// last.
    Rotate {
        /// The tenant's Account ID.
        account: String,
        /// How long the old secrets still work, 365d at most: a number and s, m, h or d.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_overlap)]
        overlap: Duration,
    },
    /// Refuse every call of a tenant; its open orders are still followed to their end.
    Disable {
        /// The tenant's Account ID.
        account: String,
        /// Serve it again instead.
        #[arg(long)]
        enable: bool,
    },
}

fn parse_overlap(text: &str) -> Result<Duration, String> {
    let overlap = config::duration(text)?;
    if overlap > LONGEST_OVERLAP {
        return Err("the old secrets may work for 365d at most".to_owned());
    }
    Ok(overlap)
}

/// Runs a command of `tenant`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match command {
        Command::Import { file, no_verify } => {
            Desk::with_new(config, async |desk| {
                import(desk, file, !*no_verify, out).await
            })
            .await
        }
        Command::List { json } => Desk::with(config, async |desk| list(desk, *json, out)).await,
        Command::Show { account, json } => {
            Desk::with(config, async |desk| show(desk, account, *json, out).await).await
        }
        Command::Rotate { account, overlap } => {
            Desk::with(config, async |desk| {
                rotate(desk, account, *overlap, out).await
            })
            .await
        }
        Command::Disable { account, enable } => {
            Desk::with(config, async |desk| {
                disable(desk, account, !*enable, out).await
            })
            .await
        }
    }
}

/// Reads a tenants file.
pub(super) fn read_file(path: &Path) -> Result<TenantFile, Vec<String>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![format!("the tenants file {name} cannot be read ({error})")])?;
    TenantFile::parse(&name, &text)
}

async fn import(
    desk: &Desk,
    path: &Path,
    verifies: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let file = read_file(path).map_err(CliError::SetUp)?;
    let resolve = |reference: &str| config::secret(reference).map_err(|error| error.to_string());
    let imported = desk.app.import_tenants(&file, &resolve).await;
    let imported = imported.map_err(CliError::SetUp)?;
    for sentence in desk.app.to_be_looked_at(&file) {
        eprintln!("{sentence}");
    }
    for tenant in &imported {
        tell_imported(tenant, out)?;
        let note = if tenant.created { "created" } else { "changed" };
        desk.audit("tenant import", &tenant.account_id, note)
            .await?;
    }
    for tenant in imported.iter().filter(|_| verifies) {
        verify_imported(desk, tenant, out).await?;
    }
    if !desk.is_public_url_known() {
        eprintln!(
            "`http.public_addr` has port 0, so the callback URLs above lead nowhere; set `http.public_url`, and `cleargate connection show` prints them"
        );
    }
    Ok(())
}

fn tell_imported(tenant: &Imported, out: &mut impl Write) -> Result<(), CliError> {
    let what = if tenant.created { "created" } else { "changed" };
    writeln!(out, "tenant {} {what}", tenant.account_id)?;
    if let Some(secret) = &tenant.secret {
        writeln!(out, "  API Secret, shown only now: {}", secret.expose())?;
    }
    for (connection, url) in &tenant.callback_urls {
        writeln!(out, "  connection {connection}, callback URL: {url}")?;
    }
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct TenantRow {
    account_id: String,
    name: String,
    disabled: bool,
    connections: usize,
}

impl Listed for TenantRow {
    const HEADINGS: &'static [&'static str] = &["ACCOUNT", "NAME", "STATE", "CONNECTIONS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.account_id.clone(),
            self.name.clone(),
            state(self.disabled).to_owned(),
            self.connections.to_string(),
        ]
    }
}

fn state(disabled: bool) -> &'static str {
    if disabled { "disabled" } else { "served" }
}

fn list(desk: &Desk, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let directory = desk.app.directory();
    let rows = directory.tenants().into_iter().map(|tenant| TenantRow {
        account_id: tenant.account_id.clone(),
        name: tenant.name.clone(),
        disabled: tenant.disabled,
        connections: tenant.connections.len(),
    });
    write_list(out, json, &rows.collect::<Vec<_>>())
}

/// A tenant, as operators see it.
#[derive(Serialize)]
struct Shown<'a> {
    account_id: &'a str,
    name: &'a str,
    disabled: bool,
    options: &'a TenantOptions,
    signs_webhooks: bool,
    secrets: Vec<ShownSecret>,
    connections: Vec<ShownConnection<'a>>,
}

#[derive(Serialize)]
struct ShownSecret {
    /// The beginning of its SHA-256, by which its holder knows it.
    digest: String,
    made_at: String,
    works_until: Option<String>,
    /// To the minute, and written half a minute later.
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct ShownConnection<'a> {
    name: &'a str,
    vendor: &'a str,
    retired: bool,
}

async fn show(
    desk: &Desk,
    account: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let tenant = desk.app.tenant_named(account)?;
    let shown = shown(desk, &tenant).await?;
    if json {
        write_json(out, &shown)
    } else {
        write_shown(out, &shown)
    }
}

async fn shown<'a>(desk: &Desk, tenant: &'a Tenant) -> Result<Shown<'a>, CliError> {
    let secrets = desk.app.store.secrets(desk.app.clock.now()).await?;
    let secrets = secrets
        .into_iter()
        .filter(|secret| secret.tenant_id == tenant.id);
    let connections = tenant.connections.iter();
    Ok(Shown {
        account_id: &tenant.account_id,
        name: &tenant.name,
        disabled: tenant.disabled,
        options: &tenant.options,
        signs_webhooks: tenant.signing_secret.is_some(),
        secrets: secrets
            .map(|secret| ShownSecret {
                digest: secret.digest.chars().take(DIGEST_SHOWN).collect(),
                made_at: time(secret.created_at),
                works_until: secret.expires_at.map(time),
                last_used_at: secret.last_used_at.map(time),
            })
            .collect(),
        connections: connections
            .map(|connection| ShownConnection {
                name: &connection.name,
                vendor: &connection.vendor,
                retired: connection.retired,
            })
            .collect(),
    })
}

fn write_shown(out: &mut impl Write, shown: &Shown<'_>) -> Result<(), CliError> {
    let state = state(shown.disabled);
    writeln!(out, "tenant {} ({}), {state}", shown.account_id, shown.name)?;
    for secret in &shown.secrets {
        let until = secret.works_until.as_deref();
        let until = until.map_or("works until it is rotated".to_owned(), |until| {
            format!("works until {until}")
        });
        let used = secret.last_used_at.as_deref();
        let used = used.map_or("not used yet".to_owned(), |at| format!("last used at {at}"));
        let (digest, made) = (&secret.digest, &secret.made_at);
        writeln!(
            out,
            "  API Secret {digest}..., made at {made}, {until}, {used}"
        )?;
    }
    for connection in &shown.connections {
        let retired = if connection.retired { ", retired" } else { "" };
        writeln!(
            out,
            "  connection {}, vendor {}{retired}",
            connection.name, connection.vendor
        )?;
    }
    if shown.signs_webhooks {
        writeln!(out, "  webhooks are signed")?;
    }
    let options = serde_json::to_value(shown.options)
        .map_err(|error| CliError::Internal(format!("the options have no JSON ({error})")))?;
    let mut rows = Vec::new();
    flatten("", &options, &mut rows);
    write_columns(out, "  ", &rows)
}

/// `webhook.updates  false` and so on, as an import file names them.
fn flatten(path: &str, value: &serde_json::Value, rows: &mut Vec<Vec<String>>) {
    let Some(members) = value.as_object() else {
        rows.push(vec![path.to_owned(), value.to_string()]);
        return;
    };
    for (key, value) in members {
        let dot = if path.is_empty() { "" } else { "." };
        flatten(&format!("{path}{dot}{key}"), value, rows);
    }
}

async fn rotate(
    desk: &Desk,
    account: &str,
    overlap: Duration,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let secret = desk.app.rotate_secret(account, overlap).await?;
    writeln!(out, "{}", secret.expose())?;
    out.flush()?;
    let until = desk.app.clock.now() + crate::clock::millis(overlap);
    eprintln!(
        "this API Secret is shown only now; the old ones work until {}",
        time(until)
    );
    desk.audit(
        "tenant rotate",
        account,
        &format!("old secrets work until {}", time(until)),
    )
    .await
}

async fn disable(
    desk: &Desk,
    account: &str,
    disabled: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    desk.app.disable_tenant(account, disabled).await?;
    let (what, told) = if disabled {
        ("tenant disable", "is disabled: every call of it is refused")
    } else {
        ("tenant enable", "is served again")
    };
    desk.audit(what, account, "").await?;
    Ok(writeln!(out, "tenant {account} {told}")?)
}
