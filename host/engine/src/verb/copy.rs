//! Puts a backup that is there into another target as well: the same objects, byte for byte, under the same manifest.
//!
//! Objects of a copy have the same keys in every attempt, as its manifest names them. So an attempt never deletes one: a later
//! attempt may have written it. What all attempts write there is the same, and what is of no use in the end is left to the sweep.

use std::sync::Arc;

use bulkhead_catalog::Backup;
use bulkhead_model::{BackupState, Failure, Manifest, Result};
use bulkhead_runtime::Observer as _;

use super::{Stored, places};
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
    make(run, &backup, &stored, &manifest, &copy).await?;
    Ok(Outcome::Copy)
}

async fn make(run: &Run, backup: &Backup, stored: &Stored, manifest: &Manifest, copy: &Stored) -> Result<()> {
    for object in &manifest.objects {
        run.check_stopped()?;
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        // So that damage there is not copied.
        let checked = pipeline::relay(source, 1, Some((object.clone(), Arc::clone(&run.meter))))?.pop();
        let checked = checked.ok_or_else(|| Failure::internal("a stream was handed on to nobody"))?;
        let kept = run.until_stopped(copy.bucket.put(&copy.key(&object.key), checked, false)).await?;
        if kept != object.stored_bytes {
            return Err(Failure::corrupt(format!("{kept} bytes of `{}` were kept, not all", object.key)));
        }
        copy.check_size(object).await?;
        fail_point("copy.object-stored")?;
    }
    // Minutes or hours after the first of them was written.
    copy.check_sizes(manifest).await?;
    run.confirm_lease().await?;
    copy.take_manifest_of(stored, backup.manifest_sha256.as_deref()).await?;
    fail_point("copy.manifest-stored")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bulkhead_catalog::NewCopy;
    use bulkhead_model::FailureKind;
    use bulkhead_runtime::ByteSource;
    use bulkhead_test_support::workspace;

    use super::*;
    use crate::executor::StopCause;
    use crate::scene::{Scene, acme, until};

    const OBJECTS: &[(&str, &[u8])] = &[("users.sql", b"users"), ("data.sql", b"very much data")];

    async fn copy_to(scene: &Scene, backup: &Backup, target: &str) {
        let new = NewCopy {
            organization: acme(),
            backup: backup.id.clone(),
            target: target.parse().unwrap(),
            attempts_max: 3,
            idempotency: None,
        };
        scene.catalog.schedule_copy(new).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_attempt_that_lost_its_lease_deletes_nothing_of_the_copy_that_its_successor_makes() {
        let targets = [workspace::plugin("filesystem"), workspace::guest("lists_by_folder")];
        let scene = Scene::with_targets(&targets, |_| ()).await;
        let (backup, _) = scene.stored_backup("filesystem", OBJECTS, true).await;
        let offsite = "lists-by-folder";
        copy_to(&scene, &backup, offsite).await;
        let (job, attempt) = scene.claim().await;
        let first = scene.run(job, attempt);
        // Frozen for longer than its lease.
        scene.clock.advance(Duration::from_mins(2));
        scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
        let (job, attempt) = scene.claim().await;
        let second = scene.run(job, attempt);
        let copy = Stored::new(&scene.bucket(offsite), &backup);
        let source = ByteSource::from_bytes(OBJECTS[0].1.to_vec()).unwrap();
        copy.bucket.put(&copy.key("users.sql.zst"), source, false).await.unwrap();

        // It thaws, and finds out at its end.
        let failure = run(&first).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
        assert!(copy.manifest().await.unwrap().is_none(), "it has written a manifest without a lease");
        let users = copy.bucket.head(&copy.key("users.sql.zst")).await.unwrap();
        assert_eq!(users.map(|entry| entry.bytes), Some(5), "what its successor has written is gone");

        run(&second).await.unwrap();
        let manifest = copy.manifest_recorded_as(backup.manifest_sha256.as_deref()).await.unwrap();
        copy.check_sizes(&manifest).await.unwrap();
        scene.catalog.finish_copy(&second.attempt.id).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_into_a_target_that_hangs_ends_when_its_lease_is_lost() {
        let targets = [workspace::plugin("filesystem"), workspace::guest("hangs_on_put")];
        let scene = Scene::with_targets(&targets, |_| ()).await;
        let (backup, _) = scene.stored_backup("filesystem", OBJECTS, true).await;
        copy_to(&scene, &backup, "hangs-on-put").await;
        let (job, attempt) = scene.claim().await;
        let copying = scene.run(job, attempt);
        let lost = async {
            until("a byte is on its way", async || (copying.meter.stored_bytes() > 0).then_some(())).await;
            copying.stopper.stop(StopCause::LeaseLost);
        };
        let both = async { tokio::join!(run(&copying), lost).0 };
        let ended = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it goes on");
        assert_eq!(ended.err().unwrap().kind, FailureKind::Cancelled);
    }
}
