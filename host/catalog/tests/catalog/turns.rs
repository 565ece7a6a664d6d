//! Whose turn it is in the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_catalog::{Catalog, NewBackup, Queue, Scope};
use bulkhead_model::{Failure, JobKind, OrganizationId};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, globex, ids, new_backup, new_job};

impl Scene {
    async fn waits(&self, organization: &OrganizationId, service: &str) -> String {
        let new = NewBackup { organization: organization.clone(), ..new_backup(service, "full") };
        self.schedule_new(new).await.1.id.to_string()
    }

    /// The services whose jobs are claimed one after the other, until nothing can be.
    async fn claimed(&self, services: &[&str]) -> Vec<String> {
        let mut claimed = Vec::new();
        while let Some((job, _)) = self.claim(services).await {
            claimed.push(job.service.to_string());
        }
        claimed
    }
}

#[test]
fn a_restore_and_a_reset_go_before_all_backups_that_wait_longer() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        let on = ["db1", "db2", "db3", "db4", "db5"];
        for service in ["db2", "db3", "db4"] {
            scene.schedule(service, "full", 1).await;
        }
        scene.catalog.schedule_job(new_job(JobKind::Verify, &old.id)).await.unwrap();
        let (_, restore) = scene.schedule_restore("db1", &old.id).await;
        let reset = scene.schedule_reset("db5", None).await;
        assert_eq!(scene.claim(&on).await.unwrap().0.id, restore.id);
        assert_eq!(scene.claim(&on).await.unwrap().0.id, reset.id);
        assert_eq!(scene.claimed(&on).await, ["db2", "db3", "db4"]);
    });
}

/// Otherwise the restore waits behind all backups that wait longer than its safety backup.
#[test]
fn what_a_restore_waits_for_is_as_urgent_as_the_restore() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        for service in ["db2", "db3"] {
            scene.schedule(service, "full", 1).await;
        }
        let (_, safety) = scene.schedule("db1", "full", 1).await;
        let (_, restore) = scene.schedule_restore_after("db1", &old.id, Some(&safety.id)).await;
        let on = ["db1", "db2", "db3"];
        let (job, attempt) = scene.claim(&on).await.unwrap();
        assert_eq!((job.id, job.queue), (safety.id, Queue::Urgent));
        scene.catalog.fail(&attempt.id, &Failure::invalid("no"), None).await.unwrap();
        assert_eq!(scene.claim(&on).await.unwrap().0.id, restore.id);
    });
}

#[test]
fn organizations_take_turns_by_what_runs_of_each() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (first, second, third): (_, _, OrganizationId) = (acme(), globex(), "initech".parse().unwrap());
        for service in ["a1", "a2", "a3", "a4", "a5"] {
            scene.waits(&first, service).await;
        }
        for service in ["b1", "b2"] {
            scene.waits(&second, service).await;
        }
        scene.waits(&third, "c1").await;
        let on = ["a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1"];
        let (a1, attempt) = scene.claim(&on).await.unwrap();
        assert_eq!(a1.service.as_str(), "a1");
        // One of each runs; then the oldest again, whose organization has no more than the others.
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(scene.claim(&on).await.unwrap().0.service.to_string());
        }
        assert_eq!(order, ["b1", "c1", "a2", "b2"]);
        // What has ended no longer counts; what a host does not serve is left to others.
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        scene.waits(&second, "b3").await;
        assert_eq!(scene.claimed(&["a3", "a4", "a5", "b3", "x"]).await, ["a3", "a4", "b3", "a5"]);
    });
}

/// An archive never ends: it must neither use up a limit nor an organization's share.
#[test]
fn an_archive_without_end_takes_nobodys_turn_and_no_limit_counts_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let archive = NewBackup { attempts_max: 1, ..new_backup("db1", "binarylog") };
        let (_, archive) = scene.catalog.keep_backup_going(archive).await.unwrap().unwrap();
        scene.clock.advance(Duration::from_micros(1));
        assert_eq!(archive.queue, Queue::Continuous);
        let limits = [
            (Scope::Organization(acme()), Some(1)),
            (Scope::Service("db1".parse().unwrap()), Some(1)),
            (Scope::Target("managed".parse().unwrap()), Some(1)),
        ];
        scene.catalog.set_job_limits(&limits).await.unwrap();
        let (services, from) = (ids(&["db1", "db2"]), async |queues: &[Queue]| {
            let services = ids(&["db1", "db2"]);
            scene.catalog.claim_from(queues, "host-1", &services, LEASE).await.unwrap().map(|(job, _)| job)
        });
        assert_eq!(from(&[Queue::Urgent, Queue::Ordinary]).await, None, "it waits for a slot of its own");
        assert_eq!(from(&[Queue::Continuous]).await.unwrap().id, archive.id);
        scene.waits(&globex(), "db2").await;
        let (_, full) = scene.schedule("db1", "full", 1).await;
        scene.catalog.set_job_limits(&[(limits[2].0.clone(), None)]).await.unwrap();
        let claimed = async || scene.catalog.claim("host-1", &services, LEASE).await.unwrap().unwrap().0;
        // Nothing of acme runs that counts, so the older one is first.
        assert_eq!(claimed().await.organization, globex());
        assert_eq!(claimed().await.id, full.id, "beside the archive, under limits of one");
        // And the other way round: with the limit used up, the archive goes on.
        let next = NewBackup { attempts_max: 1, ..new_backup("db2", "binarylog") };
        let (_, next) = scene.catalog.keep_backup_going(next).await.unwrap().unwrap();
        assert_eq!(from(&[Queue::Continuous]).await.unwrap().id, next.id);
    });
}

#[test]
fn a_host_of_many_services_serves_the_last_of_them_as_soon_as_the_first() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let names: Vec<String> = (0..9_000).map(|number| format!("db{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for service in ["db8999", "db5000", "db0", "db8998"] {
            scene.schedule(service, "full", 1).await;
        }
        assert_eq!(scene.claimed(&names).await, ["db8999", "db5000", "db0", "db8998"]);
    });
}

/// Hosts that claim at once take turns between organizations too, and each job is claimed once.
#[test]
fn with_many_hosts_no_organization_waits_behind_the_hundred_jobs_of_another() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let names: Vec<String> = (0..120).map(|number| format!("db{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            scene.waits(&if number < 100 { acme() } else { globex() }, name).await;
        }
        let services = ids(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut claiming = Vec::new();
        for number in 0..8 {
            let catalog = match scene.database.is_sqlite() {
                true => scene.catalog.clone(),
                false => Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap(),
            };
            let services = services.clone();
            claiming.push(tokio::spawn(async move {
                let mut claimed = Vec::new();
                for _ in 0..5 {
                    let host = format!("host-{number}");
                    claimed.extend(catalog.claim(&host, &services, LEASE).await.unwrap().map(|(job, _)| job));
                }
                claimed
            }));
        }
        let (mut jobs, mut shares) = (BTreeMap::new(), BTreeMap::new());
        for claimed in claiming {
            for job in claimed.await.unwrap() {
                *shares.entry(job.organization.to_string()).or_insert(0) += 1;
                assert!(jobs.insert(job.id.to_string(), job.service).is_none(), "claimed twice");
            }
        }
        assert_eq!(jobs.len(), 40, "a claim that lost a race takes the next job");
        // Claims that look at the same moment may each give one of them a job more.
        assert!(shares["globex"] >= 12, "{shares:?}");
    });
}
