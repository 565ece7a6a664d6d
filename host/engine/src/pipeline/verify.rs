//! Proofs that need no restore.

use std::sync::Arc;

use bulkhead_model::{BackupId, Failure, ManifestObject, Result};
use bulkhead_runtime::ByteSource;

use super::decode::{compare_stored, damage, need_key, prove, unreadable};
use super::intake::Intake;
use super::{Identities, Meter};

/// Compares the stored bytes with the manifest. Needs no key: whoever keeps the bytes can be checked by whoever cannot read them.
///
/// # Errors
/// `corrupt` for damage, or the target's failure.
pub async fn verify_stored(
    stored: ByteSource,
    backup: &BackupId,
    expected: &ManifestObject,
    meter: Arc<Meter>,
) -> Result<()> {
    let (backup, expected) = (backup.clone(), expected.clone());
    blocking(move || {
        let mut intake = Intake::new(stored, meter);
        intake.drain(expected.stored_bytes).map_err(unreadable)?;
        if !intake.at_end() {
            let what = format!("it is longer than the {} bytes that were stored", expected.stored_bytes);
            return Err(damage(&backup, &expected, &what));
        }
        let (count, sha256) = intake.finish()?;
        compare_stored(&backup, &expected, count, &sha256)
    })
    .await
}

/// Decrypts, decompresses and digests an object to nothing: all that a restore would find out about its bytes.
///
/// # Errors
/// As [`super::decode`].
pub async fn verify_content(
    stored: ByteSource,
    backup: &BackupId,
    expected: &ManifestObject,
    identities: &Identities,
    meter: Arc<Meter>,
) -> Result<()> {
    need_key(backup, expected, identities)?;
    let (backup, expected, identities) = (backup.clone(), expected.clone(), identities.clone());
    blocking(move || prove(stored, &backup, &expected, &identities, std::io::sink(), meter).map(drop)).await
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::internal(format!("the codec thread went away: {error}"))),
    }
}
