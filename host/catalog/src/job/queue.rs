//! Which jobs take turns with each other.

use std::fmt;
use std::str::FromStr;

use bulkhead_model::{JobId, JobKind, Result, ScheduleId};

use crate::session::{Session, sql};

/// Where a job waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Restores, resets, and what one of them waits for. It goes before everything else.
    Urgent,
    /// All others.
    Ordinary,
    /// Archives that go on without end. They take no slot of other jobs, and no limit counts them.
    Continuous,
}

impl Queue {
    /// All of them, the first one first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Ordinary, Self::Continuous];

    /// The word in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Ordinary => "ordinary",
            Self::Continuous => "continuous",
        }
    }

    /// Where a new job waits. A backup that no schedule asked for is part of an archive that goes on without end.
    pub(super) fn of(kind: JobKind, schedule: Option<ScheduleId>) -> Self {
        match (kind, schedule) {
            (JobKind::Restore | JobKind::Reset, _) => Self::Urgent,
            (JobKind::Backup, None) => Self::Continuous,
            _ => Self::Ordinary,
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Queue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|queue| queue.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a valid queue of jobs"))
    }
}

/// A restore or reset is not claimed before another job has ended, which is as urgent from now on.
pub(crate) async fn wait_for(session: &mut Session, job: &JobId, after: &JobId) -> Result<()> {
    let query = sql("UPDATE jobs SET after_job = $1 WHERE id = $2")
        .bind(after.as_str().to_owned())
        .bind(job.as_str().to_owned());
    session.execute_one("what a job comes after", query).await?;
    let query = sql("UPDATE jobs SET queue = 'urgent' WHERE id = $1 AND state = 'scheduled' AND queue = 'ordinary'")
        .bind(after.as_str().to_owned());
    session.execute(query).await.map(|_| ())
}
