//! Cancelling.

use bulkhead_model::{BackupState, Failure, FailureKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, refused};

#[test]
fn a_job_that_waits_is_cancelled_at_once() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 3).await;
        let cancelled = scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled);
        assert_eq!(scene.catalog.backup(&acme(), &backup.id).await.unwrap().state, BackupState::Cancelled);
        assert_eq!(scene.catalog.schedule(&acme(), job.schedule.unwrap()).await.unwrap().state, "cancelled");
        assert!(scene.claim(&["db1"]).await.is_none());
        assert_eq!(scene.catalog.request_cancel(&acme(), &job.id).await.unwrap(), cancelled, "twice is once");
    });
}

#[test]
fn the_holder_of_a_running_job_hears_of_it_and_ends_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 3).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        assert!(!scene.heartbeat(&attempt.id).await.unwrap());
        let asked = scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
        assert_eq!((asked.state, asked.cancel_requested), (JobState::Running, true));
        assert!(scene.heartbeat(&attempt.id).await.unwrap());
        // Whatever it died of on the way out, it was cancelled.
        let state = scene.catalog.fail(&attempt.id, &Failure::unavailable("killed"), None).await.unwrap();
        assert_eq!(state, JobState::Cancelled);
        let backup = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((backup.state, backup.failure), (BackupState::Cancelled, Some(Failure::cancelled())));
    });
}

#[test]
fn a_cancel_may_come_too_late_or_find_nobody() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, job) = scene.schedule("db1", "full", 3).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
        let done = scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        assert_eq!(done.state, JobState::Succeeded, "what is complete is kept");
        let text = refused(scene.catalog.request_cancel(&acme(), &job.id).await, FailureKind::Conflict);
        assert!(text.contains("succeeded"), "{text}");

        let (_, job) = scene.schedule("db1", "full", 3).await;
        scene.claim(&["db1"]).await.unwrap();
        scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
        scene.clock.advance(LEASE * 2);
        let taken = scene.catalog.take_over_lost(LEASE).await.unwrap();
        assert!(taken.is_empty());
        scene.clock.advance(LEASE);
        let taken = scene.catalog.take_over_lost(LEASE).await.unwrap();
        assert_eq!(
            (&taken[0].id, taken[0].state),
            (&job.id, JobState::Cancelled),
            "its holder is gone: nobody retries it"
        );
    });
}
