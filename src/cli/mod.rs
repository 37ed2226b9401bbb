//! The commands. Each group is a file: what it takes, and what it does with it.
//!
//! Results go to stdout, everything else to stderr, so that a result can be piped. Most commands
//! open the database themselves and may run beside a serving process; what they change, that
//! process sees by the rows.

mod callback;
mod check;
mod connection;
mod delivery;
mod demo;
mod desk;
mod error;
mod key;
mod migrate;
mod order;
mod sandbox;
mod serve;
mod show;
mod signals;
mod tenant;
mod vendor;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// One background-check provider to an applicant tracking system, many screening vendors behind it.
#[derive(Debug, Parser)]
#[command(name = "cleargate", version, max_term_width = 100)]
struct Cli {
    /// A file with the settings that differ from the built-in ones.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C.
    Serve,
    /// Run a fake vendor and a webhook receiver to try the gateway on.
    Sandbox(crate::sandbox::Options),
    /// Show one order's whole way, on a gateway of its own that is gone afterwards.
    Demo(demo::Options),
    /// Say everything that is wrong with settings, vendor sheets and a tenants file, offline.
    Check(check::Options),
    /// Bring the database to the schema of this program.
    Migrate,
    /// Make keys that seal the database.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make API Secrets.
    #[command(subcommand)]
    Secret(key::SecretCommand),
    /// Import and change tenants.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// See and retire connections to vendors.
    #[command(subcommand)]
    Connection(connection::Command),
    /// See the vendors that are known, and add others.
    #[command(subcommand)]
    Vendor(vendor::Command),
    /// See orders, and settle what only a person can know.
    #[command(subcommand)]
    Order(order::Command),
    /// See webhooks to the ATS, and send dead ones again.
    #[command(subcommand)]
    Delivery(delivery::Command),
    /// See callbacks from vendors, and try parked ones again.
    #[command(subcommand)]
    Callback(callback::Command),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return error::told_by_clap(&refusal),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(problem) => {
            return CliError::Internal(format!("no threads can be started ({problem})")).told();
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.told(),
    }
}

async fn run(cli: Cli) -> Result<(), CliError> {
    let config = cli.config.as_deref();
    let mut out = io::stdout();
    match cli.command {
        Command::Serve => serve::run(config).await,
        Command::Sandbox(options) => sandbox::run(&options, config, &mut out).await,
        Command::Demo(options) => demo::run(&options, &mut out).await,
        Command::Check(options) => check::run(&options, config, &mut out),
        Command::Migrate => migrate::run(config, &mut out).await,
        Command::Key(command) => key::run(&command, config, &mut out).await,
        Command::Secret(command) => key::run_secret(&command, &mut out),
        Command::Tenant(command) => tenant::run(&command, config, &mut out).await,
        Command::Connection(command) => connection::run(&command, config, &mut out).await,
        Command::Vendor(command) => vendor::run(&command, config, &mut out).await,
        Command::Order(command) => order::run(&command, config, &mut out).await,
        Command::Delivery(command) => delivery::run(&command, config, &mut out).await,
        Command::Callback(command) => callback::run(&command, config, &mut out).await,
    }?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_tracking_id_may_begin_with_a_hyphen() {
        let cli = Cli::try_parse_from(["cleargate", "order", "show", "-x_--y", "--json"]).unwrap();
        let Command::Order(order::Command::Show { id, json }) = cli.command else {
            panic!("another command: {:?}", cli.command)
        };
        assert_eq!((id.as_str(), json), ("-x_--y", true));
    }

    #[test]
    fn what_follows_the_orders_of_a_command_is_an_option() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace()).unwrap();
        let parsed = parse("cleargate delivery discard ord_1 --note why --config file -- -x");
        let Command::Delivery(delivery::Command::Discard { orders, note }) = parsed.command else {
            panic!("another command: {:?}", parsed.command)
        };
        assert_eq!(
            (orders, note.as_str()),
            (vec!["ord_1".to_owned(), "-x".to_owned()], "why")
        );
        assert!(parsed.config.is_some());
    }

    #[test]
    fn resolving_takes_one_kind_of_knowledge() {
        let parse = |rest: &str| {
            let line = format!("cleargate order resolve ord_1 {rest}");
            Cli::try_parse_from(line.split_whitespace()).is_ok()
        };
        for right in ["--is X", "--not-placed --end", "--not-placed --place-again"] {
            assert!(parse(right), "{right}");
        }
        for wrong in [
            "",
            "--not-placed",
            "--end",
            "--is X --end",
            "--is X --not-placed --end",
            "--not-placed --end --place-again",
        ] {
            assert!(!parse(wrong), "{wrong}");
        }
    }
}
