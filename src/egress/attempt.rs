//! What became of one attempt to deliver a webhook.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::refusal::Refusal;

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// A whole response head came within the deadline, whatever became of the body.
    Answered {
        /// The status as sent; a 3xx is an answer like any other, never followed.
        status: StatusCode,
        /// How long the destination asks us to wait, at most 24 hours.
        retry_after: Option<Duration>,
        /// From the start of the attempt to the complete response head.
        took: Duration,
    },
    /// An address was refused; nothing was connected.
    Refused(Refusal),
    /// No whole response head came.
    Failed(Failure),
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    /// The step that failed.
    pub kind: FailureKind,
    /// For operators: the origin and the cause, without path, header or body.
    pub sentence: String,
}

/// The step of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The name has no address, or no name server answered.
    Dns,
    /// No address of the host took a TCP connection.
    Connect,
    /// The TLS handshake failed, most often over the certificate.
    Tls,
    /// The deadline of the attempt passed before the response head was complete.
    Timeout,
    /// The connection was closed or reset before the response head was complete.
    Reset,
    /// What came back is not an HTTP response within our limits.
    Protocol,
}

impl FailureKind {
    /// The stable name, for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An attempt that ended before its answer.
#[derive(Debug)]
pub(super) enum Stopped {
    Refused(Refusal),
    Failed(Failure),
}

impl Stopped {
    pub(super) fn failed(kind: FailureKind, sentence: String) -> Self {
        Self::Failed(Failure { kind, sentence })
    }
}

impl From<Stopped> for Attempt {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(refusal) => Self::Refused(refusal),
            Stopped::Failed(failure) => Self::Failed(failure),
        }
    }
}
