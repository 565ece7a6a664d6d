//! Expires what retention no longer keeps: a reconciler without memory, run after each backup and with each sweep.

use bulkhead_catalog::{BackupFilter, NewJob};
use bulkhead_model::{
    BackupState, FailureKind, JobKind, Method, OrganizationId, Result, Retained, ServiceId, beyond_newest,
};

use crate::engine::Inner;

/// Backups looked at in one go; with more, the next run takes the rest.
const LOOK: u32 = 1000;

/// Keeps the `count` newest good backups of a service and method and schedules the expiry of the rest.
pub(crate) async fn apply(
    engine: &Inner,
    organization: &OrganizationId,
    service: &ServiceId,
    method: &Method,
    count: u32,
) -> Result<()> {
    let filter = BackupFilter {
        service: Some(service.clone()),
        method: Some(method.clone()),
        state: Some(BackupState::Succeeded),
        page: 1,
        page_size: LOOK,
    };
    let (backups, _) = engine.catalog.backups(organization, &filter).await?;
    let seen: Vec<_> =
        backups.into_iter().map(|backup| Retained { good: backup.suspect.is_none(), backup: backup.id }).collect();
    for backup in beyond_newest(&seen, count) {
        let expire = NewJob {
            organization: organization.clone(),
            kind: JobKind::Expire,
            backup: backup.clone(),
            request: serde_json::Value::Null,
            attempts_max: engine.config.limits.attempts_max,
        };
        match engine.catalog.schedule_job(expire).await {
            Ok(job) => tracing::info!(%backup, job = %job.id, keep = count, "expired by retention"),
            // Being restored, or needed by another backup: a later run finds it again.
            Err(failure) if failure.kind == FailureKind::Conflict => {
                tracing::info!(%backup, reason = %failure, "kept beyond its retention");
            }
            Err(failure) => return Err(failure),
        }
    }
    engine.wake();
    Ok(())
}

/// Applies the retention that the configuration gives to services.
pub(crate) async fn apply_configured(engine: &Inner) -> Result<()> {
    for service in engine.services.values() {
        let Some(count) = service.retention else { continue };
        for plugin in engine.runtime.plugins() {
            let Some(method) = plugin.method.filter(|_| plugin.engines.contains(&service.engine)) else { continue };
            apply(engine, &service.organization, &service.id, &method, count).await?;
        }
    }
    Ok(())
}
