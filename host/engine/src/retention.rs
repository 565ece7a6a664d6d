//! Expires what retention no longer keeps: a reconciler without memory, run after each backup and with each sweep.
//!
//! Each backup is under one policy: that of the schedule that made it, when this has one of its own, or else its service's. So a
//! schedule that keeps little takes nothing from one that keeps much. A schedule that is deleted leaves its policy behind:
//! otherwise deleting it would expire its backups.

use bulkhead_catalog::RetainedBackup;
use bulkhead_model::{
    BackupId, Candidate, Failure, FailureKind, JobKind, Method, OrganizationId, Result, RetentionPolicy, ScheduleId,
    ServiceId, Timestamp, Verdict, Zone, retention_plan,
};

use crate::engine::Inner;

/// Expiries scheduled in one run for one group; the next run takes the rest.
const BATCH: usize = 1000;

/// What retention keeps and lets go, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionPlan {
    /// By which policy; `None` keeps all.
    pub policy: Option<RetentionPolicy>,
    /// Whose policy that is.
    pub source: PolicySource,
    /// Whose days, weeks, months and years are meant.
    pub zone: Zone,
    /// The backups under that policy, newest first.
    pub backups: Vec<PlannedBackup>,
}

/// Whose policy a plan follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// The schedule's own; it covers the backups of this schedule.
    Schedule,
    /// The service's; it covers all backups of the method that are under no schedule's own policy.
    Service,
}

/// One backup of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedBackup {
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Whether no verify has found it damaged.
    pub good: bool,
    /// Which it is, and why it is kept.
    pub verdict: Verdict,
    /// Whether it would go. Without a policy everything is kept, also without a reason.
    pub expires: bool,
}

/// Expires what no longer is to be kept of a service and method. `asked` stands for the service's own policy, this once.
pub(crate) async fn apply(
    engine: &Inner,
    organization: &OrganizationId,
    service: &ServiceId,
    method: &Method,
    asked: Option<&RetentionPolicy>,
) -> Result<()> {
    let retained = engine.catalog.retained_backups(organization, service, method).await?;
    for keeper in &retained.keepers {
        let backups = retained.of(Some(keeper.schedule));
        expire(engine, organization, &keeper.policy, &keeper.zone, &backups).await?;
    }
    let configured = engine.services.get(service).and_then(|service| service.retention.as_ref());
    if let Some(policy) = asked.or(configured) {
        expire(engine, organization, policy, &service_zone(engine, service), &retained.of(None)).await?;
    }
    engine.wake();
    Ok(())
}

/// Applies every policy to the services of this host.
pub(crate) async fn apply_all(engine: &Inner) -> Result<()> {
    for service in engine.services.values() {
        for plugin in engine.runtime.plugins() {
            let Some(method) = plugin.method.filter(|_| plugin.engines.contains(&service.engine)) else { continue };
            apply(engine, &service.organization, &service.id, &method, None).await?;
        }
    }
    Ok(())
}

/// The plan for what a schedule's policy covers; with `policy`, as if that were its own.
pub(crate) async fn show(
    engine: &Inner,
    organization: &OrganizationId,
    id: ScheduleId,
    policy: Option<RetentionPolicy>,
) -> Result<RetentionPlan> {
    let schedule = engine.catalog.schedule(organization, id).await?;
    let retained = engine.catalog.retained_backups(organization, &schedule.service, &schedule.method).await?;
    let own = policy.or(schedule.retention);
    let (policy, source, zone, backups) = if let Some(own) = own {
        (Some(own), PolicySource::Schedule, schedule.zone, retained.made_by(id))
    } else {
        let Some(service) = engine.services.get(&schedule.service) else {
            return Err(Failure::unavailable(format!(
                "the retention of service `{}` is known to the host that serves it, not to this one",
                schedule.service
            ))
            .with_hint("ask that host, or give the schedule a retention of its own"));
        };
        let zone = service_zone(engine, &service.id);
        (service.retention.clone(), PolicySource::Service, zone, retained.of(None))
    };
    let verdicts: Vec<Verdict> = match &policy {
        Some(policy) => retention_plan(policy, &zone, engine.clock.now(), &candidates(&backups)),
        None => backups.iter().map(|backup| Verdict { id: backup.id.clone(), keep: Vec::new() }).collect(),
    };
    let planned = backups.iter().zip(verdicts).map(|(backup, verdict)| PlannedBackup {
        created_at: backup.created_at,
        good: backup.good,
        expires: policy.is_some() && verdict.expires(),
        verdict,
    });
    Ok(RetentionPlan { source, zone, backups: planned.collect(), policy })
}

/// Where a service's days begin.
fn service_zone(engine: &Inner, service: &ServiceId) -> Zone {
    let own = engine.services.get(service).and_then(|service| service.automatic.as_ref());
    own.unwrap_or(&engine.config.automatic).zone.clone()
}

fn candidates(backups: &[&RetainedBackup]) -> Vec<Candidate> {
    let candidate = |backup: &&RetainedBackup| Candidate {
        id: backup.id.clone(),
        at: backup.created_at,
        good: backup.good,
        pinned: backup.pinned,
        needed_by: backup.needed_by.clone(),
    };
    backups.iter().map(candidate).collect()
}

async fn expire(
    engine: &Inner,
    organization: &OrganizationId,
    policy: &RetentionPolicy,
    zone: &Zone,
    backups: &[&RetainedBackup],
) -> Result<()> {
    let verdicts = retention_plan(policy, zone, engine.clock.now(), &candidates(backups));
    let doomed = verdicts.into_iter().rev().filter(Verdict::expires).map(|verdict| verdict.id);
    let mut left: Vec<BackupId> = doomed.take(BATCH).collect();
    // What others are restored on top of goes after them: again and again, as long as that gets somewhere.
    loop {
        let before = left.len();
        let mut refused = Vec::new();
        for backup in left {
            match engine.catalog.schedule_job(engine.new_job(organization, JobKind::Expire, &backup)).await {
                Ok(made) => tracing::info!(%backup, job = %made.value.id, %policy, "expired by retention"),
                Err(failure) if failure.kind == FailureKind::Conflict => refused.push((backup, failure)),
                // Somebody else was faster.
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        if refused.len() == before {
            for (backup, failure) in refused {
                // Being restored, or pinned a moment ago: a later run finds it again.
                tracing::info!(%backup, reason = %failure, "kept beyond its retention");
            }
            return Ok(());
        }
        left = refused.into_iter().map(|(backup, _)| backup).collect();
    }
}
