//! `bulkhead:host/database`

use std::time::Duration;

use bulkhead_model::{Failure, Result};
use wasmtime::component::Accessor;

use crate::database::Rows;
use crate::state::{Host, PluginState};

/// The most time one statement may take.
const QUERY_DEADLINE: Duration = Duration::from_secs(600);

/// The most bytes one answer may have.
const MOST_ANSWER_BYTES: u64 = 16 << 20;

/// Runs a statement on the job's own service.
pub(crate) async fn query(host: &Accessor<PluginState, Host>, sql: &str) -> Result<Rows> {
    let (connection, deadline) = host.with(|mut access| {
        let attempt = access.get().granted("database")?;
        Ok::<_, Failure>((attempt.connection.clone(), attempt.deadline.min(QUERY_DEADLINE)))
    })?;
    let connection = connection.ok_or_else(|| Failure::unsupported("this service has no database connection"))?;
    connection.query(sql, deadline, MOST_ANSWER_BYTES).await
}
