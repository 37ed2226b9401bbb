//! `cleargate callback`: what vendors sent to us.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::desk::Desk;
use super::error::CliError;
use super::show::{Listed, MOST, time, write_list};

/// What can be done with callbacks.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List callbacks, newest first.
    List {
        /// Where they stand.
        #[arg(long, value_enum, default_value_t = State::Parked)]
        state: State,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Apply parked callbacks again, once what kept them is mended, such as a vendor's sheet.
    Retry {
        /// The callback: cbk_..., as `callback list` shows it.
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// All that are parked.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// Where a callback stands.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum State {
    /// To be applied.
    New,
    /// Could not be read, or names an order that nobody knows (yet).
    Parked,
    /// Done with.
    Settled,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Parked => "parked",
            Self::Settled => "settled",
        }
    }
}

/// Runs a command of `callback`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    Desk::with(config, async |desk| match command {
        Command::List { state, json } => list(desk, *state, *json, out).await,
        Command::Retry { id, .. } => retry(desk, id.as_deref(), out).await,
    })
    .await
}

#[derive(Serialize)]
struct Row {
    id: String,
    account_id: String,
    connection: String,
    state: &'static str,
    reason: Option<String>,
    received_at: String,
    settled_at: Option<String>,
}

impl Listed for Row {
    const HEADINGS: &'static [&'static str] =
        &["ID", "ACCOUNT", "CONNECTION", "STATE", "REASON", "RECEIVED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.account_id.clone(),
            self.connection.clone(),
            self.state.to_owned(),
            self.reason.clone().unwrap_or_default(),
            self.received_at.clone(),
        ]
    }
}

async fn list(desk: &Desk, state: State, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let directory = desk.app.directory();
    let found = desk.app.store.callbacks_in(state.as_str(), MOST).await?;
    let rows: Vec<Row> = found
        .into_iter()
        .map(|row| {
            let connection = directory.connection(&row.connection_id);
            Row {
                id: row.id,
                account_id: connection
                    .map_or_else(String::new, |it| desk.account_of(&it.tenant_id)),
                connection: connection.map_or(row.connection_id, |it| it.name.clone()),
                state: state.as_str(),
                reason: row.reason,
                received_at: time(row.received_at),
                settled_at: row.settled_at.map(time),
            }
        })
        .collect();
    write_list(out, json, &rows)
}

async fn retry(desk: &Desk, id: Option<&str>, out: &mut impl Write) -> Result<(), CliError> {
    let retried = desk
        .app
        .store
        .retry_parked(id, desk.app.clock.now())
        .await?;
    if let (Some(id), 0) = (id, retried) {
        return Err(CliError::NotDone(format!(
            "there is no parked callback `{id}`; `cleargate callback list` shows those there are"
        )));
    }
    let note = format!("{retried} callbacks");
    desk.audit("callback retry", id.unwrap_or("all"), &note)
        .await?;
    Ok(writeln!(
        out,
        "the serving process applies {retried} callbacks again"
    )?)
}
