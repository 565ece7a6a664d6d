//! Targets: can an object be written, read back and deleted?

use std::io::Read;

use bulkhead_engine::TargetConfig;
use bulkhead_model::{Failure, JobId, Result};
use bulkhead_runtime::{ByteSource, Runtime, StorageConfig};

use super::report::Report;
use crate::config::Config;
use crate::wiring;

const PROBE: &[u8] = b"bulkhead doctor";

/// Checks every target.
pub async fn check(config: &Config, runtime: &Runtime, report: &mut Report) {
    let plugins = runtime.plugins();
    for target in &config.targets {
        let target = wiring::absolute_directories(config, target, &plugins);
        let subject = format!("target {}", target.id);
        match probe(runtime, &target).await {
            Ok(()) => report.good(subject, format!("an object was written, read and deleted ({})", target.plugin)),
            Err(failure) => report.failure(subject, failure),
        }
    }
}

async fn probe(runtime: &Runtime, target: &TargetConfig) -> Result<()> {
    let plugin = runtime.storage(&target.plugin)?;
    plugin.validate(&target.config, None).await?;
    let bucket = plugin.open(StorageConfig { config: target.config.clone(), credentials: None, operator: true }).await?;
    // Keys of backups start with an organization, which cannot begin with an underscore.
    let key = format!("_doctor/{}", JobId::new());
    let written = bucket.put(&key, ByteSource::from_bytes(PROBE.to_vec())?, true).await;
    let read = match written {
        Ok(_) => read_back(&bucket, &key).await,
        Err(failure) => Err(failure.context("writing")),
    };
    let deleted = bucket.delete(&key).await;
    read?;
    deleted.map_err(|failure| failure.context("deleting"))
}

async fn read_back(bucket: &bulkhead_runtime::Bucket, key: &str) -> Result<()> {
    let source = bucket.get(key, None).await.map_err(|failure| failure.context("reading"))?;
    let data = source.data;
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        // One byte more than is expected shows an object that grew.
        std::fs::File::from(data).take(PROBE.len() as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read
        .await
        .map_err(|error| Failure::internal(error.to_string()))?
        .map_err(|error| Failure::unavailable(format!("reading: {error}")))?;
    ByteSource::ended(source.done).await?;
    if bytes == PROBE { Ok(()) } else { Err(Failure::corrupt("an object does not read as it was written")) }
}
