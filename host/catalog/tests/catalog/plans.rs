//! What must not become slow when there is much: which ways SQLite goes to the rows. It plans without knowing how many there
//! are, so a few tell.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use bulkhead_catalog::{BackupFilter, JobFilter, Queue};
use bulkhead_model::{BackupState, JobKind, JobState};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::databases::Database;
use crate::scene::{LEASE, Scene, acme, ids, new_job};
use crate::targets::new_target;

/// The statements that this process has run.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn seen() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what sqlx says of each statement.
struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text;
        impl Visit for Text {
            fn record_str(&mut self, field: &Field, value: &str) {
                if field.name() == "db.statement" && !value.trim().is_empty() {
                    seen().insert(value.trim().to_owned());
                }
            }

            fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
        }
        event.record(&mut Text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Whether a statement has to find rows.
fn looks(statement: &str) -> bool {
    ["SELECT", "WITH", "UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word))
}

/// How SQLite goes about what was run, one line a step.
async fn plans(database: &Database, what: &str, run: impl Future<Output = ()>) -> Vec<String> {
    seen().clear();
    run.await;
    let statements: Vec<String> = seen().iter().filter(|text| looks(text)).cloned().collect();
    assert!(!statements.is_empty(), "{what} asked nothing");
    let mut steps = Vec::new();
    for statement in statements {
        for step in database.explain(&statement).await {
            // The rows of a recursion, of which there are as many as organizations or methods.
            let small = ["w", "m", "methods", "waiting", "h", "t", "counted", "CONSTANT"];
            let scans = step.strip_prefix("SCAN ").and_then(|of| of.split(' ').next());
            let scans = scans.is_some_and(|table| !small.contains(&table));
            assert!(!scans, "{what} looks at every row: {step}\n{statement}");
            steps.push(step);
        }
    }
    steps
}

#[test]
fn no_list_walks_along_all_that_a_service_ever_had() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tracing::subscriber::set_global_default(Statements).unwrap();
        let scene = Scene::new(Database::sqlite()).await;
        let backup = scene.backup("db1", "full").await;
        scene.schedule("db1", "dump", 1).await;
        scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        let service = || Some("db1".parse().unwrap());
        let of = async |what: &str, filter: BackupFilter, index: &str| {
            let steps = plans(&scene.database, what, async {
                scene.catalog.backups(&acme(), &filter).await.unwrap();
            });
            let steps = steps.await;
            assert!(steps.iter().any(|step| step.contains(index)), "{what}: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("ORDER BY")), "{what} is sorted: {steps:?}");
        };
        let any = BackupFilter::default;
        let method = || Some("dump".parse().unwrap());
        let waiting = Some(BackupState::Scheduled);
        of("?type=", BackupFilter { method: method(), ..any() }, "(organization=? AND method=?)").await;
        let filter = BackupFilter { service: service(), method: method(), ..any() };
        of("?service_id=&type=", filter, "(organization=? AND service=? AND method=?)").await;
        let filter = BackupFilter { service: service(), state: waiting, ..any() };
        of("?service_id=&status=", filter, "(organization=? AND service=? AND state=?)").await;
        let filter = BackupFilter { service: service(), state: Some(BackupState::Succeeded), ..any() };
        of("?service_id=&status=Succeeded", filter, "(organization=? AND service=?").await;

        let of = async |what: &str, filter: JobFilter, index: &str| {
            let steps = plans(&scene.database, what, async {
                scene.catalog.jobs(&acme(), &filter).await.unwrap();
            });
            let steps = steps.await;
            assert!(steps.iter().any(|step| step.contains(index)), "{what}: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("ORDER BY")), "{what} is sorted: {steps:?}");
        };
        let filter = JobFilter { service: service(), state: Some(JobState::Scheduled), ..JobFilter::default() };
        of("jobs by service and state", filter, "(organization=? AND service=? AND state=?)").await;
        let filter = JobFilter { service: service(), kind: Some(JobKind::Verify), ..JobFilter::default() };
        of("jobs by service and kind", filter, "(organization=? AND service=? AND kind=?)").await;
    });
}

#[test]
fn what_hosts_ask_again_and_again_is_found_by_an_index() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tracing::subscriber::set_global_default(Statements).unwrap();
        let scene = Scene::new(Database::sqlite()).await;
        let services = ids(&["db1", "db2"]);
        let (service, method) = (services[0].clone(), "full".parse().unwrap());
        let catalog = &scene.catalog;
        scene.backup("db1", "full").await;
        catalog.create_target(new_target(acme(), "managed")).await.unwrap();
        scene.schedule("db1", "full", 1).await;
        let found = async |what: &str, index: &str, run: &mut (dyn Future<Output = ()> + Unpin)| {
            let steps = plans(&scene.database, what, run).await;
            assert!(steps.iter().any(|step| step.contains(index)), "{what}: {steps:?}");
        };
        let organization = acme();
        let mut ask = Box::pin(async {
            for queue in Queue::ALL {
                catalog.claim_from(&[queue], "host-1", &services, LEASE).await.unwrap();
            }
        });
        found("a claim", "jobs_in_turn (queue=? AND organization=? AND run_after_us<?)", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.history_of(&organization, &service, |method| method.as_str() == "full").await.unwrap();
        });
        found("bases", "(organization=? AND service=? AND method=?)", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.retained_backups(&organization, &service, &method).await.unwrap();
        });
        found("retention", "backups_on_top (organization=? AND service=?", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.last_verified(&services).await.unwrap();
        });
        found("last_verified", "backups_last_drilled (service=? AND method=?", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.failed_in_a_row(&organization, &service, &method).await.unwrap();
        });
        found("failures", "(organization=? AND service=? AND method=?)", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.being_made(&organization, &service).await.unwrap();
        });
        found("what is being made", "(organization=? AND service=? AND state=?)", &mut ask).await;
        let mut ask = Box::pin(async {
            catalog.delete_target(&organization, &"managed".parse().unwrap()).await.unwrap_err();
        });
        found("what lies in a target", "backups_kept_in_target (organization=? AND target=?)", &mut ask).await;
    });
}
