//! Has backups restored into a throw-away server before anybody needs them: on a schedule, and after each backup. A reconciler
//! without memory: when the last drill was is in the catalog.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Idempotency, Job, JobFilter, NewJob};
use bulkhead_model::{BackupId, Expression, JobKind, JobState, Result, Timestamp, Zone};
use serde_json::{Value, json};

use crate::config::{DrillConfig, ServiceConfig};
use crate::engine::Inner;
use crate::history;
use crate::request::VerifyLevel;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(15);
/// Verifies to look through for a drill that found no verdict.
const LOOKED_THROUGH: u32 = 20;

/// Looks now and at every interval, until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    let drilled =
        |service: &&ServiceConfig| can_be_drilled(service) && config_of(&engine, service).expression.is_some();
    if !engine.services.values().any(|service| drilled(&service)) {
        return;
    }
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for service in engine.services.values() {
            if let Err(failure) = look(&engine, service).await {
                tracing::warn!(service = %service.id, error = %failure, "whether a drill is due cannot be found out; trying again");
            }
        }
    }
}

/// Whether each backup of a service is to be drilled, and when.
fn config_of<'a>(engine: &'a Inner, service: &'a ServiceConfig) -> &'a DrillConfig {
    service.drills.as_ref().unwrap_or(&engine.config.drills)
}

/// Whether there are throw-away servers of a service's kind.
pub(crate) fn can_be_drilled(service: &ServiceConfig) -> bool {
    service.surrealdb.is_none()
}

/// Has the newest good backup of a service drilled, when that is due.
pub(crate) async fn look(engine: &Inner, service: &ServiceConfig) -> Result<()> {
    let config = config_of(engine, service);
    let Some(expression) = &config.expression else { return Ok(()) };
    let now = engine.clock.now();
    let last = last_drill(engine, service).await?;
    if last.is_some_and(|last| due(expression, &config.zone, last).is_none_or(|due| due > now)) {
        return Ok(());
    }
    let history = history::of_bases(engine, service).await?;
    let good = || history.bases.iter().filter(|base| base.good);
    let Some(since) = last.or_else(|| good().map(|base| base.taken).min()) else { return Ok(()) };
    let Some(due) = due(expression, &config.zone, since).filter(|due| *due <= now) else { return Ok(()) };
    let Some(newest) = good().max_by_key(|base| (base.at, &base.backup)) else { return Ok(()) };
    if open_drills(engine, service).await?.is_empty() {
        let key = format!("drill:{}:{}", service.id, due.as_micros());
        schedule(engine, service, &newest.backup, key).await?;
    }
    Ok(())
}

/// A backup was made: has it drilled, where each is to be.
pub(crate) async fn after_backup(engine: &Inner, job: &Job) {
    let (Some(service), Some(backup)) = (engine.services.get(&job.service), &job.backup) else { return };
    let each = job.kind == JobKind::Backup && config_of(engine, service).after_backup;
    if !each || !can_be_drilled(service) || engine.is_log(&service.engine, &job.method) {
        return;
    }
    let scheduled = async {
        // One that waits already is enough: where backups come faster than drills end, not each can be drilled.
        let open = open_drills(engine, service).await?;
        if open.iter().any(|job| job.state == JobState::Scheduled) {
            tracing::info!(%backup, "not drilled: another drill of the service waits");
            return Ok(());
        }
        schedule(engine, service, backup, format!("drill:{}:{}", service.id, job.id)).await
    };
    if let Err(failure) = scheduled.await {
        tracing::warn!(%backup, error = %failure, "the backup could not be scheduled for a drill");
    }
}

fn due(expression: &Expression, zone: &Zone, last: Timestamp) -> Option<Timestamp> {
    expression.next_after(zone, last)
}

/// When a drill of the service last found a verdict, or was asked for without finding one.
async fn last_drill(engine: &Inner, service: &ServiceConfig) -> Result<Option<Timestamp>> {
    let found = engine.catalog.last_drill(&service.organization, &service.id).await?;
    let filter = JobFilter {
        service: Some(service.id.clone()),
        kind: Some(JobKind::Verify),
        page_size: LOOKED_THROUGH,
        ..JobFilter::default()
    };
    let (jobs, _) = engine.catalog.jobs(&service.organization, &filter).await?;
    let asked = jobs.iter().filter(|job| is_drill(&job.request)).map(|job| job.created_at).max();
    Ok(found.max(asked))
}

async fn open_drills(engine: &Inner, service: &ServiceConfig) -> Result<Vec<Job>> {
    let mut jobs = engine.catalog.unfinished_jobs(&service.organization, &service.id).await?;
    jobs.retain(|job| job.kind == JobKind::Verify && is_drill(&job.request));
    Ok(jobs)
}

fn is_drill(request: &Value) -> bool {
    request.get("level") == Some(&json!(VerifyLevel::Drill))
}

/// `key` makes it one drill, however many hosts find it due.
async fn schedule(engine: &Inner, service: &ServiceConfig, backup: &BackupId, key: String) -> Result<()> {
    let new = engine.new_job(&service.organization, JobKind::Verify, backup);
    let idempotency = Some(Idempotency { key, fingerprint: "drill".to_owned() });
    let request = json!({ "level": VerifyLevel::Drill });
    let made = engine.catalog.schedule_job(NewJob { idempotency, request, ..new }).await?;
    if !made.replayed {
        tracing::info!(service = %service.id, %backup, job = %made.value.id, "the backup is drilled");
        engine.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, acme, service};

    const LEASE: Duration = Duration::from_mins(1);

    fn each_night() -> DrillConfig {
        DrillConfig { after_backup: false, expression: Some(Expression::parse("0 3 * * *").unwrap()), zone: Zone::UTC }
    }

    async fn drills(scene: &Scene) -> Vec<Job> {
        let filter = JobFilter { kind: Some(JobKind::Verify), ..JobFilter::default() };
        scene.catalog.jobs(&acme(), &filter).await.unwrap().0
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_newest_good_backup_is_drilled_once_for_each_due_time() {
        // Told by the test alone when to look.
        let scene = Scene::start(|_| ()).await;
        let hour = Duration::from_hours(1);
        let service = ServiceConfig { drills: Some(each_night()), ..service() };
        let look = async || look(&scene.engine.inner, &service).await.unwrap();
        look().await;
        let first = scene.backup().await;
        scene.clock.advance(hour);
        let second = scene.backup().await;
        look().await;
        assert!(drills(&scene).await.is_empty());
        // At 17:18:30 it was made.
        scene.clock.advance(10 * hour);
        for _ in 0..3 {
            look().await;
        }
        let made = drills(&scene).await;
        assert_eq!(made.iter().map(|job| job.backup.as_ref()).collect::<Vec<_>>(), [Some(&second)]);
        assert_eq!(made[0].request, json!({ "level": "drill" }));

        // Without a verdict it is not repeated before its time; with a bad one the next falls to the other backup.
        let (_, attempt) =
            scene.catalog.claim("elsewhere", std::slice::from_ref(&service.id), LEASE).await.unwrap().unwrap();
        let lost = bulkhead_model::Failure::corrupt("a table is missing");
        scene.catalog.finish_verify(&attempt.id, "drill", Some(&lost), &["lost".to_owned()], true).await.unwrap();
        look().await;
        assert_eq!(drills(&scene).await.len(), 1);
        scene.clock.advance(24 * hour);
        look().await;
        let made = drills(&scene).await;
        assert_eq!((made.len(), made[0].backup.as_ref()), (2, Some(&first)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_each_backup_one_drill_waits_at_most() {
        let scene = Scene::start(|config| config.drills.after_backup = true).await;
        let made = async || {
            let id = scene.backup().await;
            let backup = scene.catalog.backup(&acme(), &id).await.unwrap();
            let job = scene.catalog.job(&acme(), &backup.job).await.unwrap();
            after_backup(&scene.engine.inner, &job).await;
            after_backup(&scene.engine.inner, &job).await;
            id
        };
        let first = made().await;
        assert_eq!(drills(&scene).await.len(), 1);
        let (claimed, _) = scene.catalog.claim("elsewhere", &[service().id], LEASE).await.unwrap().unwrap();
        assert_eq!(claimed.backup, Some(first));
        scene.clock.advance(Duration::from_secs(1));
        let second = made().await;
        let jobs = drills(&scene).await;
        assert_eq!((jobs.len(), jobs[0].backup.as_ref()), (2, Some(&second)));
    }
}
