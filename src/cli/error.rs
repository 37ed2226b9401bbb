//! How a command fails: sentences on stderr, and an exit code that scripts can tell apart.

use std::io;
use std::process::ExitCode;

use crate::app::AppError;
use crate::config::ConfigError;
use crate::startup::{StartError, with_causes};
use crate::store::StoreError;

/// What was asked for could not be done.
const NOT_DONE: u8 = 1;
/// The command line is wrong (`EX_USAGE` of sysexits).
const WRONG_USE: u8 = 64;
/// A defect of this program (`EX_SOFTWARE`).
const INTERNAL: u8 = 70;
/// Settings, files or the environment are wrong (`EX_CONFIG`).
const WRONG_SET_UP: u8 = 78;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum CliError {
    /// A setting, a file or the environment has to be changed: one sentence for each mistake.
    SetUp(Vec<String>),
    /// The command line has to be changed, in a way that its grammar does not show.
    Usage(String),
    /// It cannot be done, or not now.
    NotDone(String),
    /// A defect of ours, or of the database.
    Internal(String),
    /// What was found could not be written to stdout.
    Output(io::Error),
}

impl CliError {
    /// Tells the error on stderr; the code is what the process ends with.
    pub(super) fn told(self) -> ExitCode {
        match self {
            Self::SetUp(sentences) => {
                for sentence in sentences {
                    eprintln!("{sentence}");
                }
                WRONG_SET_UP.into()
            }
            Self::Usage(sentence) => tell(&sentence, WRONG_USE),
            Self::NotDone(sentence) => tell(&sentence, NOT_DONE),
            Self::Internal(sentence) => tell(&sentence, INTERNAL),
            // Whoever reads has seen enough, such as `head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(error) => tell(&format!("stdout cannot be written ({error})"), NOT_DONE),
        }
    }
}

fn tell(sentence: &str, code: u8) -> ExitCode {
    eprintln!("{sentence}");
    code.into()
}

/// Prints clap's own words: help and version on stdout, refusals on stderr.
pub(super) fn told_by_clap(refusal: &clap::Error) -> ExitCode {
    let code = if refusal.use_stderr() { WRONG_USE } else { 0 };
    match refusal.print() {
        Ok(()) => code.into(),
        Err(error) => CliError::Output(error).told(),
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::SetUp(vec![error.to_string()])
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::SetUp(sentences) => Self::SetUp(sentences),
            StartError::Away(sentence) => Self::NotDone(sentence),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let told = with_causes(&error);
        match error {
            StoreError::Unavailable(_) | StoreError::Unreached(_) | StoreError::Slow => {
                Self::NotDone(told)
            }
            StoreError::Unusable(_) => Self::SetUp(vec![told]),
            StoreError::Statement(_) | StoreError::Unreadable { .. } => Self::Internal(told),
        }
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => error.into(),
            other => Self::NotDone(other.to_string()),
        }
    }
}
