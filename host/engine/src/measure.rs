//! What is counted and timed. Names, labels and units of every metric of the process stand in [`describe_metrics`].

use std::collections::BTreeSet;
use std::time::Duration;

use bulkhead_catalog::Job;
use bulkhead_model::{JobKind, JobState, Method, Result, ServiceId, Timestamp};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::engine::{Engine, Inner};

/// What the catalog is asked for a scrape holds this long: however many ask, it is asked rarely.
const HOLDS: Duration = Duration::from_secs(5);

/// The states that are counted; how many jobs have ended is a counter.
const OPEN: [JobState; 2] = [JobState::Scheduled, JobState::Running];

/// Tells the recorder what every metric means. Call once it is installed.
pub fn describe_metrics() {
    let counters: [(&'static str, Unit, &'static str); 12] = [
        ("bulkhead_jobs_finished_total", Unit::Count, "Jobs of this host that ended, by kind, method and state"),
        (
            "bulkhead_bytes_total",
            Unit::Bytes,
            "Bytes that jobs moved, before compression (plain) and in targets (stored)",
        ),
        ("bulkhead_attempts_lost_total", Unit::Count, "Attempts, of whatever host, that this host found lost"),
        ("bulkhead_lease_losses_total", Unit::Count, "Leases that this host could not keep"),
        (
            "bulkhead_schedules_fired_total",
            Unit::Count,
            "Due times of schedules, by outcome: started, coalesced, missed",
        ),
        ("bulkhead_plugin_starts_total", Unit::Count, "Sandboxes started, one for each call of a plugin"),
        ("bulkhead_plugin_traps_total", Unit::Count, "Calls of plugins that ended in a trap"),
        (
            "bulkhead_plugin_limits_hit_total",
            Unit::Count,
            "Calls of plugins that wanted more than they may have, by limit",
        ),
        ("bulkhead_webhook_deliveries_total", Unit::Count, "Attempts to deliver a notice, by outcome"),
        ("bulkhead_swept_objects_total", Unit::Count, "Objects that the sweep removed from targets"),
        ("bulkhead_forgotten_rows_total", Unit::Count, "Rows that housekeeping removed from the catalog, by noun"),
        ("bulkhead_http_requests_total", Unit::Count, "Requests answered, by operation and status"),
    ];
    for (name, unit, text) in counters {
        describe_counter!(name, unit, text);
    }
    for (name, text) in [
        ("bulkhead_job_duration_seconds", "From the first attempt's begin to the job's end, by kind and method"),
        ("bulkhead_schedule_lag_seconds", "From the fire time of a schedule to its job"),
        ("bulkhead_http_request_duration_seconds", "From a request to its answer, by operation"),
    ] {
        describe_histogram!(name, Unit::Seconds, text);
    }
    describe_gauge!("bulkhead_jobs", Unit::Count, "Jobs of all hosts that wait or run, by kind and state");
    describe_gauge!(
        "bulkhead_last_good_backup_age_seconds",
        Unit::Seconds,
        "Since the newest backup that succeeded and is not known to be damaged was finished, by service and method; +Inf when there no longer is one"
    );
    describe_gauge!(
        "bulkhead_last_verified_backup_age_seconds",
        Unit::Seconds,
        "Since a good backup was last verified, by service, method and level: `any`, or `drill` for one that was restored; +Inf when there no longer is one"
    );
    describe_gauge!(
        "bulkhead_log_archive_lag_seconds",
        Unit::Seconds,
        "What would be missing if the database's machine were lost now: since the instant until which the archived logs are complete, by service and method"
    );
}

/// A job has ended here.
pub(crate) fn job_ended(job: &Job, state: JobState, now: Timestamp) {
    let (kind, method) = (job.kind.as_str(), job.method.to_string());
    counter!("bulkhead_jobs_finished_total", "kind" => kind, "method" => method.clone(), "state" => state.as_str())
        .increment(1);
    if let Some(started_at) = job.started_at {
        histogram!("bulkhead_job_duration_seconds", "kind" => kind, "method" => method)
            .record(now.since(started_at).as_secs_f64());
    }
}

/// An attempt has moved bytes, whatever became of them.
pub(crate) fn bytes_moved(kind: JobKind, plain: u64, stored: u64) {
    for (side, bytes) in [("plain", plain), ("stored", stored)] {
        counter!("bulkhead_bytes_total", "kind" => kind.as_str(), "side" => side).increment(bytes);
    }
}

/// What was last read for a scrape.
#[derive(Default)]
pub(crate) struct Observed(Mutex<Last>);

#[derive(Default)]
struct Last {
    at: Option<Instant>,
    /// What had a good backup then.
    good: BTreeSet<(ServiceId, Method)>,
    /// What had a verified one, and how deep that went.
    verified: BTreeSet<(ServiceId, Method, &'static str)>,
}

impl Engine {
    /// Brings the gauges up to date: queue depth, and the ages of the last good and verified backups of this host's services, and
    /// how far their archives of logs are behind. Call before each
    /// scrape; within 5 s the catalog is not asked again.
    ///
    /// # Errors
    /// Only those of the catalog; the gauges keep their values then.
    pub async fn observe(&self) -> Result<()> {
        // Held meanwhile: of many scrapes at once the first asks, the others find what it found.
        let mut last = self.inner.observed.0.lock().await;
        if last.at.is_none_or(|at| at.elapsed() >= HOLDS) {
            observe(&self.inner, &mut last).await?;
            last.at = Some(Instant::now());
        }
        Ok(())
    }
}

async fn observe(engine: &Inner, last: &mut Last) -> Result<()> {
    let depth = engine.catalog.queue_depth().await?;
    for kind in JobKind::ALL {
        for state in OPEN {
            let found = depth.iter().find(|(k, s, _)| (k, s) == (kind, &state)).map_or(0, |(_, _, jobs)| *jobs);
            gauge!("bulkhead_jobs", "kind" => kind.as_str(), "state" => state.as_str()).set(to_f64(found));
        }
    }
    let services: Vec<_> = engine.services.keys().cloned().collect();
    let now = engine.clock.now();
    let mut good = BTreeSet::new();
    for (service, method, at) in engine.catalog.last_good_backups(&services).await? {
        set_age(&service, &method, now.since(at).as_secs_f64());
        good.insert((service, method));
    }
    // A gauge keeps its value: that of a backup that has turned out to be damaged must not look fresh for ever.
    for (service, method) in last.good.difference(&good) {
        set_age(service, method, f64::INFINITY);
    }
    observe_logs(engine, &good, now).await?;
    last.good.append(&mut good);

    let mut verified = BTreeSet::new();
    for (service, method, at, drilled_at) in engine.catalog.last_verified(&services).await? {
        for (level, at) in [("any", Some(at)), ("drill", drilled_at)] {
            let Some(at) = at else { continue };
            set_verified_age(&service, &method, level, now.since(at).as_secs_f64());
            verified.insert((service.clone(), method.clone(), level));
        }
    }
    for (service, method, level) in last.verified.difference(&verified) {
        set_verified_age(service, method, level, f64::INFINITY);
    }
    last.verified.append(&mut verified);
    Ok(())
}

/// How far the archives of logs are behind.
async fn observe_logs(engine: &Inner, good: &BTreeSet<(ServiceId, Method)>, now: Timestamp) -> Result<()> {
    for (id, method) in good {
        let Some(service) = engine.services.get(id).filter(|service| engine.is_log(&service.engine, method)) else {
            continue;
        };
        let newest = engine.catalog.newest_backup_anywhere(&service.organization, id, method).await?;
        let until = newest.and_then(|backup| Timestamp::parse_rfc3339(backup.report?.point_in_time.as_deref()?));
        let Some(until) = until else { continue };
        let labels = [("service", id.to_string()), ("method", method.to_string())];
        gauge!("bulkhead_log_archive_lag_seconds", &labels).set(now.since(until).as_secs_f64());
    }
    Ok(())
}

fn set_verified_age(service: &ServiceId, method: &Method, level: &'static str, seconds: f64) {
    let labels = [("service", service.to_string()), ("method", method.to_string()), ("level", level.to_owned())];
    gauge!("bulkhead_last_verified_backup_age_seconds", &labels).set(seconds);
}

fn set_age(service: &ServiceId, method: &Method, seconds: f64) {
    let labels = [("service", service.to_string()), ("method", method.to_string())];
    gauge!("bulkhead_last_good_backup_age_seconds", &labels).set(seconds);
}

#[expect(clippy::cast_precision_loss, reason = "a count of jobs is far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
