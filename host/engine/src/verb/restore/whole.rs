//! All that a chain holds, as its last backup holds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{Failure, Report, Result};
use bulkhead_runtime::{Attempt, Observer as _, RestoreRequest, ServerControl, ServerStatus};
use bulkhead_surrealdb::Client;

use super::{Done, base_of, dumped, reader_of};
use crate::config::ServiceConfig;
use crate::engine::needs_server;
use crate::executor::{HeldLease, Run};
use crate::failpoint::fail_point;
use crate::pipeline::{Meter, verify_plain};
use crate::swap::{self, ServiceControl};
use crate::verb::artifacts::RestoreReader;
use crate::verb::backup::method_service;
use crate::verb::gtids;
use crate::verb::links::Links;
use crate::verb::replacement::Replacement;
use crate::verb::throw_away::blame;

/// One question to a server.
const ASK: Duration = Duration::from_secs(10);

pub(super) async fn run(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    replacement: &mut Replacement<'_>,
) -> Result<Done> {
    let base = base_of(chain)?;
    let plugin = run.engine.runtime.method(&service.engine, &base.method)?;
    let reader = reader_of(run, chain, &Links::none());
    if needs_server(plugin.info()) {
        return put(run, service, chain, reader, replacement).await;
    }
    // What is streamed into a live server cannot be taken back, and the method reads no more than it needs: all of it once before.
    run.observer.phase("check");
    prove(run, chain).await?;
    load(run, service, chain, reader, replacement).await
}

/// Gives a service what a dump or an export holds: by a swap where one is possible, otherwise into the running server.
pub(super) async fn load(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    reader: Arc<impl RestoreReader + 'static>,
    replacement: &mut Replacement<'_>,
) -> Result<Done> {
    if service.surrealdb.is_none() {
        if dumped::can_be_swapped(service) {
            // Where it turns out that it cannot be, the dump has been read and loaded once all the same.
            if let Some(done) = dumped::run(run, service, chain, &reader).await? {
                return Ok(done);
            }
        } else {
            dumped::rehearse(run, service, chain, &reader).await?;
        }
    }
    put(run, service, chain, reader, replacement).await
}

/// Gives a service, and its replica, what a chain holds, which has been checked when it cannot be taken back.
pub(super) async fn put(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    reader: Arc<impl RestoreReader + 'static>,
    replacement: &mut Replacement<'_>,
) -> Result<Done> {
    let base = base_of(chain)?;
    let plugin = run.engine.runtime.method(&service.engine, &base.method)?;
    let staged = needs_server(plugin.info());
    run.check_stopped()?;
    fail_point("restore.checked")?;
    replacement.close().await?;
    let replica = replacement.replica();
    run.observer.expect(chain.plain_bytes() * if replica.is_some() { 2 } else { 1 });
    let server = staged.then(|| ServiceControl::new(service, &run.attempt.id, Arc::clone(&run.observer) as _));
    let server = server.transpose()?.map(Arc::new);
    let request = RestoreRequest {
        service: method_service(service),
        config: run.engine.method_config(service, &base.method),
        chain: chain.links.clone(),
        until: None,
    };
    let guarded =
        |control| Guarded { control, lease: run.lease(), service: service.clone(), base: base.report.clone() };
    let attempt = Attempt {
        staging: server.as_ref().map(|server| server.staging().to_owned()),
        increment: server.as_ref().map(|server| server.increment().to_owned()),
        server: server.clone().map(|control| Arc::new(guarded(control)) as _),
        replacing: Some(replacement.beginning()),
        reader: Some(Arc::clone(&reader) as _),
        observer: replacement.observer("main"),
        ..run.attempt_for(service)
    };
    run.confirm_lease().await?;
    let restored = plugin.restore(attempt.clone(), request.clone()).await;
    let mut remark = String::new();
    if let Some(server) = &server {
        server.close().await;
        remark = server.remark();
    }
    let reached = match (restored, &server) {
        (Ok(restored), None) => {
            answers(service).await?;
            restored.positions
        }
        (Ok(restored), Some(server)) if server.swapped() => restored.positions,
        (Ok(_), Some(_)) => {
            return Err(Failure::internal("the method returned success without putting the restored data in place"));
        }
        // What the swap has put in place is live, whatever happened to the method afterwards.
        (Err(failure), Some(server)) if server.swapped() => {
            run.observer.warn(&format!("the restored data is live; after that the method failed: {failure}"));
            base.report.positions.clone()
        }
        (Err(failure), _) => return Err(blame(run, reader.as_ref(), failure).await),
    };
    fail_point("restore.main")?;
    if let Some(connection) = replica {
        let observer = replacement.observer("replica");
        let attempt = Attempt { connection: Some(connection), observer, ..attempt };
        if let Err(failure) = plugin.restore(attempt, request).await {
            return Err(blame(run, reader.as_ref(), failure).await.context("the replica"));
        }
        fail_point("restore.replica")?;
    }
    Ok(Done { message: format!("Restore has succeeded!{remark}"), reached })
}

/// Fails unless the service's server answers now.
async fn answers(service: &ServiceConfig) -> Result<()> {
    match &service.surrealdb {
        Some(server) => Client::new(server, ASK)?.alive().await,
        None => swap::answers(service).await,
    }
}

/// The server in the hands of an attempt that may lose its lease: the swap, which cannot be taken back, asks first.
struct Guarded {
    control: Arc<ServiceControl>,
    lease: HeldLease,
    service: ServiceConfig,
    base: Report,
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
        gtids::keep(&self.service, self.control.staging(), &self.base, self.base.position("gtid")).await?;
        self.lease.confirm().await?;
        self.control.swap().await
    }
}

/// Reads, decrypts and digests every object to nothing.
async fn prove(run: &Run, chain: &Links) -> Result<()> {
    for (stored, manifest) in chain.stored.values() {
        for object in &manifest.objects {
            let source = stored.bucket.get(&stored.key(&object.key), None).await?;
            let uncounted = Arc::new(Meter::default());
            verify_plain(source, object, &run.engine.keys, uncounted).await?;
        }
    }
    Ok(())
}
