//! What went wrong with a server or a command, in words.

use std::fmt;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Problem>;

/// What went wrong. `Debug` prints the same text as `Display`, so that a test that unwraps it reads well.
pub struct Problem(String);

impl Problem {
    /// From a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
