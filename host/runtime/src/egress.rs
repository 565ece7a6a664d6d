//! What a storage plugin may speak to: the endpoint of its own target and nothing else.
//!
//! Two layers. The origin of a request (scheme, host, port) must be one that follows from the target's configuration by a grant; then
//! every address that its name resolves to is checked, and the connection goes to the very addresses that were looked at. Redirects
//! are not followed here: the plugin sees them, and whatever it asks for next is checked like anything else.

mod client;
mod connect;
mod hooks;
mod origin;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_model::{Failure, Result};

use self::client::Client;
pub(crate) use self::hooks::{Requests, link};
use self::origin::Origin;
use crate::grants::Grants;

/// The operator's word on where plugins may send requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressConfig {
    /// Origins, e.g. `http://127.0.0.1:3900` or `https://minio.internal`, that may have private addresses and, when they say `http`,
    /// be spoken to in the clear.
    pub endpoints: Vec<String>,
    /// PEM files with certificates of authorities to trust besides those of the public internet.
    pub ca_files: Vec<PathBuf>,
}

impl EgressConfig {
    /// Whether a text can be an entry of [`EgressConfig::endpoints`].
    pub fn is_origin(text: &str) -> bool {
        Origin::parse(text).is_some()
    }
}

/// The operator's word, read.
#[derive(Clone)]
pub(crate) struct EgressRules {
    endpoints: Arc<[Origin]>,
    tls: Arc<rustls::ClientConfig>,
}

impl EgressRules {
    /// # Errors
    /// `invalid`, naming the entry.
    pub(crate) fn new(config: &EgressConfig) -> Result<Self> {
        let origin = |text: &String| {
            Origin::parse(text).ok_or_else(|| {
                Failure::invalid(format!("[egress] endpoints: `{text}` is no origin")).with_hint(
                    "write scheme, host and port, e.g. \"http://127.0.0.1:3900\" or \"https://minio.internal\"",
                )
            })
        };
        let endpoints = config.endpoints.iter().map(origin).collect::<Result<_>>()?;
        Ok(Self { endpoints, tls: Arc::new(client::tls(&config.ca_files)?) })
    }
}

/// How far the operator trusts an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Any address, and plain http.
    Operator,
    /// Public addresses, by https.
    Tenant,
}

/// What one target's plugin may speak to, and the connections it has.
#[derive(Clone)]
pub(crate) struct Egress {
    origins: Arc<BTreeMap<Origin, Trust>>,
    client: Client,
}

impl Egress {
    /// The origins that follow from a target's configuration. `operator` says that the configuration is the operator's own: the
    /// endpoints in it are his word.
    ///
    /// # Errors
    /// `invalid` when a key that names an endpoint holds none; `denied` when one needs the operator's word or a grant and has it not.
    pub(crate) fn new(
        rules: &EgressRules,
        grants: &Grants,
        config: &serde_json::Value,
        operator: bool,
    ) -> Result<Self> {
        let mut origins = BTreeMap::new();
        for key in grants.asked("endpoint:") {
            let Some(value) = config.get(key) else { continue };
            let origin = value.as_str().and_then(Origin::of_url).ok_or_else(|| {
                Failure::invalid(format!("`{key}` of the configuration is no address"))
                    .with_hint("write e.g. https://s3.example.com: a scheme and a host, without a user or password")
            })?;
            grants.check(&format!("endpoint:{key}"))?;
            let trust = if operator || rules.endpoints.contains(&origin) { Trust::Operator } else { Trust::Tenant };
            if trust == Trust::Tenant {
                origin.check_public(key)?;
            }
            origins.insert(origin, trust);
        }
        for template in grants.asked("host:") {
            let Some(origin) = origin::fill(template, config).as_deref().and_then(Origin::parse) else { continue };
            if grants.check(&format!("host:{template}")).is_ok() && origin.is_https() {
                origins.entry(origin).or_insert(Trust::Tenant);
            }
        }
        let origins = Arc::new(origins);
        Ok(Self { client: Client::new(rules.tls.clone(), origins.clone()), origins })
    }
}
