//! What can be wrong with a log.

use std::fmt;

/// What went wrong, as far as callers tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The bytes are not those of a sound log.
    Corrupt,
    /// A sound log of a kind that is not read here.
    Unsupported,
    /// Transactions are missing between what was read and what comes.
    Hole,
    /// The logs do not belong to the base, or not to what is asked for.
    Conflict,
    /// The stamps in the logs do not tell where the moment is.
    Ambiguous,
}

/// Why a log was not read further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// One lower-case phrase.
    pub message: String,
}

impl Problem {
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Corrupt, message: message.into() }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Unsupported, message: message.into() }
    }

    pub(crate) fn hole(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Hole, message: message.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Conflict, message: message.into() }
    }

    pub(crate) fn ambiguous(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Ambiguous, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
