//! The manifest as bytes.

use std::collections::BTreeSet;

use bulkhead_model::{Failure, MANIFEST_VERSION, Manifest, Result};
use serde::Deserialize;

use super::layout::is_key_name_of;

/// Pretty JSON with a newline at the end: people read it too.
///
/// # Errors
/// `internal` when it does not serialize.
pub fn encode(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(manifest)
        .map_err(|error| Failure::internal(format!("the manifest does not serialize: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// Parses a manifest. Whether it is the one of the folder it lies in is for the caller to compare.
///
/// # Errors
/// `unsupported` for a newer format; `corrupt` when it is no manifest or names objects that no host writes.
pub fn decode(bytes: &[u8]) -> Result<Manifest> {
    let damaged = |what: String| Failure::corrupt(format!("the manifest is damaged: {what}"));
    let Format { format } = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if format > u64::from(MANIFEST_VERSION) {
        return Err(Failure::unsupported(format!(
            "the manifest has format {format}; this host reads up to {MANIFEST_VERSION}"
        ))
        .with_hint("use the release of bulkhead that made the backup, or a newer one"));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut names = BTreeSet::new();
    for object in &manifest.objects {
        if !is_key_name_of(&object.key, &object.name, object.encryption) {
            return Err(damaged(format!("object {:?} lies under the key {:?}", object.name, object.key)));
        }
        if !names.insert(&object.name) {
            return Err(damaged(format!("object `{}` is named twice", object.name)));
        }
        let hex64 = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !hex64(&object.plain_blake3) || !hex64(&object.stored_sha256) {
            return Err(damaged(format!("a digest of object `{}` is none", object.name)));
        }
    }
    Ok(manifest)
}

/// The names of the keys that the manifest's data objects have in the backup's folder.
pub fn keys(manifest: &Manifest) -> Vec<String> {
    manifest.objects.iter().map(|object| object.key.clone()).collect()
}
