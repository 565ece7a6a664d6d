//! Why a backup is kept, in a sentence.

use std::fmt;

use crate::BackupId;

/// Why a backup is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// One of the newest good ones; the first is number 1.
    Last(u32),
    /// Younger than what `keep_within_days` says.
    Within,
    /// The newest good one of a day, e.g. `2026-07-14`.
    Daily(String),
    /// The newest good one of an ISO week, e.g. `2026-W29`.
    Weekly(String),
    /// The newest good one of a month, e.g. `2026-07`.
    Monthly(String),
    /// The newest good one of a year, e.g. `2026`.
    Yearly(String),
    /// The newest good one of all.
    LastGood,
    /// Damaged, but newer than the oldest that the rules keep: evidence.
    Newer,
    /// Pinned by someone.
    Pinned,
    /// This other backup, which is kept, cannot be restored without it.
    NeededBy(BackupId),
}

impl Reason {
    /// The reason in one word, as the API answers it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Last(_) => "last",
            Self::Within => "within",
            Self::Daily(_) => "daily",
            Self::Weekly(_) => "weekly",
            Self::Monthly(_) => "monthly",
            Self::Yearly(_) => "yearly",
            Self::LastGood => "last_good",
            Self::Newer => "newer",
            Self::Pinned => "pinned",
            Self::NeededBy(_) => "needed_by",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(1) => f.write_str("the newest good backup that `keep_last` counts"),
            Self::Last(number) => write!(f, "number {number} of the newest good backups that `keep_last` counts"),
            Self::Within => f.write_str("younger than `keep_within_days`"),
            Self::Daily(day) => write!(f, "the newest good backup of the day {day}"),
            Self::Weekly(week) => write!(f, "the newest good backup of the week {week}"),
            Self::Monthly(month) => write!(f, "the newest good backup of the month {month}"),
            Self::Yearly(year) => write!(f, "the newest good backup of the year {year}"),
            Self::LastGood => f.write_str("the last good backup"),
            Self::Newer => f.write_str("damaged, kept as evidence beside what the rules keep"),
            Self::Pinned => f.write_str("pinned"),
            Self::NeededBy(backup) => write!(f, "needed to restore {backup}"),
        }
    }
}
