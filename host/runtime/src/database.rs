//! SQL on the service's own server. The host holds the credentials, plugins see rows.

use std::time::Duration;

use bulkhead_model::Result;

use crate::Connection;

/// The answer to a query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values; `None` is SQL NULL, bytes that are not UTF-8 come with replacement characters.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Connection {
    /// Runs one statement on a connection of its own. `deadline` bounds the whole of it, `max_bytes` the answer.
    ///
    /// # Errors
    /// `unavailable` (retry) when the server does not answer in time, `denied` when it refuses the user or the statement,
    /// `invalid` with the server's message for a statement that it does not take.
    pub async fn query(&self, _sql: &str, _deadline: Duration, _max_bytes: u64) -> Result<Rows> {
        todo!()
    }

    /// Asks the server for its version, e.g. `10.11.19-MariaDB-log`.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn ping(&self, _deadline: Duration) -> Result<String> {
        todo!()
    }
}
