//! Uploads in parts that were begun and never completed: a bucket keeps their parts, and asks for money for them, until they are ended.

use std::time::Duration;

use bulkhead_catalog::CopyState;
use bulkhead_model::{BackupId, BackupState, Failure, OrganizationId, Result};
use bulkhead_runtime::Upload;

use crate::engine::Inner;
use crate::pipeline::layout;
use crate::target::Target;

/// Uploads that one sweep of a target ends; the next one ends more.
const ENDED_MAX: usize = 10_000;

/// The most pages of one listing.
const PAGES_MAX: usize = 10_000;

/// What a service's clock may differ from this host's.
const CLOCKS: Duration = Duration::from_hours(1);

/// Ends uploads that no attempt works on: of keys that backups have, of the owner when there is one, and no others'. Says how many.
pub(super) async fn abandon(engine: &Inner, target: &Target, owner: Option<&OrganizationId>) -> Result<usize> {
    let prefix = owner.map(|organization| format!("{organization}/")).unwrap_or_default();
    let limits = &engine.config.limits;
    let before = engine.clock.now().minus(limits.sweep_grace);
    // Of a backup that this catalog does not know, another installation's attempt may be at it for as long as attempts take.
    let unknown_before = engine.clock.now().minus(limits.sweep_grace.max(limits.attempt_deadline + CLOCKS));
    let (mut ended, mut last) = (0, None::<Upload>);
    for _ in 0..PAGES_MAX {
        let page = target.bucket.unfinished(&prefix, last.as_ref()).await?;
        let Some(end) = page.last().filter(|end| last.as_ref() != Some(*end)).cloned() else { return Ok(ended) };
        for upload in page.into_iter().filter(|upload| upload.begun < before && upload.key.starts_with(&prefix)) {
            let Some((_, backup)) = layout::parse_key(&upload.key) else { continue };
            let old = match under_way(engine, target, &backup).await? {
                Some(under_way) => !under_way,
                None => upload.begun < unknown_before,
            };
            if !old {
                continue;
            }
            if ended == ENDED_MAX {
                return Ok(ended);
            }
            target.bucket.abandon(&upload).await?;
            ended += 1;
        }
        last = Some(end);
    }
    Err(Failure::corrupt("the target's listing of unfinished uploads does not end"))
}

/// Whether an attempt may be writing a backup into a target; `None` when the catalog does not know the backup.
async fn under_way(engine: &Inner, target: &Target, backup: &BackupId) -> Result<Option<bool>> {
    let Some(known) = engine.catalog.backups_any_org(std::slice::from_ref(backup)).await?.pop() else {
        return Ok(None);
    };
    Ok(Some(match known.state {
        BackupState::Scheduled | BackupState::Running => true,
        BackupState::Succeeded if known.target != target.id => {
            let copies = engine.catalog.copies_of(std::slice::from_ref(backup)).await?;
            copies.iter().any(|copy| copy.target == target.id && copy.state == CopyState::Waiting)
        }
        BackupState::Succeeded
        | BackupState::Deleting
        | BackupState::Deleted
        | BackupState::Failed
        | BackupState::Cancelled => false,
    }))
}
