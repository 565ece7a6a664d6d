//! Requests that arrive twice.

use std::time::Duration;

use bulkhead_catalog::{
    BackupFilter, Catalog, Idempotency, JobFilter, NewBackup, NewJob, NewRestore, NewSchedule, RestoreFilter,
    ScheduleFilter,
};
use bulkhead_model::{FailureKind, JobKind, JobState};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, globex, new_backup, new_job, new_schedule, refused};

fn key(key: &str, fingerprint: &str) -> Option<Idempotency> {
    Some(Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() })
}

/// Twice at the same time, on hosts of their own where there may be several: one of them does it, the other one answers
/// what that has made.
#[test]
fn a_request_that_comes_twice_at_once_is_carried_out_once() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut hosts: Vec<Catalog> = vec![scene.catalog.clone(); 4];
        if !scene.database.is_sqlite() {
            for host in &mut hosts {
                *host = Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap();
            }
        }
        for round in 0..5 {
            let sent: Vec<_> = hosts
                .iter()
                .cloned()
                .map(|catalog| {
                    let backup = NewBackup {
                        idempotency: key(&format!("backup-{round}"), "a"),
                        ..new_backup(&format!("db{round}"), "full")
                    };
                    let schedule = NewSchedule {
                        idempotency: key(&format!("schedule-{round}"), "a"),
                        ..new_schedule(&format!("db{round}"), "0 3 * * *")
                    };
                    tokio::spawn(async move {
                        let backup = catalog.schedule_backup(backup).await.unwrap();
                        let schedule = catalog.create_schedule(schedule).await.unwrap();
                        let flags = (backup.replayed, schedule.replayed);
                        let (once, backup, job) = backup.value;
                        (flags, (once, backup.id, job.id, schedule.value))
                    })
                })
                .collect();
            let mut made = Vec::new();
            for one in sent {
                made.push(one.await.unwrap());
            }
            assert!(made.iter().all(|(_, objects)| *objects == made[0].1));
            assert_eq!(made.iter().filter(|((backup, _), _)| !backup).count(), 1);
            assert_eq!(made.iter().filter(|((_, schedule), _)| !schedule).count(), 1);
        }
        assert_eq!(scene.catalog.backups(&acme(), &BackupFilter::default()).await.unwrap().1, 5);
        assert_eq!(scene.catalog.jobs(&acme(), &JobFilter::default()).await.unwrap().1, 5);
        assert_eq!(scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap().1, 10);
    });
}

#[test]
fn a_request_that_comes_again_is_answered_with_what_has_become_of_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let backup = || NewBackup { idempotency: key("1", "a"), ..new_backup("db1", "full") };
        let (_, made, job) = catalog.schedule_backup(backup()).await.unwrap().value;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        let again = catalog.schedule_backup(backup()).await.unwrap();
        assert!(again.replayed);
        assert_eq!((&again.value.1.id, again.value.2.state), (&made.id, JobState::Succeeded));
        assert_eq!((again.value.2.id, again.value.0.state.as_str()), (job.id, "succeeded"));

        let restore = || NewRestore {
            organization: acme(),
            service: "db2".parse().unwrap(),
            backup: made.id.clone(),
            uses: Vec::new(),
            plan: None,
            partial: false,
            after: None,
            request: json!({}),
            attempts_max: 1,
            idempotency: key("2", "a"),
        };
        let (first, _) = catalog.schedule_restore(restore()).await.unwrap().value;
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        catalog.finish_restore(&attempt.id, "done", None).await.unwrap();
        catalog.hide_restore(&acme(), first.id).await.unwrap();
        let verify = |key| NewJob { idempotency: key, ..new_job(JobKind::Verify, &made.id) };
        let verifying = catalog.schedule_job(verify(key("3", "a"))).await.unwrap().value;
        let expire = NewJob { idempotency: key("4", "a"), ..new_job(JobKind::Expire, &made.id) };
        let expiring = catalog.schedule_job(expire.clone()).await.unwrap().value;
        // From here on neither would be carried out any more.
        let again = catalog.schedule_restore(restore()).await.unwrap();
        assert!(again.replayed && again.value.0.id == first.id && again.value.0.hidden);
        let again = catalog.schedule_job(verify(key("3", "a"))).await.unwrap();
        assert!(again.replayed && again.value.id == verifying.id);
        let again = catalog.schedule_job(expire).await.unwrap();
        assert!(again.replayed && again.value.id == expiring.id);

        let schedule = || NewSchedule { idempotency: key("5", "a"), ..new_schedule("db1", "0 3 * * *") };
        let scheduled = catalog.create_schedule(schedule()).await.unwrap().value;
        catalog.delete_schedule(&acme(), scheduled.id).await.unwrap();
        let again = catalog.create_schedule(schedule()).await.unwrap();
        assert!(again.replayed && again.value.id == scheduled.id);
        assert_eq!(catalog.restores(&acme(), &RestoreFilter::default()).await.unwrap().1, 0);
    });
}

#[test]
fn a_key_stands_for_one_request_of_one_organization_for_a_while() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let backup = |fingerprint| NewBackup { idempotency: key("1", fingerprint), ..new_backup("db1", "full") };
        let (_, made, _) = catalog.schedule_backup(backup("a")).await.unwrap().value;
        let text = refused(catalog.schedule_backup(backup("b")).await, FailureKind::Conflict);
        assert!(text.starts_with("the idempotency key was used for another request"), "{text}");
        let other_kind = NewSchedule { idempotency: key("1", "a"), ..new_schedule("db1", "0 3 * * *") };
        refused(catalog.create_schedule(other_kind).await, FailureKind::Conflict);
        let theirs = NewBackup { organization: globex(), service: "db9".parse().unwrap(), ..backup("b") };
        assert!(!catalog.schedule_backup(theirs).await.unwrap().replayed);

        // What was refused was not carried out, and may be sent again.
        let verify = || NewJob { idempotency: key("2", "a"), ..new_job(JobKind::Verify, &made.id) };
        refused(catalog.schedule_job(verify()).await, FailureKind::Conflict);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        assert!(!catalog.schedule_job(verify()).await.unwrap().replayed);

        scene.clock.advance(Duration::from_secs(3600));
        catalog.schedule_backup(NewBackup { idempotency: key("3", "a"), ..backup("a") }).await.unwrap();
        let before = scene.now().minus(Duration::from_secs(60));
        assert_eq!(catalog.forget_idempotency_keys(before).await.unwrap(), 3);
        assert!(!catalog.schedule_backup(backup("b")).await.unwrap().replayed);
        assert!(
            catalog.schedule_backup(NewBackup { idempotency: key("3", "a"), ..backup("a") }).await.unwrap().replayed
        );
    });
}
