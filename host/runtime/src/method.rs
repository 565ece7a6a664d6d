//! Method plugins: ways to back up and restore one kind of database.

use std::fmt;
use std::sync::Arc;

use bulkhead_model::{BackupId, Failure, FailureKind, Method, Report, Result, ServiceId, Timestamp};
use wasmtime::Store;

use crate::Attempt;
use crate::call::{Call, QUESTION_DEADLINE, Sandbox};
use crate::contract::v0_1::MethodContract;
use crate::egress::{Egress, EgressRules};
use crate::runtime::PluginInfo;
use crate::stand_in::MethodStandIn;
use crate::state::{PluginState, Replacement};

/// The service that a request is about; mirrors `service` of `bulkhead:method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its engine, e.g. `mariadb`.
    pub engine: String,
    /// Name of the database server, as in the backup's id.
    pub server: String,
}

/// An object of a backup; mirrors `object` of `bulkhead:host/artifacts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Plain name, without suffixes for compression or encryption.
    pub name: String,
    /// What is inside.
    pub media_type: String,
    /// Plain bytes.
    pub plain_bytes: u64,
}

/// One backup of a chain; mirrors `link` of `bulkhead:method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The backup.
    pub backup: BackupId,
    /// The method that made it.
    pub method: Method,
    /// Its objects.
    pub objects: Vec<Object>,
    /// What the method said of it.
    pub report: Report,
}

/// What a backup is to be made of.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The backup's id.
    pub backup: BackupId,
    /// The service to back up.
    pub service: Service,
    /// The plugin's configuration.
    pub config: serde_json::Value,
    /// What the backup can continue, first what restores alone; empty for a method that stands alone.
    pub chain: Vec<Link>,
}

/// Where a restore stops; mirrors `stop` of `bulkhead:method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the state of this instant.
    Time(Timestamp),
    /// After this transaction, in the server's own notation.
    Transaction(String),
}

/// What a restore has reached; mirrors `restored` of `bulkhead:method`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Names and values, as in a report.
    pub positions: Vec<(String, String)>,
}

/// What is to be restored.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The service that is restored, not necessarily the one that was backed up.
    pub service: Service,
    /// The plugin's configuration.
    pub config: serde_json::Value,
    /// First the backup that restores alone, then what goes on top, in order. Of a method of logs the first link is what the server
    /// holds already.
    pub chain: Vec<Link>,
    /// Where to stop; `None` restores all that the chain holds.
    pub until: Option<Stop>,
}

/// What a restored server is to be asked about.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The restored service.
    pub service: Service,
    /// The backup that it should hold.
    pub link: Link,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth looking at.
    Warning,
    /// The restored server does not hold what the backup promised.
    Error,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, e.g. a table.
    pub subject: String,
    /// One lower-case phrase.
    pub message: String,
}

/// A loaded method plugin. Each call runs in a fresh sandbox, under the plugin's limits and grants.
#[derive(Clone)]
pub struct MethodPlugin {
    loaded: Arc<Loaded>,
}

struct Loaded {
    info: PluginInfo,
    body: Body,
}

enum Body {
    Component(Box<Component>),
    StandIn(Arc<dyn MethodStandIn>),
}

struct Component {
    sandbox: Sandbox,
    contract: MethodContract,
    egress: EgressRules,
}

impl fmt::Debug for MethodPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodPlugin").field("info", self.info()).finish_non_exhaustive()
    }
}

impl MethodPlugin {
    pub(crate) fn new(info: PluginInfo, sandbox: Sandbox, contract: MethodContract, egress: EgressRules) -> Self {
        let body = Body::Component(Box::new(Component { sandbox, contract, egress }));
        Self { loaded: Arc::new(Loaded { info, body }) }
    }

    pub(crate) fn stand_in(info: PluginInfo, stand_in: Arc<dyn MethodStandIn>) -> Self {
        Self { loaded: Arc::new(Loaded { info, body: Body::StandIn(stand_in) }) }
    }

    /// What the plugin says of itself.
    pub fn info(&self) -> &PluginInfo {
        &self.loaded.info
    }

    /// Lets the plugin check a configuration.
    ///
    /// # Errors
    /// The plugin's own, or that it trapped or used more than it may.
    pub async fn validate(&self, config: &serde_json::Value) -> Result<()> {
        let Body::Component(component) = &self.loaded.body else { return Ok(()) };
        let (store, call) = component.sandbox.prepare("validate", None, Vec::new(), None, QUESTION_DEADLINE)?;
        call.run(component.contract.validate(store, config.to_string())).await
    }

    /// Makes a backup into the attempt's writer.
    ///
    /// # Errors
    /// The plugin's own; `cancelled`; or that it trapped or used more than it may. Nothing is to be kept then.
    pub async fn backup(&self, attempt: Attempt, request: BackupRequest) -> Result<Report> {
        let component = match &self.loaded.body {
            Body::Component(component) => component,
            Body::StandIn(stand_in) => return stand_in.backup(attempt, request).await,
        };
        let (store, call) = component.prepare("backup", attempt)?;
        call.run(component.contract.backup(store, request)).await.map_err(|failure| self.attribute(failure))
    }

    /// Restores from the attempt's reader.
    ///
    /// # Errors
    /// As [`MethodPlugin::backup`].
    pub async fn restore(&self, attempt: Attempt, request: RestoreRequest) -> Result<Restored> {
        let component = self.component()?;
        let (mut store, call) = component.prepare("restore", attempt)?;
        store.data_mut().replacement = Replacement::Allowed;
        call.run(component.contract.restore(store, request)).await.map_err(|failure| self.attribute(failure))
    }

    /// Asks a restored server whether it holds what the backup promised.
    ///
    /// # Errors
    /// As [`MethodPlugin::backup`]; what is wrong with the server is a finding, not an error.
    pub async fn check(&self, attempt: Attempt, request: CheckRequest) -> Result<Vec<Finding>> {
        let component = self.component()?;
        let (store, call) = component.prepare("check", attempt)?;
        call.run(component.contract.check(store, request)).await.map_err(|failure| self.attribute(failure))
    }

    /// The words of a plugin that did not come with this host carry its name: whoever reads them must not take them for the host's.
    fn attribute(&self, failure: Failure) -> Failure {
        let PluginInfo { name, bundled, .. } = self.info();
        let named = failure.message.starts_with(&format!("plugin `{name}`"));
        if *bundled || named || failure.kind == FailureKind::Cancelled {
            return failure;
        }
        failure.context(format!("plugin `{name}`"))
    }

    fn component(&self) -> Result<&Component> {
        match &self.loaded.body {
            Body::Component(component) => Ok(component),
            Body::StandIn(_) => Err(Failure::unsupported("a stand-in makes backups and no more")),
        }
    }
}

impl Component {
    fn prepare(&self, function: &'static str, attempt: Attempt) -> Result<(Store<PluginState>, Call)> {
        let Self { sandbox, egress, .. } = self;
        let connection = attempt.connection.as_ref().filter(|_| sandbox.grants.allows("service"));
        let egress = connection.map(|connection| Egress::service(egress, connection)).transpose()?.flatten();
        let deadline = attempt.deadline;
        sandbox.prepare(function, Some(attempt), Vec::new(), egress, deadline)
    }
}
