//! The manifest as bytes.

use std::collections::BTreeSet;

use bulkhead_model::{BackupId, Failure, MANIFEST_VERSION, Manifest, Result};
use serde::Deserialize;

use super::layout::stored_name;

/// Pretty JSON with a newline at the end: people read it too.
///
/// # Errors
/// `internal` when it does not serialize.
pub fn encode_manifest(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(manifest)
        .map_err(|error| Failure::internal(format!("the manifest does not serialize: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// Parses the manifest found in the folder of `backup`.
///
/// # Errors
/// `unsupported` for a newer format; `corrupt` when it is no manifest, belongs to another backup, or names objects that no
/// host writes.
pub fn decode_manifest(bytes: &[u8], backup: &BackupId) -> Result<Manifest> {
    let damaged = |what: String| Failure::corrupt(format!("the manifest of backup {} is damaged: {what}", backup.as_str()));
    let Format { format } = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if format > u64::from(MANIFEST_VERSION) {
        return Err(Failure::unsupported(format!(
            "the manifest of backup {} has format {format}; this host reads up to {MANIFEST_VERSION}",
            backup.as_str()
        ))
        .with_hint("use the release of bulkhead that made the backup, or a newer one"));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if manifest.backup != *backup {
        return Err(damaged(format!("it belongs to backup {}", manifest.backup.as_str())));
    }
    let mut keys = BTreeSet::new();
    for object in &manifest.objects {
        let key = stored_name(&object.name, object.encryption).map_err(|failure| damaged(failure.message))?;
        if key != object.key {
            return Err(damaged(format!("object `{}` lies under an unexpected key", object.name)));
        }
        if !keys.insert(key) {
            return Err(damaged(format!("object `{}` is named twice", object.name)));
        }
        let hex64 = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !hex64(&object.plain_blake3) || !hex64(&object.stored_sha256) {
            return Err(damaged(format!("a digest of object `{}` is none", object.name)));
        }
    }
    Ok(manifest)
}
