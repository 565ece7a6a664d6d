//! Deletes a backup: the catalog row says `deleting` already; objects go, the manifest last, then the row says `deleted`.

use bulkhead_model::{BackupState, Failure, FailureKind, Result};
use bulkhead_runtime::Observer as _;

use super::Stored;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("expire.claimed")?;
    let backup = run.backup().await?;
    if backup.state != BackupState::Deleting {
        return Err(Failure::conflict(format!("backup `{}` is {}, not deleting", backup.id, backup.state)));
    }
    let target = run.engine.target(&run.job.organization, &backup.target).await?;
    let stored = Stored::new(&target.bucket, &backup);
    run.observer.phase("delete");
    // Where it is kept besides, first: as long as any of it lies somewhere, the catalog knows of it.
    for copy in run.engine.catalog.copies_of(std::slice::from_ref(&backup.id)).await? {
        match run.engine.target(&run.job.organization, &copy.target).await {
            Ok(target) => drop(Stored::new(&target.bucket, &backup).delete_all().await?),
            Err(failure) if failure.kind == FailureKind::NotFound => {
                run.observer.warn(&format!("target `{}` is gone: what it may hold of the backup is left", copy.target));
            }
            Err(failure) => return Err(failure),
        }
    }
    let objects = stored.delete_all().await?;
    tracing::info!(backup = %backup.id, objects, "backup deleted");
    fail_point("expire.manifest-deleted")?;
    Ok(Outcome::Expire)
}
