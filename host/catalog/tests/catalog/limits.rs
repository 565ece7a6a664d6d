//! Limits on jobs that run at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_catalog::{Catalog, NewBackup, Scope};
use bulkhead_model::{JobKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, globex, ids, new_backup, new_job};

#[test]
fn limits_hold_for_organization_service_and_target() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let services = ["db1", "db2", "db3", "db4"];
        let limit = async |scope, limit| scene.catalog.set_job_limits(&[(scope, limit)]).await.unwrap();
        for service in services {
            scene.schedule(service, "full", 1).await;
        }
        for method in ["dump", "export"] {
            scene.schedule("db1", method, 1).await;
        }
        let elsewhere = NewBackup { target: "elsewhere".parse().unwrap(), ..new_backup("db2", "dump") };
        scene.schedule_new(elsewhere).await;
        let claim =
            async || scene.claim(&services).await.map(|(job, _)| (job.service.to_string(), job.method.to_string()));
        let of = |service: &str, method: &str| Some((service.to_owned(), method.to_owned()));

        limit(Scope::Organization(acme()), Some(0)).await;
        assert_eq!(claim().await, None);
        let stranger = NewBackup { organization: globex(), ..new_backup("db9", "full") };
        scene.schedule_new(stranger).await;
        assert!(scene.claim(&["db9"]).await.is_some(), "whatever is set for others");
        limit(Scope::Organization(acme()), Some(1)).await;
        assert_eq!(claim().await, of("db1", "full"));
        assert_eq!(claim().await, None);
        limit(Scope::Organization(acme()), None).await;
        limit(Scope::Service("db1".parse().unwrap()), Some(2)).await;
        limit(Scope::Target("managed".parse().unwrap()), Some(5)).await;
        assert_eq!(claim().await, of("db2", "full"));
        assert_eq!(claim().await, of("db3", "full"));
        assert_eq!(claim().await, of("db4", "full"));
        assert_eq!(
            claim().await,
            of("db2", "dump"),
            "it goes to another target, of which five run with that of globex"
        );
        assert_eq!(claim().await, None);
        limit(Scope::Target("managed".parse().unwrap()), None).await;
        assert_eq!(claim().await, of("db1", "dump"));
        assert_eq!(claim().await, None, "two run on db1");
        limit(Scope::Service("db1".parse().unwrap()), None).await;
        assert_eq!(claim().await, of("db1", "export"));
    });
}

/// Many hosts that claim at once never run more than the limit, and use it.
#[test]
fn many_claimers_never_exceed_a_limit() {
    const JOBS: usize = 48;
    const LIMIT: u64 = 3;
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let names: Vec<String> = (0..JOBS).map(|number| format!("db{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in &names {
            scene.schedule(name, "full", 1).await;
        }
        let limits = [
            (Scope::Organization(acme()), Some(3)),
            (Scope::Target("managed".parse().unwrap()), Some(5)),
            (Scope::Service("db0".parse().unwrap()), Some(1)),
        ];
        let mut hosts: Vec<Catalog> = vec![scene.catalog.clone(); 8];
        if !scene.database.is_sqlite() {
            for host in &mut hosts {
                *host = Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap();
            }
        }
        // Each host sets them as it starts.
        let starting: Vec<_> = hosts
            .iter()
            .cloned()
            .map(|catalog| {
                let limits = limits.clone();
                tokio::spawn(async move { catalog.set_job_limits(&limits).await.unwrap() })
            })
            .collect();
        for one in starting {
            one.await.unwrap();
        }
        let (most, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let working: Vec<_> = hosts
            .into_iter()
            .enumerate()
            .map(|(number, catalog)| {
                let (services, most, done) = (ids(&names), most.clone(), done.clone());
                tokio::spawn(async move {
                    while done.load(Ordering::SeqCst) < JOBS as u64 {
                        let claimed = catalog.claim(&format!("host-{number}"), &services, LEASE).await.unwrap();
                        let Some((_, attempt)) = claimed else {
                            tokio::task::yield_now().await;
                            continue;
                        };
                        // The database's own count, of all hosts.
                        let running = running(&catalog).await;
                        assert!(running <= LIMIT, "{running} run");
                        most.fetch_max(running, Ordering::SeqCst);
                        catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for one in working {
            one.await.unwrap();
        }
        assert_eq!(done.load(Ordering::SeqCst), JOBS as u64);
        assert_eq!(most.load(Ordering::SeqCst), LIMIT, "what is allowed is used");
    });
}

async fn running(catalog: &Catalog) -> u64 {
    let depth = catalog.queue_depth().await.unwrap();
    depth.iter().filter(|(_, state, _)| *state == JobState::Running).map(|(_, _, jobs)| jobs).sum()
}

#[test]
fn the_depth_of_the_queue_is_told_by_kind() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        assert_eq!(scene.catalog.queue_depth().await.unwrap(), []);
        let backup = scene.backup("db1", "full").await;
        for service in ["db1", "db2", "db3"] {
            scene.schedule(service, "full", 1).await;
        }
        scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        scene.claim(&["db2"]).await.unwrap();
        let mut depth = scene.catalog.queue_depth().await.unwrap();
        depth.sort_by_key(|(kind, state, _)| (kind.as_str(), state.as_str()));
        let expected = [
            (JobKind::Backup, JobState::Running, 1),
            (JobKind::Backup, JobState::Scheduled, 2),
            (JobKind::Verify, JobState::Scheduled, 1),
        ];
        assert_eq!(depth, expected);
    });
}
