//! Deleting backups without pulling them from under somebody.

use std::time::Duration;

use bulkhead_catalog::{BackupFilter, Catalog, Job, JobFilter, NewBackup, NewJob, NewRestore};
use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, JobKind, JobState, Result};

use crate::databases::on_both;
use crate::scene::{Scene, acme, globex, new_backup, new_job, refused};

#[test]
fn a_deleted_backup_is_gone_from_lists_and_names_but_not_from_the_record() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let name = Some("nightly".to_owned());
        let backup = scene.backup_new(NewBackup { name, ..new_backup("db1", "full") }).await;
        let expire = scene.catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await.unwrap().value;
        let again = scene.catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await.unwrap().value;
        assert_eq!(again.id, expire.id, "asked for twice, it is one job");
        let text =
            refused(scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await, FailureKind::Conflict);
        assert!(text.contains("deleting"), "{text}");

        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        let passing = Failure::unavailable("the bucket does not answer");
        assert_eq!(scene.catalog.fail(&attempt.id, &passing, None).await.unwrap(), JobState::Scheduled);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_expire(&attempt.id).await.unwrap();
        let gone = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((gone.state, gone.finished_at), (BackupState::Deleted, backup.finished_at));
        assert_eq!(scene.catalog.backups(&acme(), &BackupFilter::default()).await.unwrap().1, 0);
        for text in ["nightly", backup.id.as_str(), backup.id.short()] {
            refused(scene.catalog.resolve_backup(&acme(), text).await, FailureKind::NotFound);
        }
        refused(scene.catalog.begin_deleting(&acme(), &backup.id).await, FailureKind::NotFound);
        assert!(scene.catalog.known_backups(&backup.target, None, 10).await.unwrap().is_empty());
        assert_eq!(scene.catalog.backup_any_org(&backup.id).await.unwrap().unwrap().id, backup.id);
    });
}

#[test]
fn what_somebody_needs_is_not_deleted() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (making, job) = scene.schedule("db1", "full", 3).await;
        let text = refused(scene.catalog.begin_deleting(&acme(), &making.id).await, FailureKind::Conflict);
        assert!(text.contains(job.id.as_str()), "{text}");
        refused(restore_of(&scene.catalog, &making.id).await, FailureKind::Conflict);
        scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();

        let full = scene.backup("db1", "full").await;
        let parent = Some(full.id.clone());
        let child = scene.backup_new(NewBackup { parent, ..new_backup("db1", "incremental") }).await;
        let text = refused(scene.catalog.begin_deleting(&acme(), &full.id).await, FailureKind::Conflict);
        assert!(text.contains(child.id.as_str()), "{text}");
        let (_, restoring) = scene.schedule_restore("db2", &child.id).await;
        let text = refused(scene.catalog.begin_deleting(&acme(), &child.id).await, FailureKind::Conflict);
        assert!(text.contains(restoring.id.as_str()), "{text}");

        scene.catalog.request_cancel(&acme(), &restoring.id).await.unwrap();
        let deleting = scene.catalog.begin_deleting(&acme(), &child.id).await.unwrap();
        assert_eq!(deleting.state, BackupState::Deleting);
        refused(restore_of(&scene.catalog, &child.id).await, FailureKind::Conflict);
        scene.catalog.begin_deleting(&acme(), &full.id).await.unwrap();
        let parent = Some(full.id.clone());
        let orphan = NewBackup { parent, ..new_backup("db1", "incremental") };
        refused(scene.catalog.schedule_backup(orphan).await, FailureKind::Conflict);
    });
}

/// A restore and a deletion that come at the same time: one of them is refused.
#[test]
fn a_restore_and_a_deletion_cannot_both_win() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for _ in 0..10 {
            let backup = scene.backup("db1", "full").await;
            let (catalog, id) = (scene.catalog.clone(), backup.id.clone());
            let restoring = tokio::spawn(async move { restore_of(&catalog, &id).await });
            let (catalog, id) = (scene.catalog.clone(), backup.id.clone());
            let deleting = tokio::spawn(async move { catalog.begin_deleting(&acme(), &id).await });
            let (restoring, deleting) = (restoring.await.unwrap(), deleting.await.unwrap());
            match (restoring, deleting) {
                (Ok(_), deleting) => drop(refused(deleting, FailureKind::Conflict)),
                (restoring, Ok(_)) => drop(refused(restoring, FailureKind::Conflict)),
                neither => panic!("{neither:?}"),
            }
        }
    });
}

async fn restore_of(catalog: &Catalog, backup: &BackupId) -> Result<Job> {
    let new = NewRestore {
        organization: acme(),
        service: "db2".parse().unwrap(),
        backup: backup.clone(),
        uses: Vec::new(),
        plan: None,
        partial: false,
        after: None,
        request: serde_json::json!({}),
        attempts_max: 1,
        idempotency: None,
    };
    Ok(catalog.schedule_restore(new).await?.value.1)
}

#[test]
fn a_pinned_backup_stays() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let backup = scene.backup("db1", "full").await;
        assert!(catalog.pin_backup(&acme(), &backup.id, true).await.unwrap().pinned);
        let text = refused(catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await, FailureKind::Conflict);
        assert!(text.contains("pinned") && text.contains("unpin"), "{text}");
        refused(catalog.begin_deleting(&acme(), &backup.id).await, FailureKind::Conflict);
        refused(catalog.pin_backup(&globex(), &backup.id, false).await, FailureKind::NotFound);
        assert!(catalog.backup(&acme(), &backup.id).await.unwrap().pinned);
        assert_eq!(catalog.pin_backup(&acme(), &backup.id, false).await.unwrap(), backup);
        catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await.unwrap();
        refused(catalog.pin_backup(&acme(), &backup.id, true).await, FailureKind::Conflict);
    });
}

#[test]
fn a_chain_is_deleted_whole_or_not_at_all_and_from_its_end() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let on = async |parent: &BackupId| {
            let parent = Some(parent.clone());
            scene.backup_new(NewBackup { parent, ..new_backup("db1", "incremental") }).await.id
        };
        let full = scene.backup("db1", "full").await.id;
        let first = on(&full).await;
        let (second, third) = (on(&first).await, on(&first).await);
        let other = scene.backup("db1", "full").await.id;
        let failed = scene.schedule_new(NewBackup { parent: Some(full.clone()), ..new_backup("db1", "dump") }).await.0;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();

        let chain = || NewJob { with_dependants: true, ..new_job(JobKind::Expire, &full) };
        let state = async |id: &BackupId| catalog.backup(&acme(), id).await.unwrap().state;
        // Each of these keeps the whole chain.
        catalog.pin_backup(&acme(), &third, true).await.unwrap();
        let text = refused(catalog.schedule_job(chain()).await, FailureKind::Conflict);
        assert!(text.contains(third.as_str()), "{text}");
        catalog.pin_backup(&acme(), &third, false).await.unwrap();
        let (_, restoring) = scene.schedule_restore("db2", &second).await;
        refused(catalog.schedule_job(chain()).await, FailureKind::Conflict);
        catalog.request_cancel(&acme(), &restoring.id).await.unwrap();
        let (_, growing) =
            scene.schedule_new(NewBackup { parent: Some(second.clone()), ..new_backup("db1", "incremental") }).await;
        refused(catalog.schedule_job(chain()).await, FailureKind::Conflict);
        catalog.request_cancel(&acme(), &growing.id).await.unwrap();
        for id in [&full, &first, &second, &third] {
            assert_eq!(state(id).await, BackupState::Succeeded);
        }

        let job = catalog.schedule_job(chain()).await.unwrap().value;
        assert_eq!(job.backup.as_ref(), Some(&full));
        assert_eq!(catalog.schedule_job(chain()).await.unwrap().value.id, job.id, "asked for twice, it is one job");
        let mut order = Vec::new();
        while let Some((job, attempt)) = scene.claim(&["db1"]).await {
            order.push(job.backup.unwrap());
            catalog.finish_expire(&attempt.id).await.unwrap();
        }
        let place = |id: &BackupId| order.iter().position(|gone| gone == id).unwrap();
        assert_eq!(order.len(), 4);
        assert!(place(&second) < place(&first) && place(&third) < place(&first) && place(&first) < place(&full));
        assert_eq!((state(&other).await, state(&failed.id).await), (BackupState::Succeeded, BackupState::Failed));
    });
}

#[test]
fn a_deletion_that_is_cancelled_before_it_began_gives_the_backup_back_as_it_was() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let full = scene.backup("db1", "full").await;
        let child = NewBackup { parent: Some(full.id.clone()), ..new_backup("db1", "incremental") };
        let child = scene.backup_new(child).await;
        let delete = async |backup: &BackupId, with_dependants| {
            catalog.schedule_job(NewJob { with_dependants, ..new_job(JobKind::Expire, backup) }).await.unwrap().value
        };
        let cancel = async |job: &Job| drop(catalog.request_cancel(&acme(), &job.id).await.unwrap());
        let backup = async |id: &BackupId| catalog.backup(&acme(), id).await.unwrap();
        let left = async || {
            let left = catalog.left_deleting(Duration::from_mins(1), 10).await.unwrap();
            left.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };

        let job = delete(&child.id, false).await;
        cancel(&job).await;
        assert_eq!(backup(&child.id).await, child);
        assert_eq!(catalog.backups(&acme(), &BackupFilter::default()).await.unwrap().1, 2);

        // What is restored on top of something that goes, goes: without that it is worth nothing.
        let base = delete(&full.id, true).await;
        let filter = JobFilter { state: Some(JobState::Scheduled), ..JobFilter::default() };
        let (jobs, _) = catalog.jobs(&acme(), &filter).await.unwrap();
        let other = jobs.into_iter().find(|job| job.id != base.id).unwrap();
        cancel(&other).await;
        assert_eq!(backup(&child.id).await.state, BackupState::Deleting);
        assert!(left().await.is_empty(), "it is deleted again at once");
        scene.clock.advance(Duration::from_mins(2));
        assert_eq!(left().await, std::slice::from_ref(&child.id));
        cancel(&base).await;
        assert_eq!(backup(&full.id).await, full);
    });
}

#[test]
fn a_deletion_that_failed_or_was_stopped_is_begun_again_and_less_often_each_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let minute = Duration::from_mins(1);
        let gone = scene.backup("db1", "full").await.id;
        scene.backup("db1", "full").await;
        let left = async || {
            let left = catalog.left_deleting(minute, 10).await.unwrap();
            left.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        let delete = async || catalog.schedule_job(new_job(JobKind::Expire, &gone)).await.unwrap().value;
        let claim = async || scene.claim(&["db1"]).await.unwrap().1;

        // Marked, and the host died before there was a job.
        catalog.begin_deleting(&acme(), &gone).await.unwrap();
        assert_eq!(left().await, std::slice::from_ref(&gone));
        let job = delete().await;
        assert!(left().await.is_empty() && catalog.is_deletion_under_way(&gone).await.unwrap());
        let attempt = claim().await;
        assert!(left().await.is_empty());
        catalog.request_cancel(&acme(), &job.id).await.unwrap();
        catalog.fail(&attempt.id, &Failure::cancelled(), None).await.unwrap();
        assert!(!catalog.is_deletion_under_way(&gone).await.unwrap());
        assert!(left().await.is_empty(), "a person has just stopped it");
        scene.clock.advance(minute);
        assert_eq!(left().await, std::slice::from_ref(&gone));

        // Something may be deleted already: it never comes back.
        let job = delete().await;
        catalog.request_cancel(&acme(), &job.id).await.unwrap();
        assert_eq!(catalog.backup(&acme(), &gone).await.unwrap().state, BackupState::Deleting);
        scene.clock.advance(minute);
        assert!(left().await.is_empty(), "after the second time it waits twice as long");
        scene.clock.advance(minute);
        assert_eq!(left().await, std::slice::from_ref(&gone));
        delete().await;
        let attempt = claim().await;
        catalog.finish_expire(&attempt.id).await.unwrap();
        scene.clock.advance(minute * 60);
        assert!(left().await.is_empty());
    });
}
