//! `cleargate delivery`: webhooks to the ATS.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::desk::Desk;
use super::error::CliError;
use super::order::find;
use super::show::{Listed, MOST, time, write_list};
use crate::store::{DeliveryRow, Discarded};

/// What can be done with deliveries.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List webhooks, newest first.
    List {
        /// Where they stand.
        #[arg(long, value_enum, default_value_t = State::Dead)]
        state: State,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Send webhooks again that were given up, of each order the newest.
    Redeliver {
        /// The orders: ord_..., tracking ids, or ACCOUNT/background_check_id. One that begins with a
        /// hyphen stands behind `--`.
        #[arg(value_name = "ORDER", required_unless_present = "all")]
        orders: Vec<String>,
        /// Of all orders with a webhook that was given up.
        #[arg(long, conflicts_with = "orders")]
        all: bool,
    },
    /// End the given-up and waiting webhooks of orders for good: they are never sent.
    ///
    /// The order itself stays as it is, and the ATS can still ask where it stands. A webhook that
    /// comes later is sent as usual.
    Discard {
        /// The orders: ord_..., tracking ids, or ACCOUNT/background_check_id. One that begins with a
        /// hyphen stands behind `--`.
        #[arg(value_name = "ORDER", required = true)]
        orders: Vec<String>,
        /// Why, for whoever reads the audit.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum State {
    /// To be sent.
    Pending,
    /// Taken by the ATS.
    Delivered,
    /// Overtaken by a newer one before it was sent.
    Superseded,
    /// Given up, after every attempt or because the ATS said so.
    Dead,
    /// Ended by an operator.
    Discarded,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

/// Runs a command of `delivery`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    Desk::with(config, async |desk| match command {
        Command::List { state, json } => list(desk, *state, *json, out).await,
        Command::Redeliver { orders, all: false } => redeliver(desk, orders, out).await,
        Command::Redeliver { .. } => redeliver_all(desk, out).await,
        Command::Discard { orders, note } => discard(desk, orders, note, out).await,
    })
    .await
}

#[derive(Serialize)]
struct Row {
    order_id: String,
    sequence: i64,
    webhook_id: String,
    state: String,
    reason: Option<String>,
    created_at: String,
    ended_at: Option<String>,
}

impl From<DeliveryRow> for Row {
    fn from(row: DeliveryRow) -> Self {
        Self {
            order_id: row.order_id,
            sequence: row.sequence,
            webhook_id: row.webhook_id,
            state: row.state,
            reason: row.reason,
            created_at: time(row.created_at),
            ended_at: row.ended_at.map(time),
        }
    }
}

impl Listed for Row {
    const HEADINGS: &'static [&'static str] =
        &["ORDER", "NO", "STATE", "REASON", "CREATED", "ENDED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.order_id.clone(),
            self.sequence.to_string(),
            self.state.clone(),
            self.reason.clone().unwrap_or_default(),
            self.created_at.clone(),
            self.ended_at.clone().unwrap_or_default(),
        ]
    }
}

async fn list(desk: &Desk, state: State, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let rows = desk.app.store.deliveries_in(state.as_str(), MOST).await?;
    let rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
    write_list(out, json, &rows)
}

async fn redeliver(desk: &Desk, orders: &[String], out: &mut impl Write) -> Result<(), CliError> {
    let mut refused = Vec::new();
    for id in orders {
        let order = find(desk, id).await?;
        if !revive(desk, &order.id, out).await? {
            refused.push(format!(
                "the newest webhook of order {} was not given up, so there is nothing to send again",
                order.id
            ));
        }
    }
    done_or(refused)
}

async fn redeliver_all(desk: &Desk, out: &mut impl Write) -> Result<(), CliError> {
    let dead = desk
        .app
        .store
        .deliveries_in(State::Dead.as_str(), MOST)
        .await?;
    let mut orders: Vec<String> = dead.into_iter().map(|row| row.order_id).collect();
    orders.sort();
    orders.dedup();
    let mut revived = 0;
    for order in &orders {
        revived += u32::from(revive(desk, order, out).await?);
    }
    Ok(writeln!(out, "{revived} webhooks are sent again")?)
}

async fn discard(
    desk: &Desk,
    orders: &[String],
    note: &str,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (mut refused, now) = (Vec::new(), desk.app.clock.now());
    for id in orders {
        let order = find(desk, id).await?.id;
        match desk.app.store.discard(&order, now).await? {
            Discarded::Done(number) => {
                desk.audit("delivery discard", &order, note).await?;
                writeln!(out, "what the ATS was to be told of order {order} is never sent (webhooks: {number})")?;
            }
            Discarded::BeingSent => refused.push(format!(
                "a webhook of order {order} is being sent at this moment; try again in a minute"
            )),
            Discarded::Nothing => refused.push(format!(
                "order {order} has no webhook that waits or was given up, so there is nothing to discard"
            )),
        }
    }
    done_or(refused)
}

fn done_or(refused: Vec<String>) -> Result<(), CliError> {
    if refused.is_empty() {
        Ok(())
    } else {
        Err(CliError::NotDone(refused.join("\n")))
    }
}

/// Makes an order's dead webhook due; `false`: it has none.
async fn revive(desk: &Desk, order_id: &str, out: &mut impl Write) -> Result<bool, CliError> {
    let revived = desk
        .app
        .store
        .redeliver(order_id, desk.app.clock.now())
        .await?;
    if revived {
        desk.audit("delivery redeliver", order_id, "").await?;
        writeln!(
            out,
            "the serving process sends the webhook of order {order_id} again"
        )?;
    }
    Ok(revived)
}
