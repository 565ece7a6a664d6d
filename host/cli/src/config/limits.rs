//! `[limits]`: bounds and intervals of the engine, and the limits of plugins that have no own ones.

use std::num::NonZeroU32;

use bulkhead_api::RateLimit;
use bulkhead_engine::{EngineLimits, HousekeepingConfig, JobLimits};
use bulkhead_runtime::Limits;

use super::reader::Section;

/// What `[limits]` says of everything.
#[derive(Clone, Debug)]
pub struct AllLimits {
    /// Of the engine.
    pub engine: EngineLimits,
    /// Of plugins without own ones.
    pub plugin: Limits,
    /// Of jobs on all hosts together.
    pub jobs: JobLimits,
    /// Of requests.
    pub requests: RateLimit,
    /// Of requests that do not say who they are from.
    pub refusals: RateLimit,
    /// How long things are remembered.
    pub housekeeping: HousekeepingConfig,
}

/// Reads `[limits]`.
pub fn read(root: &Section<'_>) -> AllLimits {
    let mut limits = AllLimits {
        engine: EngineLimits::default(),
        plugin: Limits::default(),
        jobs: JobLimits::default(),
        requests: RateLimit::CALLER,
        refusals: RateLimit::FAILURES,
        housekeeping: HousekeepingConfig::default(),
    };
    let Some(section) = root.table("limits") else { return limits };
    let AllLimits { engine, plugin, jobs, requests, refusals, housekeeping } = &mut limits;
    let number = |key: &str, range, default: i64| section.integer(key, range).unwrap_or(default);

    let running = number("max_running_jobs", 1..=1_000, engine.max_running_jobs as i64);
    engine.max_running_jobs = usize::try_from(running).unwrap_or(engine.max_running_jobs);
    let archives = number("max_running_archives", 1..=10_000, engine.max_running_archives as i64);
    engine.max_running_archives = usize::try_from(archives).unwrap_or(engine.max_running_archives);
    jobs.per_organization = running_jobs(&section, "max_running_jobs_per_organization");
    jobs.per_target = running_jobs(&section, "max_running_jobs_per_target");
    jobs.per_service = running_jobs(&section, "max_running_jobs_per_service");
    let attempts = number("attempts_max", 1..=100, i64::from(engine.attempts_max));
    engine.attempts_max = u32::try_from(attempts).unwrap_or(engine.attempts_max);
    let level = number("compression_level", 1..=19, i64::from(engine.compression_level));
    engine.compression_level = i32::try_from(level).unwrap_or(engine.compression_level);
    let threads = number("compression_threads", 0..=256, i64::from(engine.compression_threads));
    engine.compression_threads = u32::try_from(threads).unwrap_or(engine.compression_threads);
    engine.attempt_deadline = section.duration("attempt_deadline", engine.attempt_deadline);
    engine.lease = section.duration("lease", engine.lease);
    engine.heartbeat = section.duration("heartbeat", engine.heartbeat);
    engine.poll = section.duration("poll", engine.poll);
    engine.retry_after = section.duration("retry_after", engine.retry_after);
    engine.scratch_bytes = section.bytes("scratch", engine.scratch_bytes);
    engine.throw_away_memory = section.bytes("throw_away_memory", engine.throw_away_memory);
    engine.sweep_grace = section.duration("sweep_grace", engine.sweep_grace);
    engine.sweep_every = section.duration("sweep_every", engine.sweep_every);

    requests.per_minute = rate(&section, "requests_per_minute", requests.per_minute);
    refusals.per_minute = rate(&section, "refusals_per_minute", refusals.per_minute);
    refusals.burst = refusals.per_minute;
    requests.burst = rate(&section, "request_burst", requests.burst);
    housekeeping.job_events = section.duration("keep_job_events", housekeeping.job_events);
    housekeeping.ended = section.duration("keep_ended", housekeeping.ended);
    housekeeping.deliveries = section.duration("keep_deliveries", housekeeping.deliveries);

    let memory = section.bytes("plugin_memory", plugin.memory_bytes as u64);
    plugin.memory_bytes = usize::try_from(memory).unwrap_or(plugin.memory_bytes);
    plugin.compute = section.duration("plugin_compute", plugin.compute);
    plugin.deadline = section.duration("plugin_deadline", plugin.deadline);
    let lines = number("plugin_log_lines", 0..=10_000_000, i64::from(plugin.log_lines));
    plugin.log_lines = u32::try_from(lines).unwrap_or(plugin.log_lines);
    let log = section.bytes("plugin_log", plugin.log_bytes as u64);
    plugin.log_bytes = usize::try_from(log).unwrap_or(plugin.log_bytes);

    for (key, value) in [
        ("attempt_deadline", engine.attempt_deadline),
        ("heartbeat", engine.heartbeat),
        ("poll", engine.poll),
        ("sweep_every", engine.sweep_every),
    ] {
        if value.is_zero() {
            section.wrong(key, "must be longer than nothing", format!("write e.g. {key} = \"30s\""));
        }
    }
    // Two heartbeats may get lost before a lease runs out.
    if engine.lease < engine.heartbeat.saturating_mul(3) {
        section.wrong("lease", "must be at least three heartbeats long", "lengthen lease or shorten heartbeat");
    }
    section.finish();
    limits
}

/// A number of jobs that may run at the same time on all hosts together; also a key of organizations, targets and services.
pub fn running_jobs(section: &Section<'_>, key: &str) -> Option<u32> {
    section.integer(key, 1..=100_000).and_then(|number| u32::try_from(number).ok())
}

fn rate(section: &Section<'_>, key: &str, default: NonZeroU32) -> NonZeroU32 {
    let number = section.integer(key, 1..=100_000_000).and_then(|number| u32::try_from(number).ok());
    number.and_then(NonZeroU32::new).unwrap_or(default)
}
