//! What is wrong with a configuration, as a person reads it.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the configuration file.
    File {
        /// As given on the command line.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "{name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where, when it is known.
    pub origin: Option<Origin>,
    /// The key, e.g. `service[0].port`; empty for the file as a whole.
    pub key: String,
    /// One lower-case phrase.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong, so that an operator mends it in one go.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// One error about the file as a whole.
    pub fn about_file(path: &Path, message: impl fmt::Display, hint: Option<&str>) -> Self {
        Self(vec![ConfigError {
            origin: None,
            key: String::new(),
            message: format!("{}: {message}", path.display()),
            hint: hint.map(str::to_owned),
        }])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects errors while the sections are read.
#[derive(Debug, Default)]
pub struct Findings(RefCell<Vec<ConfigError>>);

impl Findings {
    /// Notes one error.
    pub fn add(&self, error: ConfigError) {
        self.0.borrow_mut().push(error);
    }

    /// All errors, in the order of the file; those without a line come last.
    pub fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.0.into_inner();
        errors.sort_by_key(|error| match error.origin {
            Some(Origin::File { line, .. }) => (0, line),
            Some(Origin::Environment(_)) => (1, 0),
            None => (2, 0),
        });
        errors
    }
}
