//! What the host itself says to a MariaDB server: single questions over a connection of its own, scripts by the `mariadb` client.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::Result;
use bulkhead_runtime::{ByteSource, Connection, ToolScope, ToolSet};

/// One statement.
const STATEMENT: Duration = Duration::from_mins(1);
/// The most of an answer.
const ANSWER: u64 = 16 << 20;
/// As what was dumped is loaded.
const ARGUMENTS: [&str; 3] = ["--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"];

/// Speaks to the server of one service, for one attempt.
pub(crate) struct SqlClient {
    tools: ToolSet,
    scope: ToolScope,
    connection: Arc<Connection>,
}

impl SqlClient {
    /// Scripts run as tools of the attempt do: within its deadline, and no longer than it.
    pub fn new(tools: &ToolSet, scope: ToolScope, connection: &Connection) -> Self {
        Self { tools: tools.clone(), scope, connection: Arc::new(connection.clone()) }
    }

    /// The rows that one statement gives.
    pub async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        Ok(self.connection.query(sql, STATEMENT, ANSWER).await?.rows)
    }

    /// Runs statements in one session, up to the first that fails.
    pub async fn script(&self, text: impl Into<bytes::Bytes>) -> Result<()> {
        let arguments = ARGUMENTS.map(str::to_owned);
        let client = self.tools.run(&self.scope, "mariadb", &arguments, Some(ByteSource::from_bytes(text)?)).await?;
        client.wait().await.map(drop)
    }
}
