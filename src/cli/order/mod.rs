//! `cleargate order`: background checks, and what only a person can decide about them.

mod story;

use std::io::Write;
use std::path::Path;

use adapters::vocabulary::TheirRef;
use serde::Serialize;

use super::desk::{Desk, who};
use super::error::CliError;
use super::show::{Listed, MOST, time, write_json, write_list};
use crate::app::waiting::Knowledge;
use crate::domain::contact::ContactKind;
use crate::domain::order::{Order, standing};

/// What can be done with orders. ID is ord_..., a tracking id, or ACCOUNT/background_check_id.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show an order's whole story: its stage, what was asked of the vendor, what the ATS was told.
    Show {
        /// The order: ord_..., its tracking id, or ACCOUNT/background_check_id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// List orders that wait for a person.
    ///
    /// `order show` tells why; `order resolve` settles one whose placing nobody is sure of.
    Waiting {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Ask the vendor where an order stands.
    Look {
        /// The order: ord_..., its tracking id, or ACCOUNT/background_check_id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Ask from here and tell what was answered, instead of leaving it to the serving process.
        #[arg(long)]
        now: bool,
    },
    /// Settle an order of which only a person can know whether its vendor has it.
    ///
    /// Look it up in the vendor's own portal first.
    #[command(
        override_usage = "cleargate order resolve ID (--is REFERENCE | --not-placed (--place-again | --end))"
    )]
    Resolve(Resolve),
    /// Cancel an order at its vendor.
    Cancel {
        /// The order: ord_..., its tracking id, or ACCOUNT/background_check_id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// An order, and what a person knows of it.
#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    /// ord_..., a tracking id, or ACCOUNT/background_check_id.
    #[arg(allow_hyphen_values = true)]
    id: String,
    #[command(flatten)]
    known: Known,
}

/// What the person knows: where the order is, or that it is nowhere and what follows.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Known {
    /// The vendor has it: the vendor's own id of it.
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["not_placed", "then"])]
    is: Option<String>,
    /// The vendor does not have it.
    #[arg(long, requires = "then")]
    not_placed: bool,
    /// Place it again: only where it is certain that the vendor does not have it.
    #[arg(long, group = "then", requires = "not_placed")]
    place_again: bool,
    /// End it as failed, and tell the ATS.
    #[arg(long, group = "then", requires = "not_placed")]
    end: bool,
}

impl Resolve {
    fn knowledge(&self) -> Knowledge {
        match &self.known.is {
            Some(theirs) => Knowledge::Is(TheirRef(theirs.clone())),
            None if self.known.place_again => Knowledge::PlaceAgain,
            None => Knowledge::End,
        }
    }
}

/// Runs a command of `order`.
pub(super) async fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    Desk::with(config, async |desk| match command {
        Command::Show { id, json } => show(desk, id, *json, out).await,
        Command::Waiting { json } => waiting(desk, *json, out).await,
        Command::Look { id, now: false } => look_soon(desk, id, out).await,
        Command::Look { id, .. } => look_now(desk, id, out).await,
        Command::Resolve(resolve) => resolve_order(desk, resolve, out).await,
        Command::Cancel { id } => cancel(desk, id, out).await,
    })
    .await
}

/// The order that `id` names in any of its three ways.
pub(super) async fn find(desk: &Desk, id: &str) -> Result<Order, CliError> {
    let store = &desk.app.store;
    let found = match id.split_once('/') {
        Some((account, check)) => {
            let tenant = desk.app.tenant_named(account)?;
            store.tenant_order(&tenant.id, check).await?
        }
        None => match store.order(id).await? {
            Some(order) => Some(order),
            None => store.tracked_order(id).await?,
        },
    };
    found.ok_or_else(|| {
        CliError::NotDone(format!(
            "there is no order `{id}`; give its id (ord_...), its tracking id, or ACCOUNT/background_check_id"
        ))
    })
}

async fn show(desk: &Desk, id: &str, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let story = desk.app.story(find(desk, id).await?).await?;
    let shown = story::Shown::of(desk, story);
    if json {
        write_json(out, &shown)
    } else {
        shown.write(out)
    }
}

#[derive(Serialize)]
struct WaitingRow {
    id: String,
    account_id: String,
    background_check_id: String,
    stage: &'static str,
    waiting: &'static str,
    updated_at: String,
}

impl Listed for WaitingRow {
    const HEADINGS: &'static [&'static str] = &[
        "ORDER",
        "ACCOUNT",
        "CHECK",
        "STAGE",
        "WAITS BECAUSE",
        "SINCE",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.account_id.clone(),
            self.background_check_id.clone(),
            self.stage.to_owned(),
            self.waiting.to_owned(),
            self.updated_at.clone(),
        ]
    }
}

async fn waiting(desk: &Desk, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let orders = desk.app.store.waiting_orders(MOST).await?;
    let rows = orders.into_iter().map(|order| WaitingRow {
        account_id: desk.account_of(&order.tenant_id),
        background_check_id: order.background_check_id,
        stage: order.stage.as_str(),
        waiting: order.waiting.map_or("", |waiting| waiting.as_str()),
        updated_at: time(order.updated_at),
        id: order.id,
    });
    write_list(out, json, &rows.collect::<Vec<_>>())
}

/// The order, if its vendor can be asked for it.
async fn find_placed(desk: &Desk, id: &str) -> Result<Order, CliError> {
    let order = find(desk, id).await?;
    if order.their_ref.is_some() {
        return Ok(order);
    }
    Err(CliError::NotDone(format!(
        "order {} has no reference at its vendor yet, so it cannot be looked at; `cleargate order show` tells where it stands",
        order.id
    )))
}

async fn look_soon(desk: &Desk, id: &str, out: &mut impl Write) -> Result<(), CliError> {
    let order = find_placed(desk, id).await?;
    desk.app
        .store
        .look_by(&order.id, desk.app.clock.now())
        .await?;
    desk.audit("order look", &order.id, "").await?;
    Ok(writeln!(
        out,
        "the serving process looks at order {} now",
        order.id
    )?)
}

async fn look_now(desk: &Desk, id: &str, out: &mut impl Write) -> Result<(), CliError> {
    desk.expect_news().await?;
    let order = find_placed(desk, id).await?;
    let id = order.id.clone();
    desk.app.clone().look(order).await?;
    desk.audit("order look", &id, "from the command").await?;
    let order = find(desk, &id).await?;
    writeln!(out, "order {id} is {}", standing(&order))?;
    let contacts = desk.app.store.contacts(&id).await?;
    let looks = contacts.iter().filter(|it| it.kind == ContactKind::Look);
    if let Some(look) = looks.max_by_key(|look| look.number) {
        let told = format!("{} {}", look.outcome, look.detail);
        writeln!(out, "  {}  look  {}", time(look.at), told.trim_end())?;
    }
    Ok(())
}

async fn resolve_order(
    desk: &Desk,
    resolve: &Resolve,
    out: &mut impl Write,
) -> Result<(), CliError> {
    desk.expect_news().await?;
    let order = find(desk, &resolve.id).await?;
    let id = order.id.clone();
    desk.app
        .resolve_order(order, &resolve.knowledge(), &who())
        .await?;
    let order = find(desk, &id).await?;
    Ok(writeln!(out, "order {id} is {}", standing(&order))?)
}

async fn cancel(desk: &Desk, id: &str, out: &mut impl Write) -> Result<(), CliError> {
    desk.expect_news().await?;
    let order = find(desk, id).await?;
    let order = desk.app.cancel_order(order).await?;
    desk.audit("order cancel", &order.id, &standing(&order))
        .await?;
    Ok(writeln!(out, "order {} is {}", order.id, standing(&order))?)
}
