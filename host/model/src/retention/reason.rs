//! Why a backup is kept, or goes, in a sentence.

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
    /// Damaged, but newer than the oldest that the rules keep, or nothing better is there: evidence.
    Newer,
    /// Pinned by someone.
    Pinned,
    /// This other backup, which is kept, cannot be restored without it.
    NeededBy(BackupId),
    /// Logs that lead on from this backup, which is kept.
    Continues(BackupId),
    /// The newest logs: those that are archived next go on from there.
    NewestLog,
    /// Logs of the time since a backup was begun that is still being made, and may need them.
    BeingMade,
    /// Logs of which nobody knows what they hold.
    Unclear,
    /// Only its age would let it go, and the host's clock has not shown about the present time for a day.
    ClockUnsettled,
    /// Only its age would let it go, and many others go by theirs: a later run takes it.
    TooMany,
}

/// Why a backup goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// No rule keeps it.
    NoRule,
    /// It is damaged, and older than all that the rules keep.
    Damaged,
    /// Logs from before the oldest backup that is kept.
    BeforeBases,
    /// Logs that no backup leads into: there is a hole, or a restore, between each backup that is kept and them.
    NoBase,
}

impl Removal {
    /// The reason in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Damaged => "damaged",
            Self::BeforeBases => "before_bases",
            Self::NoBase => "no_base",
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "no rule keeps it, and nothing that is kept needs it",
            Self::Damaged => "damaged, and older than all that the rules keep",
            Self::BeforeBases => "its logs end before the oldest backup that is kept",
            Self::NoBase => "no backup that is kept leads to where its logs begin",
        })
    }
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
            Self::Continues(_) => "continues",
            Self::NewestLog => "newest_log",
            Self::BeingMade => "being_made",
            Self::Unclear => "unclear",
            Self::ClockUnsettled => "clock_unsettled",
            Self::TooMany => "too_many",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(1) => f.write_str("the newest of the good backups that `keep_last` counts"),
            Self::Last(number) => write!(f, "number {number} of the good backups that `keep_last` counts"),
            Self::Within => f.write_str("younger than `keep_within_days`"),
            Self::Daily(day) => write!(f, "the newest good backup of the day {day}"),
            Self::Weekly(week) => write!(f, "the newest good backup of the week {week}"),
            Self::Monthly(month) => write!(f, "the newest good backup of the month {month}"),
            Self::Yearly(year) => write!(f, "the newest good backup of the year {year}"),
            Self::LastGood => f.write_str("the newest good backup of all"),
            Self::Newer => f.write_str(
                "damaged, kept as evidence: newer than the oldest that the rules keep, or nothing better is there",
            ),
            Self::Pinned => f.write_str("pinned"),
            Self::NeededBy(backup) => write!(f, "needed to restore {backup}"),
            Self::Continues(backup) => {
                write!(f, "its logs continue {backup}, whatever the retention of logs says")
            }
            Self::NewestLog => f.write_str("the newest logs of all: those that are archived next go on from there"),
            Self::BeingMade => f.write_str("a backup that is being made may need its logs"),
            Self::Unclear => f.write_str("what its logs hold is not known"),
            Self::ClockUnsettled => f.write_str(
                "old enough to go, but nothing shows yet that the host's clock is right: it has to show about this time for a day",
            ),
            Self::TooMany => f.write_str("old enough to go, but so are many others: a later run takes it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_a_sentence() {
        let backup: BackupId = "eda3b72460c8c0d9d61a7f01b6a22e32:db1:server".parse().unwrap();
        let reasons = [
            Reason::Last(1),
            Reason::Last(7),
            Reason::Within,
            Reason::Daily("2026-07-14".to_owned()),
            Reason::Weekly("2026-W29".to_owned()),
            Reason::Monthly("2026-07".to_owned()),
            Reason::Yearly("2026".to_owned()),
            Reason::LastGood,
            Reason::Newer,
            Reason::Pinned,
            Reason::NeededBy(backup.clone()),
            Reason::Continues(backup),
            Reason::NewestLog,
            Reason::BeingMade,
            Reason::Unclear,
            Reason::ClockUnsettled,
            Reason::TooMany,
        ]
        .map(|reason| format!("{}: {reason}", reason.as_str()));
        assert_eq!(
            reasons.join("\n"),
            "last: the newest of the good backups that `keep_last` counts\n\
             last: number 7 of the good backups that `keep_last` counts\n\
             within: younger than `keep_within_days`\n\
             daily: the newest good backup of the day 2026-07-14\n\
             weekly: the newest good backup of the week 2026-W29\n\
             monthly: the newest good backup of the month 2026-07\n\
             yearly: the newest good backup of the year 2026\n\
             last_good: the newest good backup of all\n\
             newer: damaged, kept as evidence: newer than the oldest that the rules keep, or nothing better is there\n\
             pinned: pinned\n\
             needed_by: needed to restore eda3b72460c8c0d9d61a7f01b6a22e32:db1:server\n\
             continues: its logs continue eda3b72460c8c0d9d61a7f01b6a22e32:db1:server, \
             whatever the retention of logs says\n\
             newest_log: the newest logs of all: those that are archived next go on from there\n\
             being_made: a backup that is being made may need its logs\n\
             unclear: what its logs hold is not known\n\
             clock_unsettled: old enough to go, but nothing shows yet that the host's clock is right: it has to show about this time \
             for a day\n\
             too_many: old enough to go, but so are many others: a later run takes it"
        );
        let removals = [Removal::NoRule, Removal::Damaged, Removal::BeforeBases, Removal::NoBase];
        assert_eq!(
            removals.map(|removal| format!("{}: {removal}", removal.as_str())).join("\n"),
            "no_rule: no rule keeps it, and nothing that is kept needs it\n\
             damaged: damaged, and older than all that the rules keep\n\
             before_bases: its logs end before the oldest backup that is kept\n\
             no_base: no backup that is kept leads to where its logs begin"
        );
    }
}
