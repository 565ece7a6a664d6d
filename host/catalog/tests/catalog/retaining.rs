//! Backups as retention sees them.

use std::time::Duration;

use bulkhead_catalog::{FoundBackup, NewBackup, NewSchedule, ScheduleChange};
use bulkhead_model::{
    BackupId, Digest, Failure, JobKind, MANIFEST_VERSION, Manifest, ManifestPlugin, Report, RetentionPolicy,
};

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, globex, new_backup, new_job, new_schedule};

#[test]
fn retention_sees_what_succeeded_who_made_it_and_who_needs_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let full = scene.backup("db1", "full").await;
        let child = NewBackup { parent: Some(full.id.clone()), ..new_backup("db1", "incremental") };
        let child = scene.backup_new(child).await;
        let damaged = scene.backup("db1", "full").await;
        scene.catalog.pin_backup(&acme(), &full.id, true).await.unwrap();
        let verify = new_job(JobKind::Verify, &damaged.id);
        scene.catalog.schedule_job(verify).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_verify(&attempt.id, "stored", Some(&Failure::corrupt("?")), &[], false).await.unwrap();
        // What is not made yet, of another service, method or organization is none of it.
        scene.backup("db2", "full").await;
        scene.schedule_new(NewBackup { organization: globex(), ..new_backup("db1", "full") }).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        scene.schedule("db1", "full", 1).await;

        let schedule = new_schedule("db1", "0 * * * *");
        let keeper = scene
            .catalog
            .create_schedule(NewSchedule { retention: Some(RetentionPolicy::last(3)), ..schedule.clone() });
        let keeper = keeper.await.unwrap().value;
        scene.catalog.create_schedule(schedule).await.unwrap();

        let retained = async || scene.catalog.retained_backups(&acme(), &full.service, &full.method).await.unwrap();
        let seen = retained().await;
        let backups: Vec<_> = seen.backups.iter().map(|b| (&b.id, b.good, b.pinned)).collect();
        assert_eq!(backups, [(&damaged.id, false, false), (&full.id, true, true)]);
        assert_eq!(seen.backups[1].needed_by, [child.id]);
        assert_eq!(seen.keepers.iter().map(|keeper| keeper.schedule).collect::<Vec<_>>(), [keeper.id]);
        assert_eq!((seen.of(None).len(), seen.of(Some(keeper.id)).len()), (2, 0));

        // Deleted, a schedule still keeps; without a policy it does not.
        scene.clock.advance(Duration::from_secs(1));
        scene.catalog.delete_schedule(&acme(), keeper.id).await.unwrap();
        assert_eq!(retained().await.keepers.len(), 1);
        let other = scene.catalog.schedules(&acme(), &Default::default()).await.unwrap().0;
        let other = other.into_iter().find(|schedule| !schedule.is_once()).unwrap();
        let change = |retention| ScheduleChange { retention: Some(retention), ..ScheduleChange::default() };
        scene.catalog.update_schedule(&acme(), other.id, change(Some(RetentionPolicy::last(1)))).await.unwrap();
        assert_eq!(retained().await.keepers.len(), 2);
        scene.catalog.update_schedule(&acme(), other.id, change(None)).await.unwrap();
        assert_eq!(retained().await.keepers.len(), 1);
    });
}

#[test]
fn retention_sees_backups_that_were_found_in_a_target() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let made = scene.backup("db1", "full").await;
        let retained = async || scene.catalog.retained_backups(&acme(), &made.service, &made.method).await.unwrap();
        assert_eq!(retained().await.registered_at, None);

        scene.clock.advance(Duration::from_hours(1));
        let found = BackupId::new(&made.service, "db-0");
        let manifest = Manifest {
            format: MANIFEST_VERSION,
            backup: found.clone(),
            organization: acme(),
            service: made.service.clone(),
            engine: "mariadb".to_owned(),
            method: made.method.clone(),
            name: None,
            parent: None,
            plugin: ManifestPlugin { name: "p".to_owned(), version: "1".to_owned(), digest: Digest::new([7; 32]) },
            report: Report::default(),
            started_at: made.created_at.minus(Duration::from_hours(48)),
            finished_at: made.created_at.minus(Duration::from_hours(47)),
            recipients: Vec::new(),
            objects: Vec::new(),
        };
        let (service, target) = (&made.service, &made.target);
        let registered = FoundBackup {
            organization: &acme(),
            service,
            target,
            folder: None,
            pinned: false,
            manifest: &manifest,
            manifest_sha256: "ab",
        };
        scene.catalog.register_backup(&registered).await.unwrap().unwrap();
        let seen = retained().await;
        let ids: Vec<_> = seen.of(None).into_iter().map(|backup| backup.id.clone()).collect();
        assert_eq!(ids, [made.id.clone(), found], "by when they were made");
        assert_eq!(seen.registered_at, Some(scene.now()));
    });
}
