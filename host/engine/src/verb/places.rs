//! Where a backup is read from: its own target, or one that holds a copy.

use bulkhead_catalog::{Backup, CopyState};
use bulkhead_model::{Failure, Manifest, Result, TargetId};

use super::Stored;
use crate::executor::Run;

/// The first place where manifest and objects are as they were recorded: the backup's own target, unless a verify has found it
/// damaged there, then those that hold a copy.
///
/// # Errors
/// Why it cannot be read from its own target, when it cannot be read anywhere.
pub(super) async fn find(run: &Run, backup: &Backup) -> Result<(Stored, Manifest)> {
    let copies = run.engine.catalog.copies_of(std::slice::from_ref(&backup.id)).await?;
    let copies = copies.into_iter().filter(|copy| copy.state == CopyState::Succeeded).map(|copy| copy.target);
    let mut places: Vec<TargetId> = std::iter::once(backup.target.clone()).chain(copies).collect();
    if backup.suspect.is_some() {
        places.rotate_left(1);
    }
    let mut first: Option<Failure> = None;
    for place in places {
        run.check_stopped()?;
        match look(run, backup, &place).await {
            Ok(found) => {
                if place != backup.target {
                    run.observer.warn(&format!("backup `{}` is read from its copy in target `{place}`", backup.id));
                }
                return Ok(found);
            }
            Err(failure) if place == backup.target => first = Some(failure),
            Err(failure) => {
                run.observer.warn(&format!("the copy in target `{place}` cannot be read: {failure}"));
                first.get_or_insert(failure);
            }
        }
    }
    Err(first.unwrap_or_else(|| Failure::internal("a backup lies nowhere")))
}

async fn look(run: &Run, backup: &Backup, target: &TargetId) -> Result<(Stored, Manifest)> {
    let target = run.engine.target(&run.job.organization, target).await?;
    let stored = Stored::new(&target.bucket, backup);
    let manifest = stored.manifest_recorded_as(backup.manifest_sha256.as_deref()).await?;
    stored.check_sizes(&manifest).await?;
    Ok((stored, manifest))
}
