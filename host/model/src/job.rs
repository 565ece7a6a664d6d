//! States and their legal predecessors. The catalog puts the predecessors into the WHERE of every UPDATE.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word that the catalog keeps.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is no {}", stringify!($name))),
                }
            }
        }
    };
}

words!(
    /// What a job does.
    JobKind {
        /// Makes a backup.
        Backup => "backup",
        /// Restores one.
        Restore => "restore",
        /// Empties a service.
        Reset => "reset",
        /// Proves one.
        Verify => "verify",
        /// Deletes one.
        Expire => "expire",
        /// Puts one into another target as well.
        Copy => "copy",
    }
);

words!(
    /// The state of a job.
    JobState {
        /// Waits for a host.
        Scheduled => "scheduled",
        /// An attempt holds it.
        Running => "running",
        /// Done, and proved done.
        Succeeded => "succeeded",
        /// No attempt remains.
        Failed => "failed",
        /// Stopped on request.
        Cancelled => "cancelled",
    }
);

impl JobState {
    /// The states a job may be in before it enters this one. `running -> scheduled` is a retry.
    pub const fn predecessors(self) -> &'static [Self] {
        match self {
            Self::Scheduled => &[Self::Running],
            Self::Running => &[Self::Scheduled],
            Self::Succeeded => &[Self::Running],
            Self::Failed | Self::Cancelled => &[Self::Scheduled, Self::Running],
        }
    }

    /// Whether nothing will follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// SkySQL's word, as the API answers.
    pub const fn api_word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Sp00ky's word, as the command line prints.
    pub const fn cli_word(self) -> &'static str {
        match self {
            Self::Scheduled => "pending",
            Self::Running => "in_progress",
            Self::Succeeded => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

words!(
    /// The state of one try of a job.
    AttemptState {
        /// A host holds the lease and works.
        Leased => "leased",
        /// Ended well.
        Succeeded => "succeeded",
        /// Ended with a failure.
        Failed => "failed",
        /// Stopped on request.
        Cancelled => "cancelled",
        /// Its lease ran out: the host is gone or hung.
        Lost => "lost",
    }
);

words!(
    /// The state of a backup.
    BackupState {
        /// Its job waits.
        Scheduled => "scheduled",
        /// Being made.
        Running => "running",
        /// Its manifest lies in the target; it restores.
        Succeeded => "succeeded",
        /// Could not be made; nothing is kept.
        Failed => "failed",
        /// Stopped on request; nothing is kept.
        Cancelled => "cancelled",
        /// On its way out; can no longer be restored.
        Deleting => "deleting",
        /// Gone from the target; the row remains for the record.
        Deleted => "deleted",
    }
);

impl BackupState {
    /// The states a backup may be in before it enters this one.
    pub const fn predecessors(self) -> &'static [Self] {
        match self {
            Self::Scheduled => &[Self::Running],
            Self::Running => &[Self::Scheduled],
            // From `Deleting` when its deletion was cancelled before it began.
            Self::Succeeded => &[Self::Running, Self::Deleting],
            Self::Failed | Self::Cancelled => &[Self::Scheduled, Self::Running],
            Self::Deleting => &[Self::Succeeded, Self::Failed, Self::Cancelled],
            Self::Deleted => &[Self::Deleting],
        }
    }

    /// SkySQL's word, as the API answers.
    pub const fn api_word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Deleting => "Deleting",
            Self::Deleted => "Deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_job_state_precedes_nothing() {
        for state in JobState::ALL {
            for before in state.predecessors() {
                assert!(!before.is_final(), "{before} -> {state}");
            }
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), *state);
        }
    }
}
