//! Places where artifacts are kept: those of the operator stand in the configuration, those of organizations in the catalog.

mod credentials;
mod external;
mod options;
mod own;
mod probe;

use std::collections::BTreeMap;

use bulkhead_catalog as catalog;
use bulkhead_model::{Failure, OrganizationId, Result, TargetId, Timestamp};
use bulkhead_runtime::{Bucket, Runtime, StorageConfig};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::{SecretText, TargetConfig};
use crate::engine::Inner;

pub use credentials::operators_credentials;
pub use external::ExternalBucket;
pub(crate) use own::purpose;
pub use own::{CreateTarget, GivenCredentials, KnownTarget, UpdateTarget};
pub use probe::{ProbeState, ProbeStep, TargetProbe, probe_target};

/// Opened targets of organizations that are kept for the next job; one more, and all are opened anew.
const OPEN_MAX: usize = 1000;

/// A target and the bucket behind it.
#[derive(Clone)]
pub(crate) struct Target {
    pub id: TargetId,
    pub bucket: Bucket,
}

impl Target {
    /// Opens a target of the configuration through its storage plugin, which checks what is configured.
    pub async fn open(runtime: &Runtime, config: &TargetConfig) -> Result<Self> {
        let credentials = config.credentials.as_ref().map(|secret| secret.expose().to_owned());
        let storage = StorageConfig { config: config.config.clone(), credentials, operator: true };
        let opened = match runtime.storage(&config.plugin) {
            Ok(plugin) => plugin.open(storage).await,
            Err(failure) => Err(failure),
        };
        let bucket = opened.map_err(|failure| failure.context(format!("target `{}`", config.id)))?;
        Ok(Self { id: config.id.clone(), bucket })
    }
}

/// What a host has opened of the organizations' own targets.
#[derive(Default)]
pub(crate) struct OwnTargets(Mutex<BTreeMap<(OrganizationId, TargetId), Opened>>);

struct Opened {
    /// Of which state of the target. A deleted one may have been made again with the same number.
    revision: (Timestamp, u64),
    bucket: Bucket,
}

impl Inner {
    /// The target of an organization's backup, opened.
    ///
    /// # Errors
    /// `not-found`; those of its plugin.
    pub async fn target(&self, organization: &OrganizationId, id: &TargetId) -> Result<Target> {
        if let Some(target) = self.targets.get(id).filter(|_| self.operators_target(organization, id).is_some()) {
            return Ok(target.clone());
        }
        let own = self.catalog.target(organization, id).await?;
        let own = own.ok_or_else(|| missing(id))?;
        let bucket = self.open_own(&own).await.map_err(|failure| failure.context(format!("target `{id}`")))?;
        Ok(Target { id: own.id, bucket })
    }

    /// The target that a request names, or the default one of the organization.
    ///
    /// # Errors
    /// `not-found`; `invalid` when none is named and none is the default.
    pub async fn target_named(&self, organization: &OrganizationId, id: Option<&TargetId>) -> Result<TargetId> {
        let Some(id) = id else { return self.default_target(organization).await };
        if self.operators_target(organization, id).is_none() && self.catalog.target(organization, id).await?.is_none() {
            return Err(missing(id));
        }
        Ok(id.clone())
    }

    /// The target of an organization's backups that name none: its own default comes before the one for all.
    async fn default_target(&self, organization: &OrganizationId) -> Result<TargetId> {
        if let Some(own) = self.catalog.default_target(organization).await? {
            return Ok(own);
        }
        let defaults = || self.operators_targets(organization).filter(|target| target.default);
        let found = defaults().find(|target| target.organization.is_some()).or_else(|| defaults().next());
        found.map(|target| target.id.clone()).ok_or_else(|| {
            Failure::invalid("no target is the default").with_hint("set `default = true` on one [[target]]")
        })
    }

    /// Targets of the configuration that an organization may use.
    pub(super) fn operators_targets(&self, organization: &OrganizationId) -> impl Iterator<Item = &TargetConfig> {
        let visible =
            move |target: &&TargetConfig| target.organization.as_ref().is_none_or(|owner| owner == organization);
        self.config.targets.iter().filter(visible)
    }

    fn operators_target(&self, organization: &OrganizationId, id: &TargetId) -> Option<&TargetConfig> {
        self.operators_targets(organization).find(|target| target.id == *id)
    }

    /// Opens an organization's own target, or takes it as it was opened before.
    async fn open_own(&self, own: &catalog::Target) -> Result<Bucket> {
        let key = (own.organization.clone(), own.id.clone());
        let revision = (own.created_at, own.revision);
        if let Some(opened) = self.own_targets.0.lock().await.get(&key).filter(|opened| opened.revision == revision) {
            return Ok(opened.bucket.clone());
        }
        let credentials = self.open_credentials(own)?;
        let bucket = self.open_storage(&own.plugin, &own.config, credentials).await?;
        let mut opened = self.own_targets.0.lock().await;
        if opened.len() >= OPEN_MAX {
            opened.clear();
        }
        opened.insert(key, Opened { revision, bucket: bucket.clone() });
        Ok(bucket)
    }

    /// Opens what a tenant has named: with no more rights than everybody has.
    async fn open_storage(&self, plugin: &str, config: &Value, credentials: Option<SecretText>) -> Result<Bucket> {
        let credentials = credentials.map(|secret| secret.expose().to_owned());
        let storage = StorageConfig { config: config.clone(), credentials, operator: false };
        self.storage_for_tenants(plugin)?.open(storage).await
    }
}

fn missing(id: &TargetId) -> Failure {
    Failure::not_found(format!("there is no target `{id}`"))
}
