//! Proves that what lies in the target is what was written.

use std::sync::Arc;

use bulkhead_model::{FailureKind, Manifest, Result};
use bulkhead_runtime::Observer as _;

use super::Stored;
use super::restore::recorded_manifest;
use crate::executor::{Outcome, Run};
use crate::pipeline::{Meter, verify_stored};

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    let backup = run.backup().await?;
    let target = run.engine.target_for(&run.job.organization, Some(&backup.target))?;
    let stored = Stored::new(&target.bucket, &backup);
    run.observer.phase("verify");
    run.observer.expect(backup.stored_bytes);
    let level = "stored".to_owned();
    match check(run, &stored, backup.manifest_sha256.as_deref()).await {
        Ok(()) => Ok(Outcome::Verify { level, damage: None }),
        // Damage is what a verify is for: the verdict is recorded, whereas a target that does not answer is tried again.
        Err(failure) if failure.kind == FailureKind::Corrupt => Ok(Outcome::Verify { level, damage: Some(failure) }),
        Err(failure) => Err(failure),
    }
}

async fn check(run: &Run, stored: &Stored, manifest_sha256: Option<&str>) -> Result<()> {
    let manifest = recorded_manifest(stored, manifest_sha256).await?;
    stored.check_sizes(&manifest).await?;
    check_stored_bytes(stored, &manifest, &run.meter).await
}

/// Reads every object and compares size and SHA-256 with the manifest. Needs no key.
async fn check_stored_bytes(stored: &Stored, manifest: &Manifest, meter: &Arc<Meter>) -> Result<()> {
    for object in &manifest.objects {
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        verify_stored(source, object, Arc::clone(meter)).await?;
    }
    Ok(())
}
