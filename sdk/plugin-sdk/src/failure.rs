//! The one error type of the contracts.

use std::fmt;
use std::io;

pub use crate::bindings::shared::bulkhead::host::types::{Failure, FailureKind};

/// A result whose error is a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure that another try will not mend. `message` is one lower-case phrase without secrets.
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

    /// A grant, permission or password is missing.
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

    /// A kind that the contract does not list.
    pub fn other(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Other(kind.into()), message)
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

/// Files of the plugin's own directories: a full or absent disk may mend itself, a permission does not.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind;
        let message = error.to_string().to_lowercase();
        match error.kind() {
            ErrorKind::NotFound => Self::not_found(message),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::denied(message),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::unavailable("no space left"),
            ErrorKind::AlreadyExists => Self::conflict(message),
            ErrorKind::InvalidInput | ErrorKind::InvalidFilename => Self::invalid(message),
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::corrupt(message),
            _ => Self::unavailable(message),
        }
    }
}
