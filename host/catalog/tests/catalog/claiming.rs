//! Claiming, by one and by many at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulkhead_catalog::{Catalog, Progress};
use bulkhead_model::{BackupState, Failure, FailureKind, JobKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, ids, new_job, refused};

#[test]
fn the_oldest_job_of_the_services_asked_for_comes_first() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        assert!(scene.claim(&["db1"]).await.is_none());
        assert!(scene.claim(&[]).await.is_none());
        let (_, elsewhere) = scene.schedule("db9", "full", 3).await;
        let (_, first) = scene.schedule("db2", "full", 3).await;
        let (_, second) = scene.schedule("db1", "full", 3).await;
        let (job, attempt) = scene.claim(&["db1", "db2", "db3"]).await.unwrap();
        assert_eq!((&job.id, job.state, job.attempts_made, attempt.number), (&first.id, JobState::Running, 1, 1));
        assert_eq!(scene.claim(&["db1", "db2", "db3"]).await.unwrap().0.id, second.id);
        assert!(scene.claim(&["db1", "db2", "db3"]).await.is_none());
        assert_eq!(scene.catalog.job(&acme(), &elsewhere.id).await.unwrap(), elsewhere);
    });
}

#[test]
fn one_of_a_method_runs_on_a_service_and_a_restore_runs_alone() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        let on = ["db1", "db2"];

        let (_, full) = scene.schedule("db1", "full", 3).await;
        scene.schedule("db1", "full", 3).await;
        let (_, dump) = scene.schedule("db1", "dump", 3).await;
        let (job, full_attempt) = scene.claim(&on).await.unwrap();
        assert_eq!(job.id, full.id);
        let (job, dump_attempt) = scene.claim(&on).await.unwrap();
        assert_eq!(job.id, dump.id, "another method runs beside, a second full does not");
        assert!(scene.claim(&on).await.is_none());

        let (_, restore) = scene.schedule_restore("db1", &old.id).await;
        assert!(scene.claim(&on).await.is_none(), "a restore waits for what runs");
        scene.catalog.finish_backup(&full_attempt.id, &completed()).await.unwrap();
        assert!(scene.claim(&on).await.is_none(), "and nothing starts before the restore that waits");
        scene.catalog.finish_backup(&dump_attempt.id, &completed()).await.unwrap();
        let (job, restore_attempt) = scene.claim(&on).await.unwrap();
        assert_eq!(job.id, restore.id);
        assert!(scene.claim(&on).await.is_none(), "a running restore excludes all");
        scene.catalog.finish_restore(&restore_attempt.id, "Restore has succeeded!", None).await.unwrap();
        assert_eq!(scene.claim(&on).await.unwrap().0.method.as_str(), "full");
        assert!(scene.claim(&on).await.is_none());
    });
}

/// Otherwise the restore would be tried first, and keep from running what it waits for.
#[test]
fn a_restore_comes_after_its_safety_backup_however_that_ends() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        let (_, log) = scene.schedule("db1", "binarylog", 1).await;
        let (job, log_attempt) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(job.id, log.id);
        let (_, safety) = scene.schedule("db1", "full", 1).await;
        let (_, restore) = scene.schedule_restore_after("db1", &old.id, Some(&safety.id)).await;
        let (job, safety_attempt) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(job.id, safety.id, "the restore that waits for it does not keep it waiting");
        assert!(scene.claim(&["db1"]).await.is_none());
        scene.catalog.finish_backup(&log_attempt.id, &completed()).await.unwrap();
        assert!(scene.claim(&["db1"]).await.is_none(), "the safety backup runs still");
        scene.catalog.fail(&safety_attempt.id, &Failure::unavailable("no disk"), None).await.unwrap();
        assert_eq!(scene.claim(&["db1"]).await.unwrap().0.id, restore.id);
    });
}

#[test]
fn a_backup_has_one_job_at_a_time_across_services() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        scene.schedule_restore("db2", &backup.id).await;
        let verify = scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap().value;
        let (_, restoring) = scene.claim(&["db1", "db2"]).await.unwrap();
        assert!(scene.claim(&["db1", "db2"]).await.is_none());
        scene.catalog.finish_restore(&restoring.id, "done", None).await.unwrap();
        assert_eq!(scene.claim(&["db1", "db2"]).await.unwrap().0.id, verify.id);
    });
}

#[test]
fn many_claimers_never_break_the_rules() {
    const SERVICES: [&str; 3] = ["db1", "db2", "db3"];
    const METHODS: [&str; 2] = ["full", "dump"];
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut expected = HashSet::new();
        for _ in 0..8 {
            for service in SERVICES {
                for method in METHODS {
                    let (_, job) = scene.schedule(service, method, 3).await;
                    expected.insert(job.id);
                }
            }
        }
        let restores = SERVICES.len() * 3;
        let total = expected.len() + restores;
        let mut old = Vec::new();
        for _ in 0..restores {
            old.push(scene.backup("db4", "full").await.id);
        }
        // On PostgreSQL each claimer is a host of its own.
        let mut hosts: Vec<Catalog> = vec![scene.catalog.clone(); 8];
        if !scene.database.is_sqlite() {
            for host in &mut hosts {
                *host = Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap();
            }
        }
        let seen = Arc::new(Mutex::new(Seen::default()));
        let claimers: Vec<_> = hosts
            .into_iter()
            .enumerate()
            .map(|(number, catalog)| tokio::spawn(work(catalog, format!("host-{number}"), seen.clone(), total)))
            .collect();
        // They come while the backups run, so that each waits for some and holds others up.
        for (number, backup) in old.iter().enumerate() {
            let (_, job) = scene.schedule_restore(SERVICES[number % SERVICES.len()], backup).await;
            expected.insert(job.id);
        }
        for claimer in claimers {
            tokio::time::timeout(Duration::from_secs(120), claimer).await.expect("the queue drains").unwrap();
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.claimed, expected);
    });

    #[derive(Default)]
    struct Seen {
        claimed: HashSet<bulkhead_model::JobId>,
        running: BTreeMap<String, Vec<(JobKind, String)>>,
    }

    async fn work(catalog: Catalog, host: String, seen: Arc<Mutex<Seen>>, total: usize) {
        let services = ids(&SERVICES);
        while seen.lock().unwrap().claimed.len() < total {
            let Some((job, attempt)) = catalog.claim(&host, &services, LEASE).await.unwrap() else {
                tokio::task::yield_now().await;
                continue;
            };
            let mine = (job.kind, job.method.to_string());
            {
                let mut seen = seen.lock().unwrap();
                assert!(seen.claimed.insert(job.id.clone()), "claimed twice: {job:?}");
                let running = seen.running.entry(job.service.to_string()).or_default();
                let alone = job.kind == JobKind::Restore || running.iter().any(|(kind, _)| *kind == JobKind::Restore);
                assert!(!alone || running.is_empty(), "{mine:?} beside {running:?}");
                assert!(!running.contains(&mine), "{mine:?} twice on {}", job.service);
                running.push(mine.clone());
            }
            catalog.heartbeat(&attempt.id, LEASE, &Progress::default()).await.unwrap();
            // Before the catalog hears of it: afterwards the next may run already.
            seen.lock().unwrap().running.get_mut(job.service.as_str()).unwrap().retain(|other| *other != mine);
            match job.kind {
                JobKind::Backup => catalog.finish_backup(&attempt.id, &completed()).await.unwrap(),
                _ => catalog.finish_restore(&attempt.id, "done", None).await.unwrap(),
            };
        }
    }
}

#[test]
fn a_host_may_serve_more_services_than_a_statement_takes_values() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let names: Vec<String> = (0..9_000).map(|number| format!("db{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(scene.claim(&names).await.is_none());
        let (_, job) = scene.schedule("db8999", "full", 3).await;
        assert_eq!(scene.claim(&names).await.unwrap().0.id, job.id);
    });
}

#[test]
fn a_job_whose_services_lock_is_missing_runs_all_the_same() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, job) = scene.schedule("db1", "full", 3).await;
        assert_eq!(scene.database.execute("DELETE FROM service_locks").await, 1);
        assert_eq!(scene.claim(&["db1"]).await.unwrap().0.id, job.id);
    });
}

#[test]
fn what_a_claim_changes_is_seen_everywhere() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 3).await;
        assert_eq!(
            (backup.state, backup.started_at, backup.parent, backup.report),
            (BackupState::Scheduled, None, None, None)
        );
        assert_eq!((job.phase, job.expected_bytes, job.restore, job.failure), (None, None, None, None));
        scene.clock.advance(Duration::from_secs(5));
        let (job, attempt) = scene.claim(&["db1"]).await.unwrap();
        let running = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((running.state, running.started_at), (BackupState::Running, job.started_at));
        assert_eq!(job.started_at, Some(attempt.started_at));
        assert_eq!(attempt.lease_until, attempt.started_at.plus(LEASE));
        let schedule = scene.catalog.schedule(&acme(), job.schedule.unwrap()).await.unwrap();
        assert_eq!(schedule.state, "running");
        let events = scene.catalog.events(&job.id, 0, 10).await.unwrap();
        let states: Vec<&str> = events.iter().map(|event| event.body["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["scheduled", "running"]);
        assert_eq!(events[1].attempt, Some(attempt.id.clone()));
        // An attempt ends in the way of its job's kind only.
        refused(scene.catalog.finish_restore(&attempt.id, "?", None).await, FailureKind::Other("internal".to_owned()));
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
    });
}
