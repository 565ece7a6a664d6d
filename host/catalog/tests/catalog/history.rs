//! What a service can be restored with, and what keeps it there.

use std::time::Duration;

use bulkhead_catalog::{FailedInARow, NewBackup, NewJob, NewRestore};
use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, JobKind, JobState, NoticeEvent};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, globex, ids, new_backup, new_job, refused};

impl Scene {
    async fn verify(&self, backup: &BackupId, level: &str, suspect: Option<Failure>, drilled: bool) {
        self.catalog.schedule_job(new_job(JobKind::Verify, backup)).await.unwrap();
        let (_, attempt) = self.claim(&["db1"]).await.unwrap();
        self.clock.advance(Duration::from_secs(1));
        let evidence = if drilled { vec![format!("{level} at {}", self.now())] } else { Vec::new() };
        self.catalog.finish_verify(&attempt.id, level, suspect.as_ref(), &evidence, drilled).await.unwrap();
    }
}

#[test]
fn what_a_backup_continues_is_not_deleted_from_the_moment_it_is_said() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let full = scene.backup("db1", "full").await;
        let elsewhere = scene.backup("db2", "full").await;
        let (increment, _) = scene.schedule("db1", "incremental", 2).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        let say = async |parent: Option<&BackupId>| catalog.continue_backup(&attempt.id, &increment.id, parent).await;
        say(Some(&full.id)).await.unwrap();
        refused(catalog.begin_deleting(&acme(), &full.id).await, FailureKind::Conflict);
        // The method said otherwise: it is a full one after all.
        say(None).await.unwrap();
        assert_eq!(catalog.backup(&acme(), &increment.id).await.unwrap().parent, None);
        say(Some(&full.id)).await.unwrap();
        // Of another service, of another backup than that of the attempt, not there any more.
        refused(say(Some(&elsewhere.id)).await, FailureKind::Conflict);
        refused(catalog.continue_backup(&attempt.id, &full.id, None).await, FailureKind::Conflict);
        let gone = scene.backup("db1", "full").await;
        catalog.begin_deleting(&acme(), &gone.id).await.unwrap();
        refused(say(Some(&gone.id)).await, FailureKind::Conflict);

        catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        refused(say(None).await, FailureKind::Conflict);
        let made = catalog.backup(&acme(), &increment.id).await.unwrap();
        assert_eq!((made.state, made.parent), (BackupState::Succeeded, Some(full.id.clone())));
        refused(catalog.begin_deleting(&acme(), &full.id).await, FailureKind::Conflict);
    });
}

/// The deletion of a base beside the backup that is about to continue it: one of them is refused.
#[test]
fn a_continuing_backup_and_a_deletion_cannot_both_win() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for _ in 0..10 {
            let full = scene.backup("db1", "full").await.id;
            let (increment, _) = scene.schedule("db1", "incremental", 1).await;
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            let (catalog, id, parent) = (scene.catalog.clone(), increment.id.clone(), full.clone());
            let by = attempt.id.clone();
            let continuing = tokio::spawn(async move { catalog.continue_backup(&by, &id, Some(&parent)).await });
            let catalog = scene.catalog.clone();
            let deleting = tokio::spawn(async move { catalog.begin_deleting(&acme(), &full).await });
            let (continuing, deleting) = (continuing.await.unwrap(), deleting.await.unwrap());
            match (continuing, deleting) {
                (Ok(()), deleting) => drop(refused(deleting, FailureKind::Conflict)),
                (continuing, Ok(_)) => drop(refused(continuing, FailureKind::Conflict)),
                neither => panic!("{neither:?}"),
            }
            scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        }
    });
}

#[test]
fn all_that_a_restore_reads_stays_until_it_has_ended() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let full = scene.backup("db1", "full").await.id;
        let logs = [scene.backup("db1", "binarylog").await.id, scene.backup("db1", "binarylog").await.id];
        let new = || NewRestore {
            organization: acme(),
            service: "db2".parse().unwrap(),
            backup: full.clone(),
            uses: [std::slice::from_ref(&full), &logs[..]].concat(),
            plan: Some(json!({ "logs": logs })),
            partial: false,
            after: None,
            request: json!({}),
            attempts_max: 1,
            idempotency: None,
        };
        let (restore, job) = catalog.schedule_restore(new()).await.unwrap().value;
        assert_eq!((restore.plan, restore.reached), (Some(json!({ "logs": logs })), None));
        let text = refused(catalog.begin_deleting(&acme(), &logs[1]).await, FailureKind::Conflict);
        assert!(text.contains(job.id.as_str()), "{text}");
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        refused(catalog.schedule_job(new_job(JobKind::Expire, &logs[0])).await, FailureKind::Conflict);
        let reached = json!({ "gtid": "0-1-15" });
        catalog.finish_restore(&attempt.id, "Restore has succeeded!", Some(&reached)).await.unwrap();
        let done = catalog.restore(&acme(), restore.id).await.unwrap();
        assert_eq!((done.state, done.reached, done.partial), (JobState::Succeeded, Some(reached), false));
        catalog.begin_deleting(&acme(), &logs[1]).await.unwrap();

        // One of them is on its way out: nothing is scheduled.
        refused(catalog.schedule_restore(new()).await, FailureKind::Conflict);
        assert!(scene.claim(&["db2"]).await.is_none());
        // One that is cancelled lets go.
        let fewer = NewRestore { uses: vec![logs[0].clone()], ..new() };
        let (_, job) = catalog.schedule_restore(fewer).await.unwrap().value;
        refused(catalog.begin_deleting(&acme(), &logs[0]).await, FailureKind::Conflict);
        catalog.request_cancel(&acme(), &job.id).await.unwrap();
        catalog.begin_deleting(&acme(), &logs[0]).await.unwrap();
    });
}

#[test]
fn a_history_has_what_succeeded_and_when_a_restore_replaced_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let (service, method) = (ids(&["db1"]).remove(0), "full".parse().unwrap());
        let full = scene.backup("db1", "full").await;
        let child =
            scene.backup_new(NewBackup { parent: Some(full.id.clone()), ..new_backup("db1", "incremental") }).await;
        let damaged = scene.backup("db1", "full").await;
        scene.verify(&damaged.id, "stored", Some(Failure::corrupt("gone")), false).await;
        let gone = scene.backup("db1", "dump").await;
        catalog.begin_deleting(&acme(), &gone.id).await.unwrap();
        scene.backup("db2", "full").await;
        scene.schedule("db1", "full", 1).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();

        let mut expected = Vec::new();
        for (partial, into) in [(false, "db1"), (true, "db1"), (false, "db2")] {
            let new = NewRestore {
                organization: acme(),
                service: into.parse().unwrap(),
                backup: full.id.clone(),
                uses: Vec::new(),
                plan: None,
                partial,
                after: None,
                request: json!({}),
                attempts_max: 1,
                idempotency: None,
            };
            let (restore, _) = catalog.schedule_restore(new).await.unwrap().value;
            let (_, attempt) = scene.claim(&[into]).await.unwrap();
            scene.clock.advance(Duration::from_secs(5));
            catalog.finish_restore(&attempt.id, "done", None).await.unwrap();
            // What is hidden has happened all the same.
            let restore = catalog.hide_restore(&acme(), restore.id).await.unwrap();
            if !partial && into == "db1" {
                expected.push(restore.finished_at.unwrap());
            }
        }
        let history = catalog.history(&acme(), &service).await.unwrap();
        let seen: Vec<_> = history
            .backups
            .iter()
            .map(|b| (&b.id, b.parent.as_ref(), b.suspect.is_some(), b.report.is_some()))
            .collect();
        assert_eq!(
            seen,
            [(&full.id, None, false, true), (&child.id, Some(&full.id), false, true), (&damaged.id, None, true, true)]
        );
        assert_eq!(history.backups[2].verified_level.as_deref(), Some("stored"));
        assert_eq!(history.restores, expected);
        assert_eq!(catalog.history(&globex(), &service).await.unwrap(), Default::default());

        let newest = async |target: &str| {
            catalog.newest_backup_of(&acme(), &service, &method, &target.parse().unwrap()).await.unwrap()
        };
        assert_eq!(newest("managed").await.map(|backup| backup.id), Some(full.id));
        assert_eq!(newest("elsewhere").await, None);
    });
}

#[test]
fn what_a_drill_found_is_not_cleared_by_looking_less_deep() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await.id;
        scene.webhook(acme(), &[NoticeEvent::BackupSuspect]).await;
        let seen = async || scene.catalog.backup(&acme(), &backup).await.unwrap();
        let lost = Failure::corrupt("table `shop.orders` is missing");

        scene.verify(&backup, "drill", Some(lost.clone()), true).await;
        let drilled = seen().await;
        assert_eq!((drilled.suspect.as_ref(), drilled.suspect_level.as_deref()), (Some(&lost), Some("drill")));
        assert_eq!((drilled.drilled_at, drilled.evidence.len()), (Some(scene.now()), 1));
        for level in ["stored", "content"] {
            scene.verify(&backup, level, None, false).await;
            let after = seen().await;
            assert_eq!((after.suspect.as_ref(), after.verified_level.as_deref()), (Some(&lost), Some(level)));
            assert_eq!((&after.evidence, after.drilled_at), (&drilled.evidence, drilled.drilled_at));
        }
        // More damage, found by a look that is less deep, which a second such look cannot take back either.
        scene.verify(&backup, "stored", Some(Failure::corrupt("a byte is missing")), false).await;
        scene.verify(&backup, "content", None, false).await;
        assert_eq!(seen().await.suspect.unwrap().message, "a byte is missing");
        scene.verify(&backup, "drill", None, true).await;
        let proved = seen().await;
        assert_eq!((proved.suspect, proved.suspect_level), (None, None));
        assert_ne!(proved.evidence, drilled.evidence);

        // What a shallow look has found, a deeper one clears.
        scene.verify(&backup, "stored", Some(Failure::corrupt("?")), false).await;
        scene.verify(&backup, "content", None, false).await;
        assert_eq!(seen().await.suspect, None);

        let mut told = Vec::new();
        for delivery in scene.deliveries().await {
            let data = &delivery.payload["data"];
            told.push((data["message"].clone(), data["verified_level"].clone()));
            assert_eq!(data["backup_id"], json!(backup));
        }
        let expected = [("table `shop.orders` is missing", "drill"), ("a byte is missing", "stored"), ("?", "stored")];
        assert_eq!(told, expected.map(|(message, level)| (json!(message), json!(level))));
    });
}

/// As a job that expires a chain with all on top of it does.
#[test]
fn a_chain_that_is_read_is_not_deleted_with_its_base() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let full = scene.backup("db1", "full").await.id;
        let on = NewBackup { parent: Some(full.clone()), ..new_backup("db1", "incremental") };
        let child = scene.backup_new(on).await.id;
        let new = NewRestore {
            organization: acme(),
            service: "db2".parse().unwrap(),
            backup: full.clone(),
            uses: vec![full.clone(), child.clone()],
            plan: None,
            partial: false,
            after: None,
            request: json!({}),
            attempts_max: 1,
            idempotency: None,
        };
        catalog.schedule_restore(new).await.unwrap();
        let whole = NewJob { with_dependants: true, ..new_job(JobKind::Expire, &full) };
        refused(catalog.schedule_job(whole).await, FailureKind::Conflict);
        assert_eq!(catalog.backup(&acme(), &full).await.unwrap().state, BackupState::Succeeded);
        assert_eq!(catalog.backup(&acme(), &child).await.unwrap().state, BackupState::Succeeded);
    });
}

/// Each host that looks finds that it is under way, or makes it.
#[test]
fn what_goes_on_and_on_is_under_way_once_and_tells_only_of_the_first_failure() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        scene.webhook(acme(), NoticeEvent::ALL).await;
        let (service, method) = (ids(&["db1"]).remove(0), "binarylog".parse().unwrap());
        let new = || NewBackup { attempts_max: 1, ..new_backup("db1", "binarylog") };
        for fails in [false, true, true, false, true] {
            let looking: Vec<_> = (0..3)
                .map(|_| {
                    let (catalog, new) = (catalog.clone(), new());
                    tokio::spawn(async move { catalog.keep_backup_going(new).await.unwrap() })
                })
                .collect();
            let mut made = 0;
            for looked in looking {
                made += usize::from(looked.await.unwrap().is_some());
            }
            assert_eq!(made, 1);
            let open = catalog.unfinished_jobs(&acme(), &service).await.unwrap();
            assert_eq!((open.len(), open[0].schedule), (1, None));
            assert_eq!(catalog.being_made(&acme(), &service).await.unwrap(), []);
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            assert_eq!(catalog.keep_backup_going(new()).await.unwrap(), None);
            let making = catalog.being_made(&acme(), &service).await.unwrap();
            assert_eq!(making, [(bulkhead_model::Method::clone(&method), attempt.started_at)]);
            scene.clock.advance(Duration::from_secs(1));
            if fails {
                catalog.fail(&attempt.id, &Failure::unavailable("gone"), None).await.unwrap();
            } else {
                catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
            }
        }
        assert_eq!(catalog.unfinished_jobs(&acme(), &service).await.unwrap(), []);
        let told: Vec<_> = scene.deliveries().await.into_iter().map(|delivery| delivery.event).collect();
        assert_eq!(told, [NoticeEvent::BackupFailed, NoticeEvent::BackupFailed]);
        assert!(catalog.newest_backup_anywhere(&acme(), &service, &method).await.unwrap().is_some());
    });
}

#[test]
fn how_often_backups_of_a_method_failed_since_one_succeeded_is_counted() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (service, method) = (ids(&["db1"]).remove(0), "dump".parse().unwrap());
        let failed = async || scene.catalog.failed_in_a_row(&acme(), &service, &method).await.unwrap();
        let fail = async || {
            scene.schedule("db1", "dump", 1).await;
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            scene.catalog.fail(&attempt.id, &Failure::unavailable("gone"), None).await.unwrap();
            scene.now()
        };
        assert_eq!(failed().await, FailedInARow::default());
        fail().await;
        let last = fail().await;
        scene.backup("db1", "full").await;
        assert_eq!(failed().await, FailedInARow { times: 2, last: Some(last) });
        scene.backup("db1", "dump").await;
        assert_eq!(failed().await.times, 0);
        fail().await;
        assert_eq!(failed().await.times, 1);
    });
}

#[test]
fn when_something_was_last_verified_and_drilled_is_known_of_good_backups() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let services = ids(&["db1", "db2"]);
        let (one, other) = (scene.backup("db1", "full").await.id, scene.backup("db1", "full").await.id);
        scene.backup("db2", "full").await;
        let verified = async || scene.catalog.last_verified(&services).await.unwrap();
        assert_eq!(verified().await, []);
        scene.verify(&one, "drill", None, true).await;
        let drilled = scene.now();
        scene.verify(&other, "content", None, false).await;
        let full = "full".parse().unwrap();
        assert_eq!(
            verified().await,
            [(services[0].clone(), bulkhead_model::Method::clone(&full), scene.now(), Some(drilled))]
        );
        // A drill that found damage was one; but nothing is proved by it.
        scene.verify(&one, "drill", Some(Failure::corrupt("?")), true).await;
        assert_eq!(scene.catalog.last_drill(&acme(), &services[0]).await.unwrap(), Some(scene.now()));
        assert_eq!(scene.catalog.last_drill(&acme(), &services[1]).await.unwrap(), None);
        let left = verified().await;
        assert_eq!((left.len(), left[0].3), (1, None));
    });
}
