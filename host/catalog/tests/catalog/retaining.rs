//! Backups as retention sees them.

use std::time::Duration;

use bulkhead_catalog::{NewBackup, NewSchedule, ScheduleChange};
use bulkhead_model::{Failure, JobKind, RetentionPolicy};

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
