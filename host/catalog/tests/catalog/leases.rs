//! Leases: renewed, run out, taken over.

use std::time::Duration;

use bulkhead_catalog::Progress;
use bulkhead_model::{AttemptState, BackupState, Failure, FailureKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, refused};

const GRACE: Duration = Duration::from_secs(5);

#[test]
fn a_lost_attempt_is_taken_over_and_its_old_holder_can_change_nothing() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 2).await;
        let (_, first) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE + GRACE);
        assert!(scene.catalog.take_over_lost(GRACE).await.unwrap().is_empty(), "its last moment is still its own");
        scene.clock.advance(Duration::from_micros(1));
        let taken = scene.catalog.take_over_lost(GRACE).await.unwrap();
        assert_eq!(taken.iter().map(|job| (&job.id, job.state)).collect::<Vec<_>>(), [(&job.id, JobState::Scheduled)]);
        let waiting = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!(waiting.state, BackupState::Scheduled);
        assert!(scene.catalog.take_over_lost(GRACE).await.unwrap().is_empty());

        let (_, second) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(second.number, 2);
        refused(scene.heartbeat(&first.id).await, FailureKind::Conflict);
        refused(scene.catalog.finish_backup(&first.id, &completed()).await, FailureKind::Conflict);
        refused(scene.catalog.fail(&first.id, &Failure::unavailable("?"), None).await, FailureKind::Conflict);
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, JobState::Running);

        scene.catalog.finish_backup(&second.id, &completed()).await.unwrap();
        refused(scene.catalog.finish_backup(&second.id, &completed()).await, FailureKind::Conflict);
        let states: Vec<_> =
            scene.catalog.attempts(&job.id).await.unwrap().into_iter().map(|attempt| attempt.state).collect();
        assert_eq!(states, [AttemptState::Lost, AttemptState::Succeeded]);
    });
}

#[test]
fn the_last_attempt_that_is_lost_fails_the_job() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 1).await;
        scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        let taken = scene.catalog.take_over_lost(GRACE).await.unwrap();
        assert_eq!((&taken[0].id, taken[0].state), (&job.id, JobState::Failed));
        let backup = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((backup.state, backup.finished_at), (BackupState::Failed, taken[0].finished_at));
        assert!(backup.failure.unwrap().message.contains("host `host-1` was lost"));
    });
}

#[test]
fn a_heartbeat_keeps_the_lease_and_shows_progress() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, job) = scene.schedule("db1", "full", 2).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        let progress = Progress {
            phase: Some("copying\0".to_owned()),
            plain_bytes: 1 << 40,
            stored_bytes: 1 << 30,
            expected_bytes: Some(u64::MAX),
        };
        for _ in 0..5 {
            scene.clock.advance(LEASE - Duration::from_secs(1));
            let heartbeat = scene.catalog.heartbeat(&attempt.id, LEASE, &progress).await.unwrap();
            assert!(!heartbeat.cancel_requested);
            assert!(scene.catalog.take_over_lost(Duration::ZERO).await.unwrap().is_empty());
        }
        let shown = scene.catalog.job(&acme(), &job.id).await.unwrap();
        assert_eq!(shown.phase.as_deref(), Some("copying\u{fffd}"));
        assert_eq!((shown.plain_bytes, shown.stored_bytes), (1 << 40, 1 << 30));
        assert_eq!(shown.expected_bytes, Some(i64::MAX as u64));
        let bare = Progress { phase: None, expected_bytes: None, ..progress };
        scene.catalog.heartbeat(&attempt.id, LEASE, &bare).await.unwrap();
        let shown = scene.catalog.job(&acme(), &job.id).await.unwrap();
        assert_eq!((shown.phase, shown.expected_bytes), (None, None));
    });
}

#[test]
fn a_host_that_starts_again_releases_what_it_held_and_nothing_else() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, mine) = scene.schedule("db1", "full", 3).await;
        let (_, other) = scene.schedule("db2", "full", 3).await;
        scene.catalog.claim("host-1", &["db1".parse().unwrap()], LEASE).await.unwrap().unwrap();
        scene.catalog.claim("host-2", &["db2".parse().unwrap()], LEASE).await.unwrap().unwrap();
        let released = scene.catalog.release_host("host-1").await.unwrap();
        assert_eq!(released.iter().map(|job| &job.id).collect::<Vec<_>>(), [&mine.id]);
        assert_eq!(scene.catalog.job(&acme(), &other.id).await.unwrap().state, JobState::Running);
        assert_eq!(scene.claim(&["db1", "db2"]).await.unwrap().1.number, 2);
    });
}

#[test]
fn hosts_that_find_the_same_lost_attempts_take_each_over_once() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let services: Vec<String> = (0..12).map(|number| format!("db{number}")).collect();
        for service in &services {
            scene.schedule(service, "full", 3).await;
            scene.claim(&[service]).await.unwrap();
        }
        scene.clock.advance(LEASE * 2);
        let finders: Vec<_> = (0..4)
            .map(|_| {
                let catalog = scene.catalog.clone();
                tokio::spawn(async move { catalog.take_over_lost(Duration::ZERO).await.unwrap().len() })
            })
            .collect();
        let mut taken = 0;
        for finder in finders {
            taken += finder.await.unwrap();
        }
        assert_eq!(taken, services.len());
    });
}
