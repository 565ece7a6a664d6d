//! The one error type that crosses crates and the plugin boundary.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A result whose error is a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why something failed; mirrors `failure-kind` of `bulkhead:host/types`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The request itself is wrong.
    Invalid,
    /// The plugin, tool or server cannot do this.
    Unsupported,
    /// A grant, permission or password is missing.
    Denied,
    /// Something remote or scarce is not there now.
    Unavailable,
    /// Somebody else holds or has made it.
    Conflict,
    /// What was named does not exist.
    NotFound,
    /// Bytes are not what they should be.
    Corrupt,
    /// Stopped on request; neither a success nor a reason to retry.
    Cancelled,
    /// A kind that a newer plugin brought.
    Other(String),
}

impl FailureKind {
    /// The stable code used in the API, in logs and in `docs/errors.md`.
    pub fn code(&self) -> &str {
        match self {
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::NotFound => "not-found",
            Self::Corrupt => "corrupt",
            Self::Cancelled => "cancelled",
            Self::Other(name) => name,
        }
    }
}

/// A failure as a user reads it: a kind, one lower-case phrase, and often a hint. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub kind: FailureKind,
    /// One lower-case phrase.
    pub message: String,
    /// What the reader can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether trying again later may help.
    pub retry: bool,
}

impl Failure {
    /// A failure that another try will not mend.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retry: false }
    }

    /// The request itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Invalid, message)
    }

    /// Cannot be done by this plugin, tool or server.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unsupported, message)
    }

    /// Not allowed.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Denied, message)
    }

    /// Not there now; marked for retry.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retry: true, ..Self::new(FailureKind::Unavailable, message) }
    }

    /// In the way of somebody else.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Conflict, message)
    }

    /// Does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(FailureKind::NotFound, message)
    }

    /// Bytes are not what they should be.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Corrupt, message)
    }

    /// Stopped on request.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "cancelled on request")
    }

    /// A fault of this host: not the caller's doing.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Other("internal".to_owned()), message)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says whether trying again later may help.
    #[must_use]
    pub fn with_retry(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    /// Puts what was being done in front of the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
