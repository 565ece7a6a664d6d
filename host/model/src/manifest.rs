//! The manifest: the last object of a backup to be written; without it the backup does not exist.
//!
//! `docs/format.md` describes it for people. Written once, never rewritten.

use serde::{Deserialize, Serialize};

use crate::{BackupId, Digest, Method, OrganizationId, Report, ServiceId, Timestamp};

/// The name of the manifest's object in a backup's folder.
pub const MANIFEST_NAME: &str = "manifest.json";

/// The format this host writes. A reader refuses a higher one.
pub const MANIFEST_VERSION: u32 = 1;

/// All that is needed to restore the backup, by Bulkhead or by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`] of the writer.
    pub format: u32,
    /// The backup's id.
    pub backup: BackupId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The service that was backed up.
    pub service: ServiceId,
    /// The service's engine, e.g. `mariadb`.
    pub engine: String,
    /// The method.
    pub method: Method,
    /// The name a person gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The backup this one is restored on top of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<BackupId>,
    /// The plugin that made it.
    pub plugin: ManifestPlugin,
    /// What the method said of it.
    pub report: Report,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// When the last data object had been stored.
    pub finished_at: Timestamp,
    /// The age recipients that the objects are encrypted to; empty for a passphrase, and when they are stored in the clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// The data objects in the order they were written.
    pub objects: Vec<ManifestObject>,
}

/// The plugin that made a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPlugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
}

/// One data object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestObject {
    /// The method's name for it, e.g. `data.xbstream`.
    pub name: String,
    /// The name of its key in the backup's folder, e.g. `data.xbstream.zst.age`.
    pub key: String,
    /// Media type of the plain bytes.
    pub media_type: String,
    /// Plain size in bytes.
    pub plain_bytes: u64,
    /// Stored size in bytes.
    pub stored_bytes: u64,
    /// BLAKE3 of the plain bytes, hexadecimal.
    pub plain_blake3: String,
    /// SHA-256 of the stored bytes, hexadecimal.
    pub stored_sha256: String,
    /// How the plain bytes were compressed.
    pub codec: Codec,
    /// How the compressed bytes were encrypted.
    pub encryption: Encryption,
}

/// Compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Zstandard, one or more frames (RFC 8878).
    Zstd,
}

/// Encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Stored in the clear.
    None,
    /// age-encryption.org/v1, to the recipients in the file's header.
    Age,
}
