//! `cleargate connection`: tenants' accounts at vendors.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::desk::Desk;
use super::error::CliError;
use super::show::{Listed, time, write_columns, write_json, write_list};
use super::verify;
use crate::app::catalog::Clash;
use crate::domain::drift::{DriftKind, DriftRow};
use crate::domain::tenant::{Connection, OfferKind, Tenant};

/// The changes of a catalog that are shown to people; JSON has all that are kept.
const LATEST: usize = 20;

/// What can be done with connections.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the connections of all tenants.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Show a connection with the callback URL that its vendor has to be told.
    Show {
        /// The tenant's Account ID.
        account: String,
        /// The connection's name.
        name: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Try a connection by a call that orders nothing, and say what is wrong.
    Verify {
        /// The tenant's Account ID.
        account: String,
        /// The connection's name.
        name: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Offer and order nothing more at a connection; its open orders are still followed to their
    /// end.
    Retire {
        /// The tenant's Account ID.
        account: String,
        /// The connection's name.
        name: String,
    },
}

/// Runs a command of `connection`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    Desk::with(config, async |desk| match command {
        Command::List { json } => list(desk, *json, out),
        Command::Show {
            account,
            name,
            json,
        } => show(desk, account, name, *json, out).await,
        Command::Verify {
            account,
            name,
            json,
        } => {
            let connection = find(desk, account, name)?;
            verify::verify(desk, account, &connection, *json, out).await
        }
        Command::Retire { account, name } => retire(desk, account, name, out).await,
    })
    .await
}

#[derive(Serialize)]
struct ConnectionRow {
    account_id: String,
    name: String,
    label: String,
    vendor: String,
    base_url: String,
    retired: bool,
}

impl ConnectionRow {
    fn of(account_id: &str, connection: &Connection) -> Self {
        Self {
            account_id: account_id.to_owned(),
            name: connection.name.clone(),
            label: connection.label.clone(),
            vendor: connection.vendor.clone(),
            base_url: connection.base_url.clone(),
            retired: connection.retired,
        }
    }
}

impl Listed for ConnectionRow {
    const HEADINGS: &'static [&'static str] =
        &["ACCOUNT", "NAME", "LABEL", "VENDOR", "BASE URL", "STATE"];

    fn cells(&self) -> Vec<String> {
        let state = if self.retired { "retired" } else { "in use" };
        vec![
            self.account_id.clone(),
            self.name.clone(),
            self.label.clone(),
            self.vendor.clone(),
            self.base_url.clone(),
            state.to_owned(),
        ]
    }
}

fn list(desk: &Desk, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let directory = desk.app.directory();
    let rows: Vec<ConnectionRow> = directory
        .tenants()
        .into_iter()
        .flat_map(|tenant| {
            let connections = tenant.connections.iter();
            connections.map(|connection| ConnectionRow::of(&tenant.account_id, connection))
        })
        .collect();
    write_list(out, json, &rows)
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    row: ConnectionRow,
    prefix: String,
    settings: std::collections::BTreeMap<String, serde_json::Value>,
    /// The names alone.
    credentials: Vec<String>,
    callback_url: String,
    catalog_fetched_at: Option<String>,
    /// Newest first.
    catalog_changes: Vec<ShownChange>,
    clashes: Vec<ShownClash>,
}

#[derive(Serialize)]
struct ShownChange {
    at: String,
    change: DriftKind,
    offer: OfferKind,
    vendor_id: String,
    detail: String,
}

/// An offer that is not made, because its id means something else already.
#[derive(Serialize)]
struct ShownClash {
    id: String,
    offer: OfferKind,
    vendor_id: String,
    /// The connection that the id belongs to.
    belongs_to: String,
    means: String,
}

impl From<DriftRow> for ShownChange {
    fn from(row: DriftRow) -> Self {
        Self {
            at: time(row.at),
            change: row.kind,
            offer: row.offer,
            vendor_id: row.vendor_id,
            detail: row.detail,
        }
    }
}

impl ShownClash {
    fn of(tenant: &Tenant, clash: Clash) -> Self {
        let owner = tenant.connection(&clash.means.connection_id);
        Self {
            id: clash.offer.id,
            offer: clash.offer.kind,
            vendor_id: clash.offer.vendor_id,
            belongs_to: owner.map_or(clash.means.connection_id, |owner| owner.name.clone()),
            means: clash.means.vendor_id,
        }
    }
}

/// The tenant's connection of that name.
fn find(desk: &Desk, account: &str, name: &str) -> Result<Arc<Connection>, CliError> {
    let tenant = desk.app.tenant_named(account)?;
    let connection = tenant.connections.iter().find(|it| it.name == name);
    connection.cloned().ok_or_else(|| {
        let known: Vec<&str> = tenant
            .connections
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        CliError::NotDone(format!(
            "tenant `{account}` has no connection `{name}` (it has: {})",
            known.join(", ")
        ))
    })
}

async fn show(
    desk: &Desk,
    account: &str,
    name: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let tenant = desk.app.tenant_named(account)?;
    let connection = &find(desk, account, name)?;
    let changes = desk.app.store.catalog_changes(&connection.id).await?;
    let clashes = desk.app.clashes(&tenant, connection).await?;
    let stored = desk.app.store.catalog(&connection.id).await?;
    if !desk.is_public_url_known() {
        eprintln!(
            "`http.public_addr` has port 0, so the callback URL leads nowhere; set `http.public_url` to how the serving process is reached"
        );
    }
    let shown = Shown {
        row: ConnectionRow::of(account, connection),
        prefix: connection.prefix.clone(),
        settings: connection.settings.clone(),
        credentials: {
            let credentials = connection.credentials.iter();
            credentials.map(|(name, _)| name.to_owned()).collect()
        },
        callback_url: desk.app.callback_url(connection),
        catalog_fetched_at: stored.map(|stored| time(stored.fetched_at)),
        catalog_changes: changes.into_iter().map(ShownChange::from).collect(),
        clashes: clashes
            .into_iter()
            .map(|clash| ShownClash::of(&tenant, clash))
            .collect(),
    };
    if json {
        return write_json(out, &shown);
    }
    write_shown(out, &shown)
}

fn write_shown(out: &mut impl Write, shown: &Shown) -> Result<(), CliError> {
    let row = &shown.row;
    writeln!(out, "connection {} of tenant {}", row.name, row.account_id)?;
    let state = if row.retired { "retired" } else { "in use" };
    let mut rows = vec![
        ("state", state.to_owned()),
        ("label", row.label.clone()),
        ("vendor", row.vendor.clone()),
        ("base URL", row.base_url.clone()),
        ("prefix", shown.prefix.clone()),
        ("credentials", shown.credentials.join(", ")),
        (
            "list fetched",
            shown.catalog_fetched_at.clone().unwrap_or("not yet".into()),
        ),
    ];
    for (name, value) in &shown.settings {
        rows.push(("setting", format!("{name} = {value}")));
    }
    rows.push(("callback URL", shown.callback_url.clone()));
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    write_columns(out, "  ", &rows)?;
    write_catalog(out, shown)
}

/// What has changed on the vendor's list, and what of it is not offered.
fn write_catalog(out: &mut impl Write, shown: &Shown) -> Result<(), CliError> {
    if !shown.catalog_changes.is_empty() {
        writeln!(out, "changes of the vendor's list, newest first")?;
        let latest = shown.catalog_changes.iter().take(LATEST);
        let rows = latest.map(|it| {
            let change = it.change.as_str().to_owned();
            let what = format!("{} {}", it.offer.as_str(), it.vendor_id);
            vec![it.at.clone(), change, what, it.detail.clone()]
        });
        write_columns(out, "  ", &rows.collect::<Vec<_>>())?;
    }
    if !shown.clashes.is_empty() {
        writeln!(out, "not offered, because the id means something else")?;
        let rows = shown.clashes.iter().map(|it| {
            let offer = format!("{} {}", it.offer.as_str(), it.vendor_id);
            let means = format!("means {} of connection {}", it.means, it.belongs_to);
            vec![it.id.clone(), offer, means]
        });
        write_columns(out, "  ", &rows.collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn retire(
    desk: &Desk,
    account: &str,
    name: &str,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let open = desk.app.retire_connection(account, name).await?;
    desk.audit(
        "connection retire",
        &format!("{account}/{name}"),
        &format!("{open} orders open"),
    )
    .await?;
    Ok(writeln!(
        out,
        "connection {name} of tenant {account} is retired; {open} orders of it are still open"
    )?)
}
