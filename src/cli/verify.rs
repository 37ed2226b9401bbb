//! `cleargate connection verify`, and the same at the end of an import: does a connection work, and
//! if not, what is wrong?

use std::io::Write;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::desk::Desk;
use super::error::CliError;
use super::show::write_json;
use crate::app::tenants::Imported;
use crate::domain::tenant::Connection;

/// Connections that are tried at the same time after an import.
const AT_ONCE: usize = 16;

/// What came of it. Its JSON is a promise to programs.
#[derive(Serialize)]
struct Verified<'a> {
    account_id: &'a str,
    connection: &'a str,
    vendor: &'a str,
    is_good: bool,
    verdict: &'static str,
    sentence: String,
}

/// Tries one connection; fails with a sentence where it does not work.
pub(super) async fn verify(
    desk: &Desk,
    account: &str,
    connection: &Connection,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let verification = desk.app.verify_connection(connection).await;
    let verified = Verified {
        account_id: account,
        connection: &connection.name,
        vendor: &connection.vendor,
        is_good: verification.is_good(),
        verdict: verification.verdict.as_str(),
        sentence: verification.sentence,
    };
    if json {
        write_json(out, &verified)?;
    }
    let told = format!("connection {}: {}", connection.name, verified.sentence);
    match (verified.is_good, json) {
        (false, _) => Err(CliError::NotDone(told)),
        (true, true) => Ok(()),
        (true, false) => Ok(writeln!(out, "{told}")?),
    }
}

/// Tries the connections that an import has brought or changed. One that does not work is warned
/// of: the import is done, and it may be put right later.
pub(super) async fn verify_imported(
    desk: &Desk,
    tenant: &Imported,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let trials = tenant.changed.iter().map(async |connection| {
        let verification = desk.app.verify_connection(connection).await;
        (connection, verification)
    });
    let mut tried = stream::iter(trials).buffered(AT_ONCE);
    while let Some((connection, verification)) = tried.next().await {
        let told = format!("connection {}: {}", connection.name, verification.sentence);
        if verification.is_good() {
            writeln!(out, "  {told}")?;
        } else {
            eprintln!("warning: tenant {}, {told}", tenant.account_id);
        }
    }
    Ok(out.flush()?)
}
