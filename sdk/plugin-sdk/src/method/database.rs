//! SQL on the job's own service. The host holds the credentials. Grant: `database`.

use crate::bindings::method::bulkhead::host::database as host;
use crate::{Failure, Result};

pub use host::Rows;

/// Runs one statement. The answer is bounded by the host.
///
/// # Errors
/// `denied` without the grant, `unavailable` when the server cannot be reached, `invalid` with the server's words.
pub async fn query(sql: &str) -> Result<Rows> {
    host::query(sql.to_owned()).await
}

/// Runs a statement that answers with one value. No row and SQL NULL are `None`.
///
/// # Errors
/// As [`query`].
pub async fn value(sql: &str) -> Result<Option<String>> {
    Ok(query(sql).await?.rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}

impl Rows {
    /// The values of a column in order, by its name.
    ///
    /// # Errors
    /// `unsupported` when the answer has no such column.
    pub fn column<'a>(&'a self, name: &str) -> Result<impl Iterator<Item = Option<&'a str>>> {
        let index = self
            .columns
            .iter()
            .position(|column| column.eq_ignore_ascii_case(name))
            .ok_or_else(|| Failure::unsupported(format!("the server's answer has no column {name}")))?;
        Ok(self.rows.iter().map(move |row| row.get(index).and_then(|value| value.as_deref())))
    }

    /// The value of a column of the first row.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.column(name).ok()?.next().flatten()
    }
}
