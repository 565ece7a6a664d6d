//! Keeps the archiving of logs going where it is to go on without a pause: as soon as one backup of them has ended, the next begins.
//!
//! A reconciler without memory but for how often it failed: what is under way is in the catalog, where several hosts that serve a
//! service make one backup together.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Job, NewBackup};
use bulkhead_model::{JobId, JobState, Method, Result, ServiceId};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::config::ServiceConfig;
use crate::engine::{Destination, Inner};

/// How often it is looked when nothing wakes it.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure; doubles with each that follows.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What goes on and on.
struct Kept {
    service: ServiceId,
    method: Method,
    /// The one that was made last by this host.
    job: Option<JobId>,
    failures: u32,
    not_before: Instant,
}

/// Works until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut all: Vec<Kept> = engine.services.values().flat_map(kept).collect();
    if all.is_empty() {
        return;
    }
    let mut changes = engine.changes.subscribe();
    loop {
        for kept in &mut all {
            if let Err(failure) = look(&engine, kept).await {
                kept.pause();
                tracing::warn!(
                    service = %kept.service, method = %kept.method, error = %failure,
                    "the logs are not being archived; trying again"
                );
            }
        }
        let until = Instant::now() + LOOK;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                moved = changes.recv() => match moved {
                    Ok(job) if all.iter().any(|kept| kept.job.as_ref() == Some(&job)) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// A restore or reset has replaced all of the service's data: no backup of before leads on from here, and no log without one that does.
pub(crate) async fn after_restore(engine: &Inner, job: &Job) {
    let Some(service) = engine.services.get(&job.service) else { return };
    let partial = job.request.get("only").is_some_and(|only| !only.is_null());
    if partial || kept(service).next().is_none() {
        return;
    }
    if let Err(failure) = engine.base_backup(service, &format!("after-{}", job.kind)).await {
        tracing::warn!(service = %service.id, error = %failure, "the service has no new backup that its logs could continue");
    }
}

/// What a service's configuration wants to go on and on.
fn kept(service: &ServiceConfig) -> impl Iterator<Item = Kept> + '_ {
    let continuous = |config: &Value| config.get("continuous").and_then(Value::as_bool) == Some(true);
    let methods = service.methods.iter().filter(move |(_, config)| continuous(config));
    methods.map(|(method, _)| Kept {
        service: service.id.clone(),
        method: method.clone(),
        job: None,
        failures: 0,
        not_before: Instant::now(),
    })
}

impl Kept {
    fn pause(&mut self) {
        let pause = PAUSE * 2_u32.saturating_pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + pause.min(LONGEST_PAUSE);
    }
}

/// Makes the next one unless one is under way, or has just failed.
async fn look(engine: &Inner, kept: &mut Kept) -> Result<()> {
    if Instant::now() < kept.not_before {
        return Ok(());
    }
    let Some(service) = engine.services.get(&kept.service) else { return Ok(()) };
    if let Some(id) = &kept.job {
        let job = engine.catalog.job(&service.organization, id).await?;
        match job.state {
            JobState::Scheduled | JobState::Running => return Ok(()),
            JobState::Succeeded => kept.failures = 0,
            JobState::Failed | JobState::Cancelled => {
                kept.job = None;
                kept.pause();
                return Ok(());
            }
        }
        kept.job = None;
    }
    engine.service(&service.organization, &service.id)?;
    let (_, target) = engine.check(&service.organization, &service.id, &kept.method, Destination::default()).await?;
    let new = NewBackup {
        organization: service.organization.clone(),
        service: service.id.clone(),
        method: kept.method.clone(),
        engine: service.engine.clone(),
        name: None,
        target,
        copies: Vec::new(),
        server: service.server_name.clone(),
        parent: None,
        request: json!({ "continuous": true }),
        // Another try is another backup: sooner than a retry, and none waits behind it.
        attempts_max: 1,
        idempotency: None,
    };
    if let Some((backup, job)) = engine.catalog.keep_backup_going(new).await? {
        tracing::debug!(service = %service.id, method = %kept.method, backup = %backup.id, job = %job.id, "the archiving of logs goes on");
        kept.job = Some(job.id);
        engine.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_kept_going_and_failures_space_it_out() {
        let mut service = crate::scene::service();
        for (method, config) in [
            ("binarylog", json!({ "continuous": true, "segment_seconds": 5 })),
            ("full", json!({ "continuous": false })),
            ("dump", json!({})),
        ] {
            service.methods.insert(method.parse().unwrap(), config);
        }
        let mut all: Vec<Kept> = kept(&service).collect();
        assert_eq!(all.iter().map(|kept| kept.method.as_str()).collect::<Vec<_>>(), ["binarylog"]);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            all[0].pause();
            pauses.push(all[0].not_before.duration_since(Instant::now()).as_secs_f64().ceil() as u64);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
