//! What a request ended with, as an error that `object_store` carries through to whoever asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bulkhead_plugin_sdk::Failure;

/// What follows from a request that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no such object, or no such upload.
    Absent,
    /// The object is there, and was to be absent.
    Exists,
    /// It is no longer the object that reading began with.
    Replaced,
    /// The range starts at or past the object's end.
    PastEnd,
    /// May pass: worth another try.
    Passing,
    /// Another try ends the same.
    Final,
}

/// A request that did not succeed.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What follows from it.
    pub verdict: Verdict,
    /// What to tell.
    pub failure: Failure,
    /// How long the service asks to wait.
    pub wait: Option<Duration>,
}

impl Fault {
    /// A fault without a wish of the service.
    pub fn new(verdict: Verdict, failure: Failure) -> Self {
        Self { verdict, failure, wait: None }
    }

    /// Another try ends the same.
    pub fn ended(failure: Failure) -> Self {
        Self::new(Verdict::Final, failure)
    }

    /// May pass.
    pub fn passing(failure: Failure) -> Self {
        Self::new(Verdict::Passing, failure)
    }

    /// The fault in what `object_store` says. What it found itself is an answer that is none: such answers pass.
    pub fn of(error: &(dyn Error + 'static), failing: &str) -> Self {
        let mut link = Some(error);
        while let Some(error) = link {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return fault.clone();
            }
            link = error.source();
        }
        // Not its text, which repeats addresses and answers.
        Self::passing(Failure::unavailable(format!("{failing}: the service gave an answer that cannot be understood")))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.message)
    }
}

impl Error for Fault {}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        if failure.retry { Self::passing(failure) } else { Self::ended(failure) }
    }
}
