//! Deletes a backup: the catalog row says `deleting` already; objects go, the manifest last, then the row says `deleted`.

use bulkhead_model::Result;
use bulkhead_runtime::Observer as _;

use super::Stored;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("expire.claimed")?;
    let backup = run.backup().await?;
    let target = run.engine.target_for(&run.job.organization, Some(&backup.target))?;
    let stored = Stored::new(&target.bucket, &backup);
    run.observer.phase("delete");
    let objects = stored.delete_all().await?;
    tracing::info!(backup = %backup.id, objects, "backup deleted");
    fail_point("expire.manifest-deleted")?;
    Ok(Outcome::Expire)
}
