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
mod verify;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// One background-check provider to an applicant tracking system (ATS), many screening vendors
/// behind it.
#[derive(Debug, Parser)]
#[command(name = "cleargate", version, max_term_width = 100, after_long_help = FIRST_STEPS)]
struct Cli {
    /// A TOML file with the settings that differ from the built-in ones.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What a newcomer does first, and what scripts want to know.
const FIRST_STEPS: &str = "\
First steps:
  cleargate demo                         see one order go its whole way
  cleargate sandbox --write .            a fake vendor, with a tenants file and settings to try
  cleargate key new                      the key that `security.key` refers to
  cleargate check --tenants FILE         what is wrong with settings and a tenants file
  cleargate tenant import FILE           tenants (client accounts of the ATS) and their vendors
  cleargate serve                        the gateway

config/cleargate.toml has every setting with its meaning; variables such as
CLEARGATE__HTTP__PUBLIC_ADDR go before what the file of --config says.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 could not be done, 64 wrong
command line, 70 a defect of this program, 78 settings or files have to be changed first.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C.
    ///
    /// `http.public_addr` is for the ATS, vendors and recruiters; `http.operations_addr` is for
    /// health checks and metrics, and for nobody outside. SIGHUP reloads settings and vendor sheets,
    /// all or nothing.
    Serve,
    /// Run a fake vendor and a webhook receiver to try the gateway on.
    ///
    /// Prints the tenants file and the settings that join a gateway to it; `--write` puts them into
    /// files.
    Sandbox(crate::sandbox::Options),
    /// Show one order's whole way, on a gateway of its own that is gone afterwards.
    Demo(demo::Options),
    /// Say everything that is wrong with settings, vendor sheets and a tenants file, offline.
    ///
    /// Prints `ok`, or each mistake with its file and line and what would be right, and ends with
    /// 78. Nobody is asked, so it may run anywhere.
    Check(check::Options),
    /// Bring the database to the schema of this program.
    ///
    /// `serve` does so by itself with SQLite, and with PostgreSQL where `store.migrate` is true.
    /// Replicas of the version before go on meanwhile.
    Migrate,
    /// Make a key that seals the database, or change to a new one.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make API Secrets.
    #[command(subcommand)]
    Secret(key::SecretCommand),
    /// See and change tenants: client accounts of the ATS.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// See and retire connections: tenants' accounts at vendors.
    #[command(subcommand)]
    Connection(connection::Command),
    /// See the vendors that are known, and add others.
    #[command(subcommand)]
    Vendor(vendor::Command),
    /// See orders, and settle what only a person can know.
    #[command(subcommand)]
    Order(order::Command),
    /// See webhooks to the ATS, and send again or discard those that were given up.
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

    /// Every command at the end of a path, with the path.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let path = format!("{path} {}", command.get_name());
        if !command.has_subcommands() {
            return vec![(path, command.clone())];
        }
        let below = command.get_subcommands();
        below.flat_map(|below| leaves(below, &path)).collect()
    }

    #[test]
    fn every_command_and_every_argument_says_what_it_is_for() {
        let leaves = leaves(&Cli::command(), "");
        assert!(leaves.len() > 20, "the commands were not found");
        for (path, command) in leaves {
            assert!(command.get_about().is_some(), "{path}");
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                assert!(help.len() > 10, "{path} {}: `{help}`", argument.get_id());
            }
        }
    }

    #[test]
    fn every_command_that_shows_something_shows_it_as_json_too() {
        let shows = |path: &str| {
            ["list", "show", "waiting"]
                .iter()
                .any(|it| path.ends_with(it))
        };
        let leaves = leaves(&Cli::command(), "").into_iter();
        let shown: Vec<_> = leaves.filter(|(path, _)| shows(path)).collect();
        assert!(shown.len() > 8, "{shown:?}");
        for (path, command) in shown {
            let has = command.get_arguments().any(|it| it.get_id() == "json");
            assert!(has, "{path} has no --json");
        }
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
