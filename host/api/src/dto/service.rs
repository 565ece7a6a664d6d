use bulkhead_engine::{Closed, ServiceConfig};
use serde::Serialize;
use utoipa::ToSchema;

/// The whole reason names files of the host, which readers need not know.
const FRONT_DOOR_TROUBLE: &str =
    "the front door cannot be opened or closed as it should; its /status and the host's log say why";

/// One service. Says nothing of addresses or users: readers need not know them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceDto {
    id: String,
    engine: String,
    server: String,
    /// Whether physical restores are possible: the host knows the data directory and how to stop and start the server.
    physical_restore: bool,
    state: ServiceState,
    /// Since when it is `restoring`.
    #[schema(format = DateTime)]
    restoring_since: Option<String>,
    /// Why it is, in a sentence.
    restoring_reason: Option<String>,
    /// Set when its front door lets nobody in though it should, or the other way round.
    front_door_trouble: Option<String>,
}

/// Whether a service holds what it is to hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It does, as far as is known here.
    Open,
    /// A restore or reset has begun to replace its data and has not succeeded: it cannot be backed up, and a front door before it
    /// refuses reads and writes, until one succeeds.
    Restoring,
}

impl ServiceDto {
    /// A service, why it is closed, if it is, and whether its front door does what it should.
    pub fn new(service: &ServiceConfig, closed: Option<&Closed>, front_door_is_wrong: bool) -> Self {
        Self {
            id: service.id.to_string(),
            engine: service.engine.clone(),
            server: service.server_name.clone(),
            physical_restore: service.data_dir.is_some() && !service.stop.is_empty() && !service.start.is_empty(),
            state: if closed.is_some() { ServiceState::Restoring } else { ServiceState::Open },
            restoring_since: closed.map(|closed| closed.since.to_seconds_string()),
            restoring_reason: closed.map(|closed| closed.reason.clone()),
            front_door_trouble: front_door_is_wrong.then(|| FRONT_DOOR_TROUBLE.to_owned()),
        }
    }
}
