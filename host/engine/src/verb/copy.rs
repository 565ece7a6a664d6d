//! Puts a backup that is there into another target as well: the same objects, byte for byte, under the same manifest.

use std::sync::Arc;

use bulkhead_catalog::Backup;
use bulkhead_model::{BackupState, Failure, Manifest, Result};
use bulkhead_runtime::Observer as _;

use super::{Stored, delete_keys, places};
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;
use crate::pipeline;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    let backup = run.backup().await?;
    if backup.state != BackupState::Succeeded {
        return Err(Failure::conflict(format!("backup `{}` is {}, not succeeded", backup.id, backup.state)));
    }
    let target = run.job.target.as_ref().ok_or_else(|| Failure::internal("the job names no target"))?;
    let target = run.engine.target(&run.job.organization, target).await?;
    let copy = Stored::new(&target.bucket, &backup);
    run.observer.phase("copy");
    run.observer.expect(backup.stored_bytes);
    let (stored, manifest) = places::find(run, &backup).await?;
    match make(run, &backup, &stored, &manifest, &copy).await {
        Ok(()) => Ok(Outcome::Copy),
        Err(failure) => {
            let keys: Vec<String> = manifest.objects.iter().map(|object| copy.key(&object.key)).collect();
            // Another attempt may have come first; what its manifest names stays.
            if !matches!(copy.manifest().await, Ok(Some(_)))
                && let Err(left) = delete_keys(&copy.bucket, &keys).await
            {
                tracing::warn!(backup = %backup.id, error = %left, "parts of a copy are left to the sweep");
            }
            Err(failure)
        }
    }
}

async fn make(run: &Run, backup: &Backup, stored: &Stored, manifest: &Manifest, copy: &Stored) -> Result<()> {
    for object in &manifest.objects {
        run.check_stopped()?;
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        // So that damage there is not copied.
        let checked = pipeline::relay(source, 1, Some((object.clone(), Arc::clone(&run.meter))))?.pop();
        let checked = checked.ok_or_else(|| Failure::internal("a stream was handed on to nobody"))?;
        let kept = copy.bucket.put(&copy.key(&object.key), checked, false).await?;
        if kept != object.stored_bytes {
            return Err(Failure::corrupt(format!("{kept} bytes of `{}` were kept, not all", object.key)));
        }
        copy.check_size(object).await?;
        fail_point("copy.object-stored")?;
    }
    run.confirm_lease().await?;
    copy.take_manifest_of(stored, backup.manifest_sha256.as_deref()).await?;
    fail_point("copy.manifest-stored")
}
