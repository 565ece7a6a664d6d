//! What an organization can ask to be told.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that happened, or did not, of which a webhook tells. The word is the `type` of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum NoticeEvent {
    /// A backup was made.
    BackupSucceeded,
    /// A backup could not be made, and no attempt remains.
    BackupFailed,
    /// A schedule was due while nobody could run it, too long ago to make up for.
    BackupMissed,
    /// The newest good backup of a service is older than it may be.
    BackupTooOld,
    /// A verify has found a backup damaged.
    BackupSuspect,
    /// A backup could not be put into one of its other targets, and no attempt remains.
    CopyFailed,
    /// A restore was done.
    RestoreSucceeded,
    /// A restore could not be done, and no attempt remains.
    RestoreFailed,
    /// A service was emptied.
    ResetSucceeded,
    /// A service could not be emptied, and no attempt remains.
    ResetFailed,
    /// Somebody asked whether the webhook works.
    Test,
}

impl NoticeEvent {
    /// Every value.
    pub const ALL: &[Self] = &[
        Self::BackupSucceeded,
        Self::BackupFailed,
        Self::BackupMissed,
        Self::BackupTooOld,
        Self::BackupSuspect,
        Self::CopyFailed,
        Self::RestoreSucceeded,
        Self::RestoreFailed,
        Self::ResetSucceeded,
        Self::ResetFailed,
        Self::Test,
    ];

    /// The word in payloads, answers and the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackupSucceeded => "backup.succeeded",
            Self::BackupFailed => "backup.failed",
            Self::BackupMissed => "backup.missed",
            Self::BackupTooOld => "backup.too_old",
            Self::BackupSuspect => "backup.suspect",
            Self::CopyFailed => "backup.copy_failed",
            Self::RestoreSucceeded => "restore.succeeded",
            Self::RestoreFailed => "restore.failed",
            Self::ResetSucceeded => "reset.succeeded",
            Self::ResetFailed => "reset.failed",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NoticeEvent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|event| event.as_str() == text);
        found.copied().ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|event| event.as_str()).collect();
            format!("`{text}` is no event: use one of {}", words.join(", "))
        })
    }
}

impl TryFrom<String> for NoticeEvent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NoticeEvent> for &'static str {
    fn from(event: NoticeEvent) -> Self {
        event.as_str()
    }
}
