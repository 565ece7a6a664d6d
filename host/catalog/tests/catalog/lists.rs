//! Lists: pages from both ends, filters, callers who see some services only, totals.

use bulkhead_catalog::{Backup, BackupFilter, JobFilter, RestoreFilter, ScheduleFilter};
use bulkhead_model::{BackupState, Failure, JobKind, JobState, ServiceId};

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, ids, new_job, new_schedule};

/// All pages of a size one after the other, and what each said of the total.
async fn pages(scene: &Scene, filter: &BackupFilter, page_size: u32) -> (Vec<Backup>, Vec<u64>) {
    let (mut all, mut totals) = (Vec::new(), Vec::new());
    for page in 1.. {
        let filter = BackupFilter { page, page_size, ..filter.clone() };
        let (backups, total) = scene.catalog.backups(&acme(), &filter).await.unwrap();
        let last = backups.is_empty();
        all.extend(backups);
        totals.push(total);
        if last {
            break;
        }
    }
    (all, totals)
}

#[test]
fn pages_put_together_are_the_whole_list() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut made = Vec::new();
        for number in 0..23 {
            let (service, method) = (["db1", "db2", "db3"][number % 3], ["full", "full", "dump", "full"][number % 4]);
            let (backup, job) = scene.schedule(service, method, 1).await;
            match number % 5 {
                0 => {}
                1 => {
                    scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
                }
                2 => {
                    let (job, attempt) = scene.claim(&[service]).await.unwrap();
                    scene.catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();
                    assert!(job.attempts_made > 0);
                }
                _ => {
                    let (_, attempt) = scene.claim(&[service]).await.unwrap();
                    scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
                }
            }
            made.push(backup.id);
        }
        let mut all = Vec::new();
        for id in made.iter().rev() {
            all.push(scene.catalog.backup(&acme(), id).await.unwrap());
        }
        let services: [Option<Vec<ServiceId>>; 4] =
            [None, Some(vec![]), Some(ids(&["db2"])), Some(ids(&["db3", "db1", "unknown"]))];
        let service = [None, Some("db1".parse().unwrap())];
        let methods = [None, Some("dump".parse().unwrap())];
        let states = [None, Some(BackupState::Succeeded), Some(BackupState::Failed), Some(BackupState::Scheduled)];
        for services in &services {
            for service in &service {
                for method in &methods {
                    for state in states {
                        let filter = BackupFilter {
                            service: service.clone(),
                            services: services.clone(),
                            method: method.clone(),
                            state,
                            ..BackupFilter::default()
                        };
                        let mut expected = all.clone();
                        expected.retain(|backup| {
                            services.as_ref().is_none_or(|services| services.contains(&backup.service))
                                && service.as_ref().is_none_or(|service| *service == backup.service)
                                && method.as_ref().is_none_or(|method| *method == backup.method)
                                && state.is_none_or(|state| state == backup.state)
                        });
                        for size in [1, 4, 23, 1000] {
                            let (listed, totals) = pages(&scene, &filter, size).await;
                            assert_eq!(listed, expected, "{filter:?} by {size}");
                            assert!(
                                totals.iter().all(|total| *total == expected.len() as u64),
                                "{filter:?} {totals:?}"
                            );
                        }
                    }
                }
            }
        }
        let beyond = BackupFilter { page: u32::MAX, page_size: u32::MAX, ..BackupFilter::default() };
        assert_eq!(scene.catalog.backups(&acme(), &beyond).await.unwrap(), (vec![], 23));
    });
}

#[test]
fn jobs_restores_and_schedules_are_listed_newest_first() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        let mut restores = Vec::new();
        for service in ["db1", "db2", "db1", "db3"] {
            restores.push(scene.schedule_restore(service, &backup.id).await);
        }
        restores.reverse();
        let (failed, attempt) = scene.claim(&["db3"]).await.unwrap();
        scene.catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();
        let list = async |filter: RestoreFilter| {
            let (restores, total) = scene.catalog.restores(&acme(), &filter).await.unwrap();
            (restores.into_iter().map(|restore| restore.id).collect::<Vec<_>>(), total)
        };
        let id = |number: usize| restores[number].0.id;
        let any = RestoreFilter::default;
        assert_eq!(list(any()).await, (vec![id(0), id(1), id(2), id(3)], 4));
        assert_eq!(list(RestoreFilter { page: 2, page_size: 3, ..any() }).await, (vec![id(3)], 4));
        let of_db1 = RestoreFilter { service: Some("db1".parse().unwrap()), ..any() };
        assert_eq!(list(of_db1).await, (vec![id(1), id(3)], 2));
        assert_eq!(list(RestoreFilter { services: Some(ids(&["db2"])), ..any() }).await, (vec![id(2)], 1));
        assert_eq!(list(RestoreFilter { state: Some(JobState::Failed), ..any() }).await, (vec![id(0)], 1));
        scene.catalog.hide_restore(&acme(), id(0)).await.unwrap();
        scene.catalog.hide_restore(&acme(), id(0)).await.unwrap();
        assert_eq!(list(any()).await, (vec![id(1), id(2), id(3)], 3));

        let verify = scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap().value;
        let list = async |filter: JobFilter| {
            let (jobs, total) = scene.catalog.jobs(&acme(), &filter).await.unwrap();
            (jobs.into_iter().map(|job| job.id).collect::<Vec<_>>(), total)
        };
        let any = JobFilter::default;
        let restoring: Vec<_> = restores.iter().map(|(_, job)| job.id.clone()).collect();
        let mut all = vec![verify.id.clone()];
        all.extend(restoring.clone());
        all.push(backup.job.clone());
        assert_eq!(list(any()).await, (all.clone(), 6));
        assert_eq!(list(JobFilter { page: 2, page_size: 5, ..any() }).await, (all[5..].to_vec(), 6));
        assert_eq!(list(JobFilter { kind: Some(JobKind::Restore), ..any() }).await, (restoring.clone(), 4));
        assert_eq!(list(JobFilter { kind: Some(JobKind::Backup), ..any() }).await, (vec![backup.job.clone()], 1));
        assert_eq!(list(JobFilter { state: Some(JobState::Failed), ..any() }).await, (vec![failed.id], 1));
        let waiting = JobFilter { state: Some(JobState::Scheduled), services: Some(ids(&["db1", "db3"])), ..any() };
        let expected = [&verify.id, &restoring[1], &restoring[3]].map(Clone::clone).to_vec();
        assert_eq!(list(waiting).await, (expected, 3));

        let mut recurring = Vec::new();
        for service in ["db1", "db2", "db1"] {
            recurring.insert(0, scene.recurring(new_schedule(service, "0 3 * * *")).await);
        }
        let list = async |filter: ScheduleFilter| scene.catalog.schedules(&acme(), &filter).await.unwrap();
        let any = || ScheduleFilter { recurring_only: true, ..ScheduleFilter::default() };
        assert_eq!(list(any()).await, (recurring.clone(), 3));
        assert_eq!(list(ScheduleFilter { page: 3, page_size: 1, ..any() }).await, (recurring[2..].to_vec(), 3));
        assert_eq!(list(ScheduleFilter::default()).await.1, 4, "one ran once");
        let narrowed = ScheduleFilter { services: Some(ids(&["db2"])), ..any() };
        assert_eq!(list(narrowed).await, (vec![recurring[1].clone()], 1));
    });
}

#[test]
fn the_last_good_backup_of_each_method_is_known() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        let damaged = scene.backup("db1", "full").await;
        let dump = scene.backup("db1", "dump").await;
        let other = scene.backup("db2", "full").await;
        scene.schedule("db1", "full", 1).await;
        scene.schedule("db3", "full", 1).await;
        let service = |name: &str| -> ServiceId { name.parse().unwrap() };
        let good = |backup: &Backup| (backup.service.clone(), backup.method.clone(), backup.finished_at.unwrap());
        let all = ids(&["db1", "db2", "db3"]);
        let found = scene.catalog.last_good_backups(&all).await.unwrap();
        assert_eq!(found, [good(&dump), good(&damaged), good(&other)]);
        assert!(found.iter().all(|(_, _, at)| *at > old.finished_at.unwrap()));

        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();
        scene.catalog.schedule_job(new_job(JobKind::Verify, &damaged.id)).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene
            .catalog
            .finish_verify(&attempt.id, "stored", Some(&Failure::corrupt("damaged")), &[], false)
            .await
            .unwrap();
        let found = scene.catalog.last_good_backups(&all).await.unwrap();
        assert_eq!(found, [good(&dump), good(&old), good(&other)]);
        assert_eq!(scene.catalog.last_good_backups(&[service("db2")]).await.unwrap(), [good(&other)]);
        assert_eq!(scene.catalog.last_good_backups(&[]).await.unwrap(), []);
    });
}
