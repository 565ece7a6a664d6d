//! Typed ids, parsed at the edge and trusted afterwards.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not an id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: {rule}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

const SLUG_RULE: &str = "use 1 to 63 letters, digits, `-`, `_` or `.`, starting with a letter or digit";

fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_slug(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, text: text.to_owned(), rule: SLUG_RULE })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug_id!(
    /// An organization (tenant).
    OrganizationId, "organization id"
);
slug_id!(
    /// A service: one database server that is backed up.
    ServiceId, "service id"
);
slug_id!(
    /// A target: where artifacts are kept.
    TargetId, "target id"
);

thread_local! {
    static REPEATED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes the ids of this thread follow from a seed, so that a test can repeat a run; `None` makes them random again.
#[doc(hidden)]
pub fn repeat_ids(seed: Option<u64>) {
    REPEATED.set(seed.map(mixed));
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64.
fn mixed(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// 128 random bits as 32 hexadecimal digits.
///
/// # Panics
/// When the operating system has no randomness to give; nothing safe can be done then.
fn random_hex() -> String {
    if let Some(state) = REPEATED.get() {
        let (first, second) = (mixed(state), mixed(state.wrapping_add(STEP)));
        REPEATED.set(Some(state.wrapping_add(STEP.wrapping_mul(2))));
        return format!("{first:016x}{second:016x}");
    }
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    hex::encode(bytes)
}

fn is_hex32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new random id.
            #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
            pub fn new() -> Self {
                Self(random_hex())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_hex32(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, text: text.to_owned(), rule: "expected 32 hexadecimal digits" })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

random_id!(
    /// One run of a backup, restore, verify or expire.
    JobId, "job id"
);
random_id!(
    /// One try of a job.
    AttemptId, "attempt id"
);
random_id!(
    /// A key to the API. Not the key's text: that is told once and never kept.
    ApiKeyId, "API key id"
);
random_id!(
    /// An entry of the audit trail.
    AuditId, "audit id"
);
random_id!(
    /// An address that an organization wants to be told at.
    WebhookId, "webhook id"
);
random_id!(
    /// One notice on its way to one webhook; its receiver knows a repeated one by it.
    DeliveryId, "delivery id"
);

/// `<32 hex>:<service id>:<server>`, as SkySQL's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

impl BackupId {
    /// A new random id for a backup of `service` taken from `server`.
    pub fn new(service: &ServiceId, server: &str) -> Self {
        let server: String = server
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .take(63)
            .collect();
        let server = if is_slug(&server) { server } else { "server".to_owned() };
        Self(format!("{}:{service}:{server}", random_hex()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 hexadecimal digits, for tables.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// The database server that the backup was taken from.
    pub fn server(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

impl FromStr for BackupId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.split(':');
        let ok = matches!(
            (parts.next(), parts.next(), parts.next(), parts.next()),
            (Some(hex), Some(service), Some(server), None) if is_hex32(hex) && is_slug(service) && is_slug(server)
        );
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "expected `<32 hexadecimal digits>:<service>:<server>`";
            Err(InvalidId { kind: "backup id", text: text.to_owned(), rule })
        }
    }
}

impl TryFrom<String> for BackupId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// A schedule; a number, as SkySQL's.
    ScheduleId
);
number_id!(
    /// A restore; a number, as SkySQL's.
    RestoreId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_ids_have_skysqls_form() {
        let text = "eda3b72460c8c0d9d61a7f01b6a22e32:dbtgf28216706:tx-filip-mdb-ms-0";
        let id: BackupId = text.parse().unwrap();
        assert_eq!((id.short(), id.server()), ("eda3b724", "tx-filip-mdb-ms-0"));
        for bad in ["", "eda3", "eda3b72460c8c0d9d61a7f01b6a22e32:a", "eda3b72460c8c0d9d61a7f01b6a22e32:../a:b"] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
        let service: ServiceId = "db1".parse().unwrap();
        let made = BackupId::new(&service, "127.0.0.1:3306/..");
        assert_eq!(made.as_str().parse::<BackupId>().unwrap(), made);
    }

    #[test]
    fn slugs_cannot_escape_a_path() {
        for bad in ["", ".", "..", "a/b", "a b", "-a", "a\n", &"a".repeat(64)] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad:?}");
        }
    }
}
