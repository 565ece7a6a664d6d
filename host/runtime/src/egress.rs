//! What a plugin may speak to: a storage plugin to the endpoints of its own target, a method plugin to its job's own service, and nothing
//! else.
//!
//! Two layers. The origin of a request (scheme, host, port) must be one that follows from the target's configuration by a grant, or that of the job's service; then
//! every address that its name resolves to is checked, and the connection goes to the very addresses that were looked at. Redirects
//! are not followed here: the plugin sees them, and whatever it asks for next is checked like anything else.

mod client;
mod connect;
mod hooks;
mod origin;
mod service;
mod session;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_model::{Failure, Result};
use http::{Request, Response};
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use self::client::Client;
use self::hooks::Deadlines;
pub(crate) use self::hooks::{Requests, link};
use self::origin::Origin;
use self::service::{Door, SERVICE_ORIGIN};
use crate::Connection;
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

/// What one plugin may speak to, and the connections it has.
#[derive(Clone)]
pub(crate) struct Egress {
    /// What the plugin may name.
    names: Names,
    client: Client,
    deadlines: Deadlines,
}

#[derive(Clone)]
enum Names {
    /// The endpoints of a target, as they are.
    Endpoints(Arc<BTreeMap<Origin, Trust>>),
    /// The job's service.
    Service(Arc<Door>),
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
        let client = Client::new(rules.tls.clone(), origins.clone());
        Ok(Self { names: Names::Endpoints(origins), client, deadlines: Deadlines::default() })
    }

    /// The service of a job, if it speaks HTTP. Its address is the operator's own.
    ///
    /// # Errors
    /// `invalid` for an address that is none.
    pub(crate) fn service(rules: &EgressRules, connection: &Connection) -> Result<Option<Self>> {
        let Some(access) = &connection.http else { return Ok(None) };
        let (door, origin) = Door::new(connection, access)?;
        let origins = Arc::new(BTreeMap::from([(origin, Trust::Operator)]));
        let client = Client::new(rules.tls.clone(), origins);
        Ok(Some(Self { names: Names::Service(Arc::new(door)), client, deadlines: service::DEADLINES }))
    }

    /// Sends a request whose origin was checked.
    async fn send(&self, request: Request<WasiBody>) -> std::result::Result<Response<Incoming>, Error> {
        match &self.names {
            Names::Endpoints(_) => self.client.send(request).await,
            Names::Service(door) => door.send(&self.client, request).await,
        }
    }

    /// Whether a plugin may name this origin.
    fn knows(&self, origin: &Origin) -> bool {
        match &self.names {
            Names::Endpoints(origins) => origins.contains_key(origin),
            Names::Service(_) => Origin::parse(SERVICE_ORIGIN).as_ref() == Some(origin),
        }
    }
}
