//! What an organization asks about its targets: made, changed and deleted through the API, their credentials sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulkhead_catalog::{NewTarget, Target as CatalogTarget, TargetChange, TargetOrigin, TargetTest};
use bulkhead_model::{Failure, FailureKind, OrganizationId, Result, TargetId};
use bulkhead_runtime::{StorageConfig, StoragePlugin};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::external::ExternalBucket;
use super::probe::{ProbeState, TargetProbe, probe, probe_target};
use super::{credentials, missing, options};
use crate::config::{SecretText, TargetConfig};
use crate::engine::{Engine, Inner};

/// Keys of a configuration that say where objects lie. Whatever else it says is how.
const PLACE: [&str; 6] = ["account", "bucket", "container", "endpoint", "prefix", "root"];

/// Make a target.
#[derive(Clone, Debug)]
pub struct CreateTarget {
    /// Its name.
    pub id: TargetId,
    /// The storage plugin's name.
    pub plugin: String,
    /// The plugin's configuration.
    pub config: Map<String, Value>,
    /// Who may use it.
    pub credentials: Option<GivenCredentials>,
    /// For backups that name none.
    pub default: bool,
}

/// Change a target; `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub struct UpdateTarget {
    /// Keys of the configuration; null takes one away.
    pub config: Option<Map<String, Value>>,
    /// In place of those that are there.
    pub credentials: Option<GivenCredentials>,
    /// For backups that name none.
    pub default: Option<bool>,
}

/// Credentials as a caller gives them.
#[derive(Clone, Debug)]
pub enum GivenCredentials {
    /// A credentials file in base64.
    File(SecretText),
    /// JSON in the plugin's own form.
    Plain(SecretText),
}

/// A target as its organization may know it.
#[derive(Clone, Debug)]
pub struct KnownTarget {
    /// Its name.
    pub id: TargetId,
    /// The storage plugin's name.
    pub plugin: String,
    /// Whether the organization's backups go there when they name none.
    pub default: bool,
    /// Whether other organizations keep backups there as well.
    pub managed: bool,
    /// What the organization itself has said of it; `None` when the operator did.
    pub own: Option<CatalogTarget>,
}

/// What a storage plugin takes.
struct Checked {
    config: Value,
    credentials: Option<SecretText>,
}

impl Engine {
    /// The targets that backups of an organization may go to, by id.
    ///
    /// # Errors
    /// Those of the catalog.
    pub async fn targets(&self, organization: &OrganizationId) -> Result<Vec<KnownTarget>> {
        let inner = &self.inner;
        let default = inner.target_named(organization, None).await.ok();
        let operators = inner.operators_targets(organization).map(KnownTarget::operators);
        let own = inner.catalog.targets(organization).await?.into_iter().map(KnownTarget::own);
        let mut targets: Vec<KnownTarget> = operators.chain(own).collect();
        for target in &mut targets {
            target.default = default.as_ref() == Some(&target.id);
        }
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(targets)
    }

    /// One of them.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn target(&self, organization: &OrganizationId, id: &TargetId) -> Result<KnownTarget> {
        self.targets(organization).await?.into_iter().find(|target| target.id == *id).ok_or_else(|| missing(id))
    }

    /// The addresses of the buckets that schedules brought with them.
    ///
    /// # Errors
    /// Those of the catalog.
    pub async fn inline_addresses(&self, organization: &OrganizationId) -> Result<BTreeMap<TargetId, String>> {
        let own = self.inner.catalog.targets(organization).await?.into_iter();
        let inline = own.filter(|target| target.origin == TargetOrigin::Inline);
        Ok(inline.filter_map(|own| Some((own.id, ExternalBucket::address(&own.plugin, &own.config)?))).collect())
    }

    /// Makes a target of the organization's own.
    ///
    /// # Errors
    /// `invalid`, naming the field; `denied` for a place that only the operator may name; `conflict` when the id is taken.
    pub async fn create_target(&self, organization: &OrganizationId, ask: CreateTarget) -> Result<KnownTarget> {
        let made = self.inner.create_target(organization, ask, TargetOrigin::Api).await?;
        self.target(organization, &made.id).await
    }

    /// Changes a target of the organization's own.
    ///
    /// # Errors
    /// As [`create_target`](Self::create_target); `not-found`; `conflict` when backups lie in the place that it would leave.
    pub async fn update_target(
        &self,
        organization: &OrganizationId,
        id: &TargetId,
        ask: UpdateTarget,
    ) -> Result<KnownTarget> {
        let inner = &self.inner;
        let own = inner.own_target(organization, id).await?;
        let mut change = TargetChange { default: ask.default, revision: own.revision, ..TargetChange::default() };
        if ask.config.is_some() || ask.credentials.is_some() {
            let plugin = inner.storage_for_tenants(&own.plugin)?;
            let mut config = own.config.as_object().cloned().unwrap_or_default();
            for (key, value) in ask.config.unwrap_or_default() {
                match value {
                    Value::Null => config.remove(&key),
                    value => config.insert(key, value),
                };
            }
            let kept = || inner.open_credentials(&own).map(|kept| kept.map(GivenCredentials::Plain));
            let renewed = ask.credentials.is_some();
            let given = ask.credentials.map_or_else(kept, |given| Ok(Some(given)))?;
            let checked = check(&plugin, config, given).await?;
            change.elsewhere = place(&own.config) != place(&checked.config);
            if renewed {
                let sealed = checked.credentials.as_ref().map(|plain| inner.seal_credentials(organization, id, plain));
                change.sealed_credentials = sealed.transpose()?.map(Into::into);
            }
            change.config = Some(checked.config);
        }
        inner.catalog.update_target(organization, id, change).await?;
        self.target(organization, id).await
    }

    /// Removes a target of the organization's own that nothing uses. What lies in the place itself stays there.
    ///
    /// # Errors
    /// `not-found`; `conflict`, saying what uses it, or that it is the operator's.
    pub async fn delete_target(&self, organization: &OrganizationId, id: &TargetId) -> Result<()> {
        self.inner.own_target(organization, id).await?;
        self.inner.catalog.delete_target(organization, id).await?;
        Ok(())
    }

    /// Tries out a target. What was found is kept with it.
    ///
    /// # Errors
    /// `not-found`; that something does not work is no failure.
    pub async fn test_target(&self, organization: &OrganizationId, id: &TargetId) -> Result<TargetProbe> {
        let (inner, organization, id) = (Arc::clone(&self.inner), organization.clone(), id.clone());
        // In a task of its own: a caller who goes away leaves no probe behind.
        let test = tokio::spawn(async move { inner.test_target(&organization, &id).await });
        test.await.map_err(|broken| Failure::internal(format!("a test of a target broke down: {broken}")))?
    }
}

impl KnownTarget {
    /// The address of an organization's own bucket, e.g. `s3://bucket/prefix`.
    pub fn address(&self) -> Option<String> {
        self.own.as_ref().and_then(|own| ExternalBucket::address(&own.plugin, &own.config))
    }

    fn operators(target: &TargetConfig) -> Self {
        Self {
            id: target.id.clone(),
            plugin: target.plugin.clone(),
            default: false,
            managed: target.organization.is_none(),
            own: None,
        }
    }

    fn own(target: CatalogTarget) -> Self {
        let (id, plugin) = (target.id.clone(), target.plugin.clone());
        Self { id, plugin, default: false, managed: false, own: Some(target) }
    }
}

impl Inner {
    /// The organization's target for a bucket that a schedule brings with it: the one that there is, or a new one. Its credentials are
    /// those that were given last.
    pub(crate) async fn inline_target(
        &self,
        organization: &OrganizationId,
        bucket: &ExternalBucket,
    ) -> Result<TargetId> {
        let id = inline_id(bucket)?;
        let given = bucket.credentials.clone().map(GivenCredentials::Plain);
        let config = bucket.config.as_object().cloned().unwrap_or_default();
        let Some(own) = self.catalog.target(organization, &id).await? else {
            let plugin = bucket.plugin.clone();
            let ask = CreateTarget { id, plugin, config, credentials: given, default: false };
            return Ok(self.create_target(organization, ask, TargetOrigin::Inline).await?.id);
        };
        let known = self.open_credentials(&own)?;
        if known == bucket.credentials {
            return Ok(id);
        }
        let plugin = self.storage_for_tenants(&own.plugin)?;
        // The place is the same by its id; options that were set since are not the schedule's to change.
        let checked = check(&plugin, own.config.as_object().cloned().unwrap_or_default(), given).await?;
        let sealed = checked.credentials.as_ref().map(|plain| self.seal_credentials(organization, &id, plain));
        let sealed_credentials = sealed.transpose()?.map(Into::into);
        let change = TargetChange { sealed_credentials, revision: own.revision, ..TargetChange::default() };
        self.catalog.update_target(organization, &id, change).await?;
        tracing::info!(%organization, target = %id, "a schedule brought new credentials for its storage");
        Ok(id)
    }

    async fn create_target(
        &self,
        organization: &OrganizationId,
        ask: CreateTarget,
        origin: TargetOrigin,
    ) -> Result<CatalogTarget> {
        // Those of all organizations: jobs are limited by the target's name.
        if self.config.targets.iter().any(|target| target.id == ask.id) {
            return Err(
                Failure::conflict(format!("there is a target `{}` already", ask.id)).with_hint("choose another id")
            );
        }
        let plugin = self.storage_for_tenants(&ask.plugin)?;
        let checked = check(&plugin, ask.config, ask.credentials).await?;
        let sealed = checked.credentials.as_ref().map(|plain| self.seal_credentials(organization, &ask.id, plain));
        let new = NewTarget {
            organization: organization.clone(),
            id: ask.id,
            plugin: ask.plugin,
            config: checked.config,
            sealed_credentials: sealed.transpose()?.map(Into::into),
            default: ask.default,
            origin,
        };
        self.catalog.create_target(new).await
    }

    async fn own_target(&self, organization: &OrganizationId, id: &TargetId) -> Result<CatalogTarget> {
        match self.catalog.target(organization, id).await? {
            Some(own) => Ok(own),
            None if self.operators_target(organization, id).is_some() => {
                Err(Failure::conflict(format!("target `{id}` stands in the host's configuration"))
                    .with_hint("only the operator can change it there"))
            }
            None => Err(missing(id)),
        }
    }

    async fn test_target(&self, organization: &OrganizationId, id: &TargetId) -> Result<TargetProbe> {
        if let Some(target) = self.operators_target(organization, id) {
            let found = probe_target(&self.runtime, target).await;
            return Ok(if target.organization.is_some() { found } else { without_insight(id, found) });
        }
        let own = self.own_target(organization, id).await?;
        let plugin = self.storage_for_tenants(&own.plugin)?;
        let credentials = self.open_credentials(&own)?.map(|secret| secret.expose().to_owned());
        let storage = StorageConfig { config: own.config.clone(), credentials, operator: false };
        let found = probe(&plugin, storage).await;
        let test = TargetTest { revision: own.revision, at: self.clock.now(), found: json!(found) };
        self.catalog.keep_target_test(organization, id, test).await?;
        Ok(found)
    }

    /// A storage plugin that a tenant has named.
    pub(super) fn storage_for_tenants(&self, name: &str) -> Result<StoragePlugin> {
        self.runtime.storage(name).map_err(|failure| match failure.kind {
            FailureKind::NotFound => Failure::invalid(format!("`plugin`: this host has no storage plugin `{name}`"))
                .with_hint("`bulkhead plugin list` shows those it has"),
            _ => failure,
        })
    }

    /// The credentials of an organization's own target, in the plugin's form.
    pub(super) fn open_credentials(&self, own: &CatalogTarget) -> Result<Option<SecretText>> {
        let Some(sealed) = &own.sealed_credentials else { return Ok(None) };
        let plain = self.master_key.open(&purpose(&own.organization, &own.id), sealed.as_str())?;
        let text = String::from_utf8(plain).map_err(|_| Failure::corrupt("sealed credentials are no text"))?;
        Ok(Some(SecretText::new(text)))
    }

    fn seal_credentials(&self, organization: &OrganizationId, id: &TargetId, plain: &SecretText) -> Result<String> {
        self.master_key.seal(&purpose(organization, id), plain.expose().as_bytes())
    }
}

/// What sealed credentials are for.
pub(crate) fn purpose(organization: &OrganizationId, id: &TargetId) -> String {
    format!("target:{organization}:{id}")
}

/// Lets the plugin look at a configuration and its credentials, and makes sure that a tenant may name what is named there.
async fn check(
    plugin: &StoragePlugin,
    mut config: Map<String, Value>,
    given: Option<GivenCredentials>,
) -> Result<Checked> {
    let name = &plugin.info().name;
    config.retain(|_, value| !value.is_null());
    if let Some(key) = config.iter().find_map(|(key, value)| holds_password(value).then_some(key)) {
        return Err(Failure::invalid(format!("`config.{key}` must not hold a user or a password"))
            .with_hint("it would be shown to everybody who may see the target: give it as `credentials`"));
    }
    let read = given.map(|given| match given {
        GivenCredentials::File(text) => credentials::from_base64(name, text.expose()),
        GivenCredentials::Plain(text) => credentials::from_file(name, text.expose()),
    });
    let read = read.transpose().and_then(|read| read.map(|read| read.into_config(&mut config)).transpose());
    let credentials = read.map_err(|failure| failure.context("`credentials`"))?;
    options::check("config", &config, &plugin.info().config_schema)?;
    let config = Value::Object(config);
    let text = credentials.as_ref().map(SecretText::expose);
    plugin.validate(&config, text).await?;
    let storage = StorageConfig { config, credentials: text.map(str::to_owned), operator: false };
    plugin.check_reach(&storage)?;
    Ok(Checked { config: storage.config, credentials })
}

/// Whether a text is an address with a user in it.
fn holds_password(value: &Value) -> bool {
    let address = value.as_str().and_then(|text| url::Url::parse(text).ok());
    address.is_some_and(|address| !address.username().is_empty() || address.password().is_some())
}

/// Where objects lie by a configuration. An empty prefix is none, and its slashes at the ends mean nothing.
fn place(config: &Value) -> Vec<(&'static str, Value)> {
    let said = |key: &&'static str| match config.get(*key)? {
        Value::String(text) => Some((*key, text.trim_matches('/').into())),
        value => Some((*key, value.clone())),
    };
    PLACE.iter().filter_map(said).filter(|(_, value)| *value != "" && !value.is_null()).collect()
}

/// The name of the target for a bucket that a schedule brings with it: the bucket's, and what tells it from others of that name.
fn inline_id(bucket: &ExternalBucket) -> Result<TargetId> {
    const NAME: usize = 40;
    let place = json!([bucket.plugin, place(&bucket.config)]).to_string();
    let digest: String =
        URL_SAFE_NO_PAD.encode(Sha256::digest(place)).chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let name = ["bucket", "container"].iter().find_map(|key| bucket.config.get(*key)?.as_str()).unwrap_or("bucket");
    let name: String = name.chars().take(NAME).collect();
    format!("{name}-{digest}").parse().map_err(|error| Failure::internal(format!("{error}")))
}

/// The operator's storage is nobody's business: how it fails stands in the log.
fn without_insight(id: &TargetId, found: TargetProbe) -> TargetProbe {
    let hide = |mut step: super::ProbeStep| {
        if let Some(message) = step.message.take() {
            tracing::warn!(target = %id, step = step.name, error = message, "a test of the target found something");
            if step.state == ProbeState::Failed {
                step.message = Some("it does not work; the host's log says more".to_owned());
            }
            step.hint = None;
        }
        step
    };
    TargetProbe { ok: found.ok, steps: found.steps.into_iter().map(hide).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_where_is_told_from_what_says_how() {
        let same = [
            json!({"bucket": "b", "prefix": "a", "region": "x"}),
            json!({"bucket": "b", "prefix": "/a/", "storage_class": "COLD", "endpoint": null}),
        ];
        assert_eq!(place(&same[0]), place(&same[1]));
        assert_eq!(place(&json!({"bucket": "b", "prefix": ""})), place(&json!({"bucket": "b"})));
        for other in [json!({"bucket": "b"}), json!({"bucket": "b", "prefix": "a", "endpoint": "https://x"})] {
            assert_ne!(place(&other), place(&same[0]), "{other}");
        }
    }

    #[test]
    fn a_bucket_has_the_same_name_however_it_is_written() {
        let id = |address: &str| inline_id(&ExternalBucket::read(address, None).unwrap()).unwrap();
        assert_eq!(id("s3://my_backups/sky"), id("s3://my_backups/sky/"));
        assert!(id("s3://my_backups").as_str().starts_with("my_backups-"), "{}", id("s3://my_backups"));
        for other in ["s3://my_backups", "gs://my_backups/sky", "s3://my_backup/sky", "azure://acct/my_backups/sky"] {
            assert_ne!(id(other), id("s3://my_backups/sky"), "{other}");
        }
        assert!(id(&format!("s3://{}", "b".repeat(255))).as_str().len() <= 63);
    }

    #[test]
    fn passwords_in_addresses_are_seen() {
        for (value, holds) in [
            (json!("https://user:pw@example.com"), true),
            (json!("https://token@example.com/x"), true),
            (json!("https://example.com/a@b"), false),
            (json!("user@example.com"), false),
            (json!(7), false),
        ] {
            assert_eq!(holds_password(&value), holds, "{value}");
        }
    }
}
