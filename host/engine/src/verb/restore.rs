//! Restores a backup: nothing touches the live database before every byte that will be used has been checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{Failure, FailureKind, Manifest, ManifestObject, Result};
use bulkhead_runtime::{
    Attempt, Link, MethodPlugin, Object, Observer as _, RestoreRequest, ServerControl, ServerStatus,
};

use super::Stored;
use super::artifacts::ChainReader;
use super::backup::method_service;
use crate::config::ServiceConfig;
use crate::engine::needs_server;
use crate::executor::{HeldLease, Outcome, Run};
use crate::failpoint::fail_point;
use crate::pipeline::{Meter, verify_plain};
use crate::swap;
use crate::swap::ServiceControl;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("restore.claimed")?;
    let backup = run.backup().await?;
    let service = run.engine.service(&run.job.organization, &run.job.service)?;
    if adopt(run, service).await? {
        return Ok(Outcome::Restore {
            message: "Restore has succeeded! An earlier attempt had completed it.".to_owned(),
        });
    }
    let target = run.engine.target_for(&run.job.organization, Some(&backup.target))?;
    let stored = Stored::new(&target.bucket, &backup);
    let manifest = stored.manifest_recorded_as(backup.manifest_sha256.as_deref()).await?;
    stored.check_sizes(&manifest).await?;
    let plugin = run.engine.runtime.method(&service.engine, &backup.method)?;
    let staged = needs_server(plugin.info());
    if !staged {
        // What is streamed into a live server cannot be taken back: read everything once before.
        run.observer.phase("check");
        prove(run, &stored, &manifest).await?;
    }
    run.check_stopped()?;
    fail_point("restore.checked")?;
    run.observer.expect(manifest.objects.iter().map(|object| object.plain_bytes).sum());
    let server = staged.then(|| ServiceControl::new(service, &run.attempt.id, Arc::clone(&run.observer) as _));
    let server = server.transpose()?.map(Arc::new);
    let result = perform(run, service, &plugin, stored, manifest, server.clone()).await;
    if let Some(server) = &server {
        server.close().await;
    }
    result?;
    fail_point("restore.done")?;
    Ok(Outcome::Restore { message: "Restore has succeeded!".to_owned() })
}

/// Whether an earlier attempt of this job has put the restored data in place without anybody knowing. One of another job is
/// written down as what it is, before this one replaces its data.
async fn adopt(run: &Run, service: &ServiceConfig) -> Result<bool> {
    let Some(done) = swap::completed(service)? else { return Ok(false) };
    let attempts = run.engine.catalog.attempts(&run.job.id).await?;
    if attempts.iter().any(|attempt| attempt.id == done) {
        swap::answers(service).await?;
        return Ok(true);
    }
    let message = "Restore has succeeded!";
    match run.engine.catalog.finish_recovered_restore(&done, message).await {
        Err(failure) if failure.retry => Err(failure),
        Err(failure) => {
            tracing::warn!(attempt = %done, error = %failure, "a completed restore could not be recorded");
            Ok(false)
        }
        Ok(_) => Ok(false),
    }
}

async fn perform(
    run: &Run,
    service: &ServiceConfig,
    plugin: &MethodPlugin,
    stored: Stored,
    manifest: Manifest,
    server: Option<Arc<ServiceControl>>,
) -> Result<()> {
    let request = RestoreRequest {
        service: method_service(service),
        config: run.engine.method_config(service, &run.job.method),
        chain: vec![link(&manifest)],
        until: None,
    };
    let links = BTreeMap::from([(manifest.backup.clone(), (stored, manifest))]);
    let reader = Arc::new(ChainReader::new(links, run.engine.keys.clone(), Arc::clone(&run.meter)));
    let attempt = Attempt {
        staging: server.as_ref().map(|server| server.staging().to_owned()),
        increment: server.as_ref().map(|server| server.increment().to_owned()),
        server: server.clone().map(|control| Arc::new(Guarded { control, lease: run.lease() }) as _),
        reader: Some(Arc::clone(&reader) as _),
        ..run.attempt_for(service)
    };
    run.confirm_lease().await?;
    if let Err(failure) = plugin.restore(attempt, request).await {
        run.check_stopped()?;
        return match reader.find_damage().await {
            Err(damage) if damage.kind == FailureKind::Corrupt => {
                tracing::info!(job = %run.job.id, error = %failure, "what met the damage first");
                Err(damage)
            }
            _ => Err(failure),
        };
    }
    match server {
        Some(server) if !server.swapped() => {
            Err(Failure::internal("the method returned success without putting the restored data in place"))
        }
        _ => swap::answers(service).await,
    }
}

/// The server in the hands of an attempt that may lose its lease: the swap, which cannot be taken back, asks first.
struct Guarded {
    control: Arc<ServiceControl>,
    lease: HeldLease,
}

#[async_trait]
impl ServerControl for Guarded {
    async fn status(&self) -> Result<ServerStatus> {
        self.control.status().await
    }

    async fn stage(&self, bytes: u64) -> Result<()> {
        self.control.stage(bytes).await
    }

    async fn stage_increment(&self, bytes: u64) -> Result<()> {
        self.control.stage_increment(bytes).await
    }

    async fn swap(&self) -> Result<Duration> {
        self.lease.confirm().await?;
        self.control.swap().await
    }
}

fn link(manifest: &Manifest) -> Link {
    Link {
        backup: manifest.backup.clone(),
        method: manifest.method.clone(),
        objects: manifest.objects.iter().map(link_object).collect(),
        report: manifest.report.clone(),
    }
}

fn link_object(object: &ManifestObject) -> Object {
    Object { name: object.name.clone(), media_type: object.media_type.clone(), plain_bytes: object.plain_bytes }
}

/// Reads, decrypts and digests every object to nothing.
async fn prove(run: &Run, stored: &Stored, manifest: &Manifest) -> Result<()> {
    for object in &manifest.objects {
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        let uncounted = Arc::new(Meter::default());
        verify_plain(source, object, &run.engine.keys, uncounted).await?;
    }
    Ok(())
}
