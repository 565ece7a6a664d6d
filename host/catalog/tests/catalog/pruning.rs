//! What is forgotten after a while.

use std::time::Duration;

use bulkhead_catalog::{Backup, Completed, JobFilter, NewBackup, Page, ScheduleFilter};
use bulkhead_model::{BackupState, Failure, FailureKind, JobKind, NoticeEvent, Report};

use crate::counts::counts;
use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, new_backup, new_job, refused};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

impl Scene {
    async fn verified(&self, backup: &Backup) {
        self.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        let (_, attempt) = self.claim(&[backup.service.as_str()]).await.unwrap();
        self.catalog.finish_verify(&attempt.id, "stored", None, &[], false).await.unwrap();
        self.clock.advance(Duration::from_secs(1));
    }

    async fn deleted(&self, backup: &Backup) {
        self.catalog.schedule_job(new_job(JobKind::Expire, &backup.id)).await.unwrap();
        let (_, attempt) = self.claim(&[backup.service.as_str()]).await.unwrap();
        self.catalog.finish_expire(&attempt.id).await.unwrap();
        self.clock.advance(Duration::from_secs(1));
    }

    async fn failed(&self, service: &str) -> Backup {
        let (backup, _) = self.schedule(service, "full", 1).await;
        let (_, attempt) = self.claim(&[service]).await.unwrap();
        self.catalog.fail(&attempt.id, &Failure::unavailable("gone"), None).await.unwrap();
        backup
    }

    /// What housekeeping does: how many jobs and backups it forgot that ended a week ago or earlier.
    async fn forget(&self, limit: u32) -> (u64, u64) {
        let before = self.now().minus(WEEK);
        while self.catalog.prune_events(before, 1000).await.unwrap() > 0 {}
        let (mut jobs, mut backups) = (0, 0);
        loop {
            match self.catalog.prune_jobs(before, limit).await.unwrap() {
                0 => break,
                more => jobs += more,
            }
        }
        while let Some(more) = self.catalog.prune_backups(before, limit).await.unwrap() {
            backups += more;
        }
        let kept = counts(&self.database).await;
        self.catalog.recount().await.unwrap();
        assert_eq!(kept, counts(&self.database).await, "the totals are no longer right");
        (jobs, backups)
    }

    async fn known(&self, backup: &Backup) -> bool {
        match self.catalog.backup(&acme(), &backup.id).await {
            Ok(_) => true,
            gone => {
                refused(gone, FailureKind::NotFound);
                false
            }
        }
    }
}

#[test]
fn jobs_that_ended_long_ago_are_forgotten_but_not_those_that_made_a_backup_which_is_there() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let kept = scene.backup("db1", "full").await;
        for _ in 0..3 {
            scene.verified(&kept).await;
        }
        assert_eq!(scene.forget(2).await, (0, 0), "nothing is old");
        scene.clock.advance(WEEK + Duration::from_secs(60));
        let recent = scene.backup("db2", "full").await;
        scene.verified(&recent).await;
        assert_eq!(scene.forget(1).await, (2, 0), "the last verify tells when the next drill is due");
        let (left, total) = scene.catalog.jobs(&acme(), &JobFilter::default()).await.unwrap();
        assert_eq!((left.len(), total), (4, 4));
        assert_eq!(scene.catalog.job(&acme(), &kept.job).await.unwrap().backup, Some(kept.id.clone()));
        assert_eq!(scene.catalog.attempts(&kept.job).await.unwrap().len(), 1);
        let retained = scene.catalog.retained_backups(&acme(), &kept.service, &kept.method).await.unwrap();
        assert_eq!(retained.backups.len(), 1, "retention sees it still");
    });
}

#[test]
fn deleted_and_failed_backups_are_forgotten_with_all_that_hangs_on_them() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let made = [scene.backup("db1", "full").await, scene.backup("db1", "full").await];
        let failed = scene.failed("db1").await;
        let pinned = scene.failed("db1").await;
        scene.catalog.pin_backup(&acme(), &pinned.id, true).await.unwrap();
        scene.verified(&made[0]).await;
        scene.verified(&made[1]).await;
        scene.clock.advance(WEEK * 2);
        scene.deleted(&made[0]).await;
        let late = scene.failed("db1").await;
        assert_eq!(scene.forget(1).await, (1, 1), "what was just deleted stays for its time, however old it is");
        assert!(!scene.known(&failed).await && scene.known(&made[0]).await && scene.known(&pinned).await);
        scene.clock.advance(WEEK + Duration::from_secs(60));
        assert_eq!(scene.forget(10).await, (1, 2));
        assert!(!scene.known(&made[0]).await && !scene.known(&late).await);
        assert!(scene.known(&made[1]).await && scene.known(&pinned).await);
        for backup in [&failed, &made[0]] {
            refused(scene.catalog.job(&acme(), &backup.job).await, FailureKind::NotFound);
            assert!(scene.catalog.attempts(&backup.job).await.unwrap().is_empty());
        }
        // The schedule of a backup that was made by hand goes with it.
        let (schedules, total) = scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap();
        assert_eq!((schedules.len(), total), (2, 2));
    });
}

#[test]
fn what_a_row_that_stays_refers_to_is_not_forgotten() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        // Restored once; on top of which another one was made, that is there; the beginning of a run of logs.
        let restored = scene.backup("db1", "full").await;
        scene.schedule_restore("db2", &restored.id).await;
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        scene.catalog.finish_restore(&attempt.id, "done", None).await.unwrap();
        let parent = scene.backup("db1", "full").await;
        let child = NewBackup { parent: Some(parent.id.clone()), ..new_backup("db1", "incremental") };
        let child = scene.backup_new(child).await;
        let mut logs = Vec::new();
        for _ in 0..2 {
            let (log, _) = scene.schedule("db1", "binarylog", 1).await;
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            let begun = logs.first().map_or(log.id.to_string(), |first: &Backup| first.id.to_string());
            let report = Report { positions: vec![("timeline".to_owned(), begun)], ..completed().report };
            scene.catalog.finish_backup(&attempt.id, &Completed { report, ..completed() }).await.unwrap();
            logs.push(log);
        }
        for backup in [&restored, &logs[0], &logs[1]] {
            scene.deleted(backup).await;
        }
        let delete_both = bulkhead_catalog::NewJob { with_dependants: true, ..new_job(JobKind::Expire, &parent.id) };
        scene.catalog.schedule_job(delete_both).await.unwrap();
        let mut deleting = Vec::new();
        while let Some((job, attempt)) = scene.claim(&["db1"]).await {
            deleting.push((job.backup, attempt));
        }
        // Of the two that go together, one cannot be deleted yet.
        for (backup, attempt) in deleting {
            if backup == Some(parent.id.clone()) {
                scene.catalog.finish_expire(&attempt.id).await.unwrap();
            }
        }
        assert_eq!(scene.catalog.backup(&acme(), &child.id).await.unwrap().state, BackupState::Deleting);
        scene.clock.advance(WEEK + Duration::from_secs(60));
        assert_eq!(scene.forget(2).await.1, 1);
        for backup in [&restored, &parent, &child, &logs[0]] {
            assert!(scene.known(backup).await, "{}", backup.id);
        }
        assert!(!scene.known(&logs[1]).await);
        // Looked at once a day, not each time.
        assert_eq!(scene.catalog.prune_backups(scene.now().minus(WEEK), 10).await.unwrap(), None);
    });
}

#[test]
fn deliveries_that_ended_long_ago_are_forgotten_a_few_at_a_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let webhook = scene.webhook(acme(), &[NoticeEvent::Test]).await;
        for _ in 0..5 {
            scene.catalog.test_webhook(&acme(), &webhook.id).await.unwrap();
        }
        let claimed = scene.deliveries().await;
        for (number, delivery) in claimed.iter().enumerate().skip(1) {
            if number == 1 {
                scene.catalog.delivery_failed(delivery, "no", None).await.unwrap();
            } else {
                scene.catalog.delivery_done(delivery).await.unwrap();
            }
        }
        let ended = scene.now();
        scene.clock.advance(WEEK);
        let prune = async |limit| {
            let before = scene.now().minus(WEEK);
            scene.catalog.prune_deliveries(before, limit).await.unwrap()
        };
        assert_eq!(prune(10).await, 0, "a week is not over at its last moment");
        scene.clock.advance(Duration::from_micros(1));
        assert_eq!((prune(3).await, prune(3).await, prune(3).await), (3, 1, 0));
        let (left, _) = scene.catalog.deliveries(&acme(), &webhook.id, Page::default()).await.unwrap();
        assert_eq!(left.iter().map(|record| &record.id).collect::<Vec<_>>(), [&claimed[0].id]);
        assert!(left[0].ended_at.is_none() && ended < scene.now());
    });
}

#[test]
fn events_of_jobs_that_ended_long_ago_are_forgotten_a_few_at_a_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        // Each: scheduled, running, succeeded.
        let old = [scene.backup("db1", "full").await, scene.backup("db1", "full").await];
        let (_, running) = scene.schedule("db1", "full", 1).await;
        scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(WEEK);
        let recent = scene.backup("db2", "full").await;
        let prune = async |limit| {
            let before = scene.now().minus(Duration::from_secs(3600));
            scene.catalog.prune_events(before, limit).await.unwrap()
        };
        assert_eq!(prune(2).await, 2);
        assert_eq!(scene.catalog.events(&old[0].job, 0, 10).await.unwrap()[0].sequence, 3, "the oldest go first");
        assert_eq!((prune(2).await, prune(10).await, prune(10).await), (2, 2, 0));
        for backup in &old {
            assert!(scene.catalog.events(&backup.job, 0, 10).await.unwrap().is_empty());
        }
        assert_eq!(scene.catalog.events(&running.id, 0, 10).await.unwrap().len(), 2);
        assert_eq!(scene.catalog.events(&recent.job, 0, 10).await.unwrap().len(), 3);
        assert_eq!(scene.catalog.job(&acme(), &old[0].job).await.unwrap().id, old[0].job);
    });
}
