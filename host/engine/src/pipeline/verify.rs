//! Proofs that need no restore.

use std::sync::Arc;

use bulkhead_model::{Failure, ManifestObject, Result};
use bulkhead_runtime::ByteSource;

use super::decode::{compare_stored, damage, need_key, prove, unreadable};
use super::intake::Intake;
use super::{Keys, Meter};

/// Compares the stored bytes with the manifest. Needs no key: whoever keeps the bytes can be checked by whoever cannot read them.
///
/// # Errors
/// `corrupt` for damage, or the target's failure.
pub async fn verify_stored(stored: ByteSource, expected: &ManifestObject, meter: Arc<Meter>) -> Result<()> {
    let expected = expected.clone();
    blocking(move || {
        let mut intake = Intake::new(stored, meter);
        intake.drain(expected.stored_bytes).map_err(unreadable)?;
        if !intake.at_end() {
            let what = format!("it is longer than the {} bytes that were stored", expected.stored_bytes);
            return Err(damage(&expected, &what));
        }
        let (count, sha256) = intake.finish()?;
        compare_stored(&expected, count, &sha256)
    })
    .await
}

/// Decrypts, decompresses and digests an object to nothing: all that a restore would find out about its bytes.
///
/// # Errors
/// As [`super::decode`].
pub async fn verify_plain(stored: ByteSource, expected: &ManifestObject, keys: &Keys, meter: Arc<Meter>) -> Result<()> {
    need_key(expected, keys)?;
    let (expected, keys) = (expected.clone(), keys.clone());
    blocking(move || prove(stored, &expected, &keys, std::io::sink(), meter).map(drop)).await
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::internal(format!("the codec thread went away: {error}"))),
    }
}
