//! Proves that what lies in the target is what was written.

use std::sync::Arc;

use bulkhead_model::{Encryption, FailureKind, Manifest, Result};
use bulkhead_runtime::Observer as _;

use super::Stored;
use crate::executor::{Outcome, Run};
use crate::pipeline::{verify_plain, verify_stored};

/// The stored bytes are those that the manifest records.
const STORED: &str = "stored";
/// Besides, they decrypt and decompress to the bytes that the method wrote.
const CONTENT: &str = "content";

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    let backup = run.backup().await?;
    let target = run.engine.target_for(&run.job.organization, Some(&backup.target))?;
    let stored = Stored::new(&target.bucket, &backup);
    run.observer.phase("verify");
    run.observer.expect(backup.plain_bytes);
    match check(run, &stored, backup.manifest_sha256.as_deref()).await {
        Ok(level) => Ok(Outcome::Verify { level: level.to_owned(), damage: None }),
        // Damage is what a verify is for: the verdict is recorded, whereas a target that does not answer is tried again.
        Err(failure) if failure.kind == FailureKind::Corrupt => {
            Ok(Outcome::Verify { level: STORED.to_owned(), damage: Some(failure) })
        }
        Err(failure) => Err(failure),
    }
}

async fn check(run: &Run, stored: &Stored, manifest_sha256: Option<&str>) -> Result<&'static str> {
    let manifest = stored.manifest_recorded_as(manifest_sha256).await?;
    stored.check_sizes(&manifest).await?;
    // A host that keeps backups need not be able to read them.
    let readable = !run.engine.keys.identities.is_empty() || !is_encrypted(&manifest);
    for object in &manifest.objects {
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        let meter = Arc::clone(&run.meter);
        if readable {
            verify_plain(source, object, &run.engine.keys, meter).await?;
        } else {
            verify_stored(source, object, meter).await?;
        }
    }
    Ok(if readable { CONTENT } else { STORED })
}

fn is_encrypted(manifest: &Manifest) -> bool {
    manifest.objects.iter().any(|object| object.encryption == Encryption::Age)
}
