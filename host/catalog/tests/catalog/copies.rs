//! The same backup in several targets, each with its own state.

use bulkhead_catalog::{BackupCopy, Completed, CopyOutcome, CopyState, NewBackup, NewCopy, NewSchedule};
use bulkhead_model::{BackupId, Failure, FailureKind, JobKind, JobState, TargetId};

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, globex, new_backup, new_job, new_schedule, refused};

fn target(id: &str) -> TargetId {
    id.parse().unwrap()
}

fn copy_to(backup: &BackupId, id: &str) -> NewCopy {
    NewCopy { organization: acme(), backup: backup.clone(), target: target(id), attempts_max: 2, idempotency: None }
}

async fn states(scene: &Scene, backup: &BackupId) -> Vec<(String, CopyState)> {
    let copies = scene.catalog.copies_of(std::slice::from_ref(backup)).await.unwrap();
    copies.into_iter().map(|BackupCopy { target, state, .. }| (target.to_string(), state)).collect()
}

#[test]
fn one_target_that_fails_does_not_take_the_backup_along_and_is_tried_again() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let copies = vec![target("offsite"), target("tape")];
        let (backup, _) = scene.schedule_new(NewBackup { copies, ..new_backup("db1", "full") }).await;
        let waiting = |name: &str| (name.to_owned(), CopyState::Waiting);
        assert_eq!(states(&scene, &backup.id).await, [waiting("offsite"), waiting("tape")]);

        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        let down = Failure::unavailable("the bucket does not answer");
        let outcomes = vec![
            CopyOutcome { target: target("offsite"), failure: Some(down.clone()) },
            CopyOutcome { target: target("tape"), failure: None },
        ];
        let made = Completed { copies: outcomes, ..completed() };
        scene.catalog.finish_backup(&attempt.id, &made).await.unwrap();
        assert_eq!(states(&scene, &backup.id).await, [waiting("offsite"), ("tape".to_owned(), CopyState::Succeeded)],);

        let (job, attempt) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(
            (job.kind, &job.target, &job.backup),
            (JobKind::Copy, &Some(target("offsite")), &Some(backup.id.clone()))
        );
        let mut attempt = attempt;
        while scene.catalog.fail(&attempt.id, &down, None).await.unwrap() == JobState::Scheduled {
            assert_eq!(states(&scene, &backup.id).await[0], waiting("offsite"));
            attempt = scene.claim(&["db1"]).await.unwrap().1;
        }
        let copies = scene.catalog.copies_of(std::slice::from_ref(&backup.id)).await.unwrap();
        assert_eq!((copies[0].state, copies[0].failure.as_ref()), (CopyState::Failed, Some(&down)));

        // A person asks again.
        let again = scene.catalog.schedule_copy(copy_to(&backup.id, "offsite")).await.unwrap();
        assert!(!again.replayed);
        let twice = scene.catalog.schedule_copy(copy_to(&backup.id, "offsite")).await.unwrap();
        assert!(twice.replayed && twice.value.id == again.value.id);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_copy(&attempt.id).await.unwrap();
        assert!(states(&scene, &backup.id).await.iter().all(|(_, state)| *state == CopyState::Succeeded));
        for there in ["managed", "offsite"] {
            refused(scene.catalog.schedule_copy(copy_to(&backup.id, there)).await, FailureKind::Conflict);
        }
        let foreign = NewCopy { organization: globex(), ..copy_to(&backup.id, "x") };
        refused(scene.catalog.schedule_copy(foreign).await, FailureKind::NotFound);

        scene.catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_expire(&attempt.id).await.unwrap();
        assert_eq!(states(&scene, &backup.id).await, []);
    });
}

#[test]
fn a_schedule_sends_its_backups_to_all_its_targets_and_what_fails_has_no_copies() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let schedule = NewSchedule { copies: vec![target("offsite")], ..new_schedule("db1", "@daily") };
        let schedule = scene.catalog.create_schedule(schedule).await.unwrap().value;
        assert_eq!(scene.catalog.schedule(&acme(), schedule.id).await.unwrap().copies, [target("offsite")]);
        let next = scene.catalog.next_fire_at().await.unwrap().unwrap();
        scene.clock.advance(next.since(scene.now()));
        scene.catalog.fire_due(10, 1).await.unwrap();
        let (job, attempt) = scene.claim(&["db1"]).await.unwrap();
        let backup = job.backup.unwrap();
        assert_eq!(states(&scene, &backup).await, [("offsite".to_owned(), CopyState::Waiting)]);
        scene.catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();
        assert_eq!(states(&scene, &backup).await, [("offsite".to_owned(), CopyState::Failed)]);
    });
}

#[test]
fn a_copy_whose_job_ended_without_a_word_about_it_is_made_after_all() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await.id;
        let made = scene.catalog.schedule_copy(copy_to(&backup, "offsite")).await.unwrap().value;
        assert!(scene.catalog.take_up_copies(2, 10).await.unwrap().is_empty(), "its job waits");
        scene.catalog.request_cancel(&acme(), &made.id).await.unwrap();
        assert!(scene.catalog.take_up_copies(2, 10).await.unwrap().is_empty(), "a person stopped it");
        // As a host that knows nothing of copies leaves it.
        scene.database.execute("UPDATE backup_copies SET state = 'waiting'").await;

        let taken = scene.catalog.take_up_copies(2, 10).await.unwrap();
        assert_eq!((taken.len(), taken[0].kind, &taken[0].target), (1, JobKind::Copy, &Some(target("offsite"))));
        assert!(scene.catalog.take_up_copies(2, 10).await.unwrap().is_empty(), "it is made twice");
        let asked = scene.catalog.schedule_copy(copy_to(&backup, "offsite")).await.unwrap();
        assert!(asked.replayed && asked.value.id == taken[0].id);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_copy(&attempt.id).await.unwrap();
        assert_eq!(states(&scene, &backup).await, [("offsite".to_owned(), CopyState::Succeeded)]);
    });
}
