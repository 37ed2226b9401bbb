//! What can be wrong with settings, in sentences for the operator who wrote them.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why settings, or a secret they refer to, could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named by `--config` could not be read.
    #[error("the settings file {} could not be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML. The line itself is not shown: it may hold a password.
    #[error("{place}: {problem}")]
    Syntax {
        /// The line.
        place: Place,
        /// What the TOML reader expected there.
        problem: String,
    },
    /// Settings that are unknown, malformed, out of range or at odds: all of them, a line each.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Mistake>),
    /// Not a reference to a secret. It is not shown: it may be the secret itself.
    #[error(
        "a secret is not written out but referred to: `env:NAME` for a variable, \
         `file:PATH` for a file that holds it"
    )]
    NotAReference,
    /// The variable that a reference names is not set, is empty, or is no Unicode text.
    #[error("`env:{0}` refers to a variable that is not set, or holds no text")]
    NoVariable(String),
    /// The file that a reference names could not be read.
    #[error("`file:{}` refers to a file that could not be read: {source}", path.display())]
    NoSecretFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file that a reference names holds nothing.
    #[error("`file:{}` refers to an empty file", .0.display())]
    EmptySecretFile(PathBuf),
}

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `section.key`.
    pub key: String,
    /// The value, unless it may be secret or the key itself is at fault.
    pub value: Option<String>,
    /// Where it was given.
    pub place: Place,
    /// What would be right.
    pub wanted: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.key)?;
        if let Some(value) = &self.value {
            write!(f, " is `{value}`")?;
        }
        write!(f, " in {}: {}", self.place, self.wanted)
    }
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the compiled-in `config/cleargate.toml`.
    Default,
    /// In a file; lines count from 1.
    Line {
        /// The file, as it was named.
        file: String,
        /// The line.
        line: usize,
    },
    /// In the environment variable of this name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the compiled-in defaults"),
            Self::Line { file, line } => write!(f, "{file}, line {line}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    lines.join("\n")
}
