//! Keeps the archiving of logs going where it is to go on without a pause: as soon as one backup of them has ended, the next begins.
//!
//! A reconciler almost without memory: what is under way, and how often it failed, is in the catalog, where several hosts that
//! serve a service make one backup together.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{FailedInARow, Job, NewBackup};
use bulkhead_model::{JobId, JobState, Method, Result, ServiceId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::ServiceConfig;
use crate::engine::{Destination, Inner};
use crate::swap;

/// How often it is looked when nothing wakes it.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure; doubles with each that follows.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks, when what is wrong has left nothing behind.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Between two backups that fail while the server answers: each is a row that somebody reads.
const LONGEST_REST: Duration = Duration::from_mins(15);
/// How often a server that is down is asked whether it is back.
const ASK: Duration = Duration::from_secs(2);

/// What goes on and on.
struct Kept {
    service: ServiceId,
    method: Method,
    /// The one that was made last by this host.
    job: Option<JobId>,
    errors: u32,
    not_before: Instant,
    server: Server,
}

/// What is known of the server after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// Nothing yet.
    Unknown,
    /// It did not answer. So it is at a host's start too: what was wrong may have been mended for that.
    Down,
    /// It answers, and the failure has another cause.
    Up,
}

/// Works until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    // Each for itself: a server that does not answer keeps no other one waiting.
    let mut all = JoinSet::new();
    for kept in engine.services.values().flat_map(kept) {
        all.spawn(keep(Arc::clone(&engine), kept));
    }
    let slots = engine.config.limits.max_running_archives;
    if all.len() > slots {
        tracing::warn!(
            archives = all.len(),
            slots,
            "more archives of logs go on without end than `limits.max_running_archives` allows: they take turns"
        );
    }
    while all.join_next().await.is_some() {}
}

async fn keep(engine: Arc<Inner>, mut kept: Kept) {
    let mut changes = engine.changes.subscribe();
    loop {
        if let Err(failure) = look(&engine, &mut kept).await {
            kept.pause();
            tracing::warn!(
                service = %kept.service, method = %kept.method, error = %failure,
                "the logs are not being archived; trying again"
            );
        }
        let until = Instant::now() + LOOK;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                moved = changes.recv() => match moved {
                    Ok(job) if kept.job.as_ref() == Some(&job) => break,
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
        errors: 0,
        not_before: Instant::now(),
        server: Server::Down,
    })
}

impl Kept {
    fn pause(&mut self) {
        let pause = PAUSE * 2_u32.saturating_pow(self.errors.min(10));
        self.errors = self.errors.saturating_add(1);
        self.not_before = Instant::now() + pause.min(LONGEST_PAUSE);
    }

    /// Whether the next one is not to be made yet, as those before have failed. A server that is down is asked until it
    /// answers, which leaves no row; the next one follows at once then. Anything else is tried more and more rarely.
    async fn rests(&mut self, failed: FailedInARow, now: Timestamp, answers: impl AsyncFnOnce() -> bool) -> bool {
        let Some(last) = failed.last.filter(|_| failed.times > 0) else { return false };
        if self.server != Server::Up {
            let before = std::mem::replace(&mut self.server, if answers().await { Server::Up } else { Server::Down });
            match (before, self.server) {
                (_, Server::Down | Server::Unknown) => {
                    self.not_before = Instant::now() + ASK;
                    return true;
                }
                (Server::Down, Server::Up) => return false,
                (_, Server::Up) => {}
            }
        }
        let rest = rest(failed.times);
        // A last failure in the future tells of a clock that was wrong, and of nothing else.
        if now < last || now >= last.plus(rest) {
            return false;
        }
        self.not_before = Instant::now() + last.plus(rest).since(now).min(ASK);
        true
    }
}

/// After so many failures in a row.
fn rest(times: u32) -> Duration {
    (PAUSE * 2_u32.saturating_pow(times.saturating_sub(1).min(16))).min(LONGEST_REST)
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
            JobState::Succeeded => {}
            JobState::Failed | JobState::Cancelled => {
                kept.job = None;
                kept.server = Server::Unknown;
                kept.not_before = Instant::now() + PAUSE;
                return Ok(());
            }
        }
        kept.job = None;
    }
    if engine.catalog.closed_service(&service.organization, &service.id).await?.is_some() {
        // Half restored: each one would fail until a restore succeeds. Then it goes on at once.
        kept.server = Server::Down;
        kept.not_before = Instant::now() + ASK;
        return Ok(());
    }
    let failed = engine.catalog.failed_in_a_row(&service.organization, &service.id, &kept.method).await?;
    if kept.rests(failed, engine.clock.now(), async || swap::answers(service).await.is_ok()).await {
        return Ok(());
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
    let made = engine.catalog.keep_backup_going(new).await?;
    kept.errors = 0;
    if let Some((backup, job)) = made {
        tracing::debug!(service = %service.id, method = %kept.method, backup = %backup.id, job = %job.id, "the archiving of logs goes on");
        kept.job = Some(job.id);
        engine.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Kept {
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
        all.remove(0)
    }

    #[test]
    fn only_what_says_so_is_kept_going_and_errors_space_it_out() {
        let mut kept = archive();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            kept.pause();
            pauses.push(kept.not_before.duration_since(Instant::now()).as_secs_f64().ceil() as u64);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[tokio::test]
    async fn while_a_server_is_down_it_is_asked_and_no_backup_fails_until_it_is_back() {
        let (mut kept, last) = (archive(), Timestamp::from_micros(1_000_000_000));
        let after = |seconds| last.plus(Duration::from_secs(seconds));
        let failed = |times| FailedInARow { times, last: Some(last) };
        assert!(!kept.rests(FailedInARow { times: 0, last: None }, last, async || panic!("not asked")).await);
        // The first one has failed: for hours nothing is made, however often it is looked.
        kept.server = Server::Unknown;
        for seconds in [1, 60, 3_600, 86_400] {
            assert!(kept.rests(failed(1), after(seconds), async || false).await, "after {seconds} s");
        }
        assert!(!kept.rests(failed(1), after(86_401), async || true).await, "back, and made at once");
    }

    #[tokio::test]
    async fn an_archive_that_fails_although_its_server_answers_is_tried_more_and_more_rarely() {
        let (mut kept, last) = (archive(), Timestamp::from_micros(1_000_000_000));
        let after = |seconds| last.plus(Duration::from_secs(seconds));
        let failed = |times| FailedInARow { times, last: Some(last) };
        // At a host's start it is tried at once.
        assert!(!kept.rests(failed(12), after(1), async || true).await);
        kept.server = Server::Unknown;
        let mut rests = Vec::new();
        for times in 1..16 {
            let mut seconds = 1;
            while kept.rests(failed(times), after(seconds), async || true).await {
                seconds += 1;
            }
            rests.push(seconds);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]);
        let wrong_clock = last.minus(Duration::from_hours(24));
        assert!(!kept.rests(failed(16), wrong_clock, async || true).await);
    }
}
