//! What happens to a run that comes late.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Failure, Result, nearest};

/// What a schedule does with a run that comes late, because no host was up or all were busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Misfire {
    /// Runs once, unless it is later than the schedule's misfire grace.
    #[default]
    RunOnce,
    /// Counts it as missed and waits for the next time.
    Skip,
}

impl Misfire {
    /// How late a run may come and still be on time.
    pub const ON_TIME: Duration = Duration::from_secs(60);

    /// The misfire grace of a schedule that names none.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether a run that comes `lateness` after its fire time (due and jitter) still happens; else it was missed.
    pub fn runs(self, lateness: Duration, grace: Duration) -> bool {
        lateness <= Self::ON_TIME || (self == Self::RunOnce && lateness <= grace)
    }

    /// The word in the API and the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunOnce => "run_once",
            Self::Skip => "skip",
        }
    }
}

impl FromStr for Misfire {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "run_once" => Ok(Self::RunOnce),
            "skip" => Ok(Self::Skip),
            other => {
                let failure = Failure::invalid(format!("`{}` is no way to treat a late run", other.escape_debug()));
                Err(match nearest(other, ["run_once", "skip"]) {
                    Some(word) => failure.with_hint(format!("did you mean `{word}`?")),
                    None => failure.with_hint("use run_once or skip"),
                })
            }
        }
    }
}

impl TryFrom<String> for Misfire {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Misfire> for String {
    fn from(misfire: Misfire) -> Self {
        misfire.as_str().to_owned()
    }
}

impl fmt::Display for Misfire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_run_happens_once_within_its_grace() {
        let (grace, second) = (Misfire::DEFAULT_GRACE, Duration::from_secs(1));
        for (misfire, lateness, grace, runs) in [
            (Misfire::Skip, Misfire::ON_TIME, grace, true),
            (Misfire::Skip, Misfire::ON_TIME + second, grace, false),
            (Misfire::RunOnce, Misfire::ON_TIME + second, grace, true),
            (Misfire::RunOnce, grace, grace, true),
            (Misfire::RunOnce, grace + second, grace, false),
            (Misfire::RunOnce, Misfire::ON_TIME, Duration::ZERO, true),
            (Misfire::RunOnce, Misfire::ON_TIME + second, Duration::ZERO, false),
        ] {
            assert_eq!(misfire.runs(lateness, grace), runs, "{misfire} {lateness:?} {grace:?}");
        }
    }
}
