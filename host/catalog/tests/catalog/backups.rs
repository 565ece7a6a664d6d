//! Listing and naming backups.

use std::time::Duration;

use bulkhead_catalog::{BackupFilter, NewBackup, NewRestore, RestoreFilter, ScheduleFilter};
use bulkhead_model::{BackupId, BackupState, FailureKind, JobKind, OrganizationId};

use crate::databases::on_both;
use crate::scene::{Scene, acme, new_backup, new_job, refused};

#[test]
fn a_backup_is_found_by_id_by_prefix_and_by_name() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let named = |name: &str| NewBackup { name: Some(name.to_owned()), ..new_backup("db1", "full") };
        let backup = scene.backup_new(named("before the upgrade")).await;
        let id = backup.id.as_str();
        for text in [id, &id[..4], &id[..31], &id[..32], &id[..33], &id[..id.len() - 1], "before the upgrade"] {
            assert_eq!(scene.catalog.resolve_backup(&acme(), text).await.unwrap(), backup, "{text}");
        }
        let other_service = format!("{}:db2", &id[..32]);
        for text in ["", &id[..3], "before the upgrad", "zzzz", "\0", &other_service] {
            refused(scene.catalog.resolve_backup(&acme(), text).await, FailureKind::NotFound);
        }

        let twins = [scene.backup_new(named("nightly")).await, scene.backup_new(named("nightly")).await];
        let text = refused(scene.catalog.resolve_backup(&acme(), "nightly").await, FailureKind::Conflict);
        assert!(twins.iter().all(|twin| text.contains(twin.id.as_str())), "{text}");

        // Two ids that begin alike: a backup named as the other one's id begins, and 5 hexadecimal digits in common.
        let masked = scene.backup_new(named(&id[..8])).await;
        let text = refused(scene.catalog.resolve_backup(&acme(), &id[..8]).await, FailureKind::Conflict);
        assert!(text.contains(id) && text.contains(masked.id.as_str()), "{text}");
        assert_eq!(scene.catalog.resolve_backup(&acme(), &id[..9]).await.unwrap().id, backup.id);
    });
}

#[test]
fn another_organization_finds_nothing() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let stranger: OrganizationId = "stranger".parse().unwrap();
        let name = Some("mine".to_owned());
        let backup = scene.backup_new(NewBackup { name, ..new_backup("db1", "full") }).await;
        let (restore, restoring) = scene.schedule_restore("db1", &backup.id).await;
        let catalog = &scene.catalog;
        let schedule = catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap().0[0].id;

        refused(catalog.backup(&stranger, &backup.id).await, FailureKind::NotFound);
        for text in [backup.id.as_str(), backup.id.short(), "mine"] {
            refused(catalog.resolve_backup(&stranger, text).await, FailureKind::NotFound);
        }
        refused(catalog.begin_deleting(&stranger, &backup.id).await, FailureKind::NotFound);
        for kind in [JobKind::Verify, JobKind::Expire] {
            let job = bulkhead_catalog::NewJob { organization: stranger.clone(), ..new_job(kind, &backup.id) };
            refused(catalog.schedule_job(job).await, FailureKind::NotFound);
        }
        let theft = NewRestore {
            organization: stranger.clone(),
            service: "db7".parse().unwrap(),
            backup: backup.id.clone(),
            uses: Vec::new(),
            plan: None,
            partial: false,
            after: None,
            request: serde_json::json!({}),
            attempts_max: 1,
            idempotency: None,
        };
        refused(catalog.schedule_restore(theft).await, FailureKind::NotFound);
        let child =
            NewBackup { organization: stranger.clone(), parent: Some(backup.id.clone()), ..new_backup("db7", "full") };
        refused(catalog.schedule_backup(child).await, FailureKind::NotFound);
        refused(catalog.restore(&stranger, restore.id).await, FailureKind::NotFound);
        refused(catalog.hide_restore(&stranger, restore.id).await, FailureKind::NotFound);
        refused(catalog.job(&stranger, &restoring.id).await, FailureKind::NotFound);
        refused(catalog.request_cancel(&stranger, &restoring.id).await, FailureKind::NotFound);
        refused(catalog.schedule(&stranger, schedule).await, FailureKind::NotFound);
        assert_eq!(catalog.restores(&stranger, &RestoreFilter::default()).await.unwrap(), (vec![], 0));
        assert_eq!(catalog.schedules(&stranger, &ScheduleFilter::default()).await.unwrap(), (vec![], 0));
        assert_eq!(catalog.backups(&stranger, &BackupFilter::default()).await.unwrap(), (vec![], 0));
        assert_eq!(catalog.job(&acme(), &restoring.id).await.unwrap(), restoring, "nothing has changed");
    });
}

#[test]
fn lists_are_newest_first_filtered_and_paged() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut made: Vec<BackupId> = Vec::new();
        for number in 0..7 {
            let (service, method) = (["db1", "db2"][number % 2], ["full", "full", "dump"][number % 3]);
            made.push(scene.backup(service, method).await.id);
        }
        let (waiting, _) = scene.schedule("db1", "full", 3).await;
        made.push(waiting.id);
        made.reverse();

        let list = async |filter: BackupFilter| {
            let (page, total) = scene.catalog.backups(&acme(), &filter).await.unwrap();
            (page.into_iter().map(|backup| backup.id).collect::<Vec<_>>(), total)
        };
        assert_eq!(list(BackupFilter::default()).await, (made.clone(), 8));
        let page = |page| BackupFilter { page, page_size: 3, ..BackupFilter::default() };
        assert_eq!(list(page(1)).await, (made[..3].to_vec(), 8));
        assert_eq!(list(page(3)).await, (made[6..].to_vec(), 8));
        assert_eq!(list(page(4)).await, (vec![], 8));
        let of_db2 = BackupFilter { service: Some("db2".parse().unwrap()), ..BackupFilter::default() };
        assert_eq!(list(of_db2.clone()).await.1, 3);
        assert_eq!(list(BackupFilter { method: Some("dump".parse().unwrap()), ..of_db2 }).await.1, 1);
        let succeeded = BackupFilter { state: Some(BackupState::Succeeded), ..BackupFilter::default() };
        assert_eq!(list(succeeded).await, (made[1..].to_vec(), 7));

        let target = "managed".parse().unwrap();
        let mut known = scene.catalog.known_backups(&target, None, 5).await.unwrap();
        let last = known.last().unwrap().id.clone();
        known.extend(scene.catalog.known_backups(&target, Some(&last), 5).await.unwrap());
        let mut known: Vec<BackupId> = known.into_iter().map(|backup| backup.id).collect();
        known.sort();
        made.sort();
        assert_eq!(known, made);
    });
}

#[test]
fn numbers_are_given_out_once() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let makers: Vec<_> = (0..10)
            .map(|number| {
                let catalog = scene.catalog.clone();
                let new = new_backup(&format!("db{number}"), "full");
                tokio::spawn(async move { catalog.schedule_backup(new).await.unwrap().value.0.id.0 })
            })
            .collect();
        let mut numbers = Vec::new();
        for maker in makers {
            numbers.push(maker.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=10).collect::<Vec<i64>>());
        scene.clock.advance(Duration::from_secs(1));
        let of_one = ScheduleFilter { service: Some("db3".parse().unwrap()), ..ScheduleFilter::default() };
        assert_eq!(scene.catalog.schedules(&acme(), &of_one).await.unwrap().1, 1);
    });
}
