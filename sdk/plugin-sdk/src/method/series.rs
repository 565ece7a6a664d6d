//! Versions of servers and tools, as far as backups must agree on them.

use std::fmt;

use crate::{Failure, Result};

/// The first two numbers of a version, e.g. 10.11 of `10.11.19-MariaDB-0+deb12u1-log`: what decides whether files fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Series {
    /// Reads the series of a version text.
    ///
    /// # Errors
    /// `unsupported` for a text that does not begin with two numbers.
    pub fn of(version: &str) -> Result<Self> {
        let mut numbers = version.trim().split(['.', '-', '+', ' ']).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(Failure::unsupported(format!("`{version}` does not state a version"))),
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
