//! What hosts find out about each other and themselves: silent leases, restores that were done without anybody knowing.

use std::time::Duration;

use bulkhead_model::{AttemptState, Failure, FailureKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, refused};

#[test]
fn a_lease_that_was_watched_is_taken_over_unless_it_was_renewed_since() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for service in ["db1", "db2", "db3"] {
            scene.schedule(service, "full", 2).await;
            scene.claim(&[service]).await.unwrap();
            scene.clock.advance(Duration::from_secs(1));
        }
        let watched = scene.catalog.leases().await.unwrap();
        assert_eq!(watched.len(), 3);
        assert!(watched.iter().all(|lease| lease.host == "host-1") && watched.is_sorted_by_key(|lease| lease.until));
        scene.heartbeat(&watched[1].attempt).await.unwrap();
        // By the clock no lease has run out: whoever watches need not believe it.
        let taken = scene.catalog.take_over(&watched).await.unwrap();
        let services: Vec<&str> = taken.iter().map(|job| job.service.as_str()).collect();
        assert_eq!(services, ["db1", "db3"]);
        assert!(taken.iter().all(|job| job.state == JobState::Scheduled));
        refused(scene.heartbeat(&watched[0].attempt).await, FailureKind::Conflict);
        scene.heartbeat(&watched[1].attempt).await.unwrap();
        assert!(scene.catalog.take_over(&watched).await.unwrap().is_empty());
    });
}

#[test]
fn a_restore_that_was_done_is_written_down_whatever_was_thought_of_it_meanwhile() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        // Still held, as after a crash; lost with attempts left; lost with none left; lost after somebody asked to cancel.
        for end in [JobState::Running, JobState::Scheduled, JobState::Failed, JobState::Cancelled] {
            let (restore, job) = scene.schedule_restore("db1", &backup.id).await;
            let mut attempt = scene.claim(&["db1"]).await.unwrap().1;
            if end == JobState::Failed {
                for _ in 1..job.attempts_max {
                    scene.catalog.fail(&attempt.id, &Failure::unavailable("?"), None).await.unwrap();
                    attempt = scene.claim(&["db1"]).await.unwrap().1;
                }
            }
            if end == JobState::Cancelled {
                scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
            }
            if end != JobState::Running {
                scene.clock.advance(LEASE * 2);
                scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
            }
            assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, end);
            for _ in 0..2 {
                let done = scene.catalog.finish_recovered_restore(&attempt.id, "It was done.").await.unwrap();
                assert_eq!((done.state, done.failure), (JobState::Succeeded, None), "{end}");
                assert!(done.finished_at.is_some());
            }
            let restore = scene.catalog.restore(&acme(), restore.id).await.unwrap();
            assert_eq!((restore.state, restore.message.as_str()), (JobState::Succeeded, "It was done."), "{end}");
            assert_eq!(scene.catalog.attempts(&job.id).await.unwrap().last().unwrap().state, AttemptState::Succeeded);
            assert!(scene.claim(&["db1"]).await.is_none(), "{end}: it runs again");
        }
        // What lists count is what there is.
        let (_, total) = scene.catalog.restores(&acme(), &Default::default()).await.unwrap();
        scene.catalog.recount().await.unwrap();
        assert_eq!((scene.catalog.restores(&acme(), &Default::default()).await.unwrap().1, total), (total, 4));
    });
}

#[test]
fn a_restore_that_another_attempt_does_again_is_not_done() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        scene.schedule_restore("db1", &backup.id).await;
        let (job, first) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
        let (_, second) = scene.claim(&["db1"]).await.unwrap();
        refused(scene.catalog.finish_recovered_restore(&first.id, "?").await, FailureKind::Conflict);
        scene.heartbeat(&second.id).await.unwrap();
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, JobState::Running);
    });
}

#[test]
fn a_restore_that_was_done_is_a_success_although_later_attempts_found_it_under_way_and_failed() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        let (restore, job) = scene.schedule_restore("db1", &backup.id).await;
        let (_, first) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
        let (_, second) = scene.claim(&["db1"]).await.unwrap();
        // While it runs it may find out itself: the first is to be asked about again.
        let failure = scene.catalog.finish_recovered_restore(&first.id, "?").await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Conflict, true));
        scene.catalog.fail(&second.id, &Failure::conflict("an earlier restore was interrupted"), None).await.unwrap();
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, JobState::Failed);

        let done = scene.catalog.finish_recovered_restore(&first.id, "It was done.").await.unwrap();
        assert_eq!((done.state, done.failure), (JobState::Succeeded, None));
        let restore = scene.catalog.restore(&acme(), restore.id).await.unwrap();
        assert_eq!((restore.state, restore.message.as_str()), (JobState::Succeeded, "It was done."));
        // The recovery window knows that the service's data was replaced.
        let history = scene.catalog.history(&acme(), &job.service).await.unwrap();
        assert_eq!(history.restores.len(), 1);

        // The same of an attempt that was called failed itself: its time was over, and its swap was not.
        let (_, job) = scene.schedule_restore("db1", &backup.id).await;
        let (_, only) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.fail(&only.id, &Failure::unavailable("it took too long"), None).await.unwrap();
        let done = scene.catalog.finish_recovered_restore(&only.id, "It was done.").await.unwrap();
        assert_eq!((done.id, done.state), (job.id, JobState::Succeeded));
        assert_eq!(scene.catalog.history(&acme(), &done.service).await.unwrap().restores.len(), 2);

        // A later attempt that has succeeded is the one that counts.
        let (_, job) = scene.schedule_restore("db1", &backup.id).await;
        let (_, first) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.fail(&first.id, &Failure::unavailable("?"), Some(Duration::ZERO)).await.unwrap();
        let (_, second) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_restore(&second.id, "Done.", None).await.unwrap();
        let failure = scene.catalog.finish_recovered_restore(&first.id, "?").await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Conflict, false));
        assert_eq!(scene.catalog.attempts(&job.id).await.unwrap()[0].state, AttemptState::Failed);
    });
}
