use bulkhead_engine::ServiceConfig;
use serde::Serialize;
use utoipa::ToSchema;

/// One service. Says nothing of addresses or users: readers need not know them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceDto {
    id: String,
    engine: String,
    server: String,
    /// Whether physical restores are possible: the host knows the data directory and how to stop and start the server.
    physical_restore: bool,
}

impl From<&ServiceConfig> for ServiceDto {
    fn from(service: &ServiceConfig) -> Self {
        Self {
            id: service.id.to_string(),
            engine: service.engine.clone(),
            server: service.server_name.clone(),
            physical_restore: service.data_dir.is_some() && !service.stop.is_empty() && !service.start.is_empty(),
        }
    }
}
