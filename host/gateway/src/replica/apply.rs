//! Events into the replica, in order.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result};
use bytes::Bytes;

use super::Replica;
use super::statement::statements;
use crate::event::Event;

/// Events of one transaction.
pub(crate) const STEP_EVENTS: usize = 500;
/// Their bytes: SurrealDB takes 1 MiB of statements at `/sql`.
pub(crate) const STEP_BYTES: usize = 256 << 10;
/// What is larger goes where larger things may go.
const SQL_BYTES: usize = 900 << 10;
/// The most time for one event that is as large as that.
const LARGE_DEADLINE: Duration = Duration::from_secs(60);

impl Replica {
    /// Brings events in. They are all there afterwards, or put aside because the replica does not take them; doing it again changes nothing.
    ///
    /// # Errors
    /// `unavailable` when the replica cannot be reached: some of them may be there then.
    pub async fn apply(&mut self, events: &[Arc<Event>]) -> Result<()> {
        match self.apply_together(events).await {
            Err(failure) if is_refusal(&failure) => {}
            done => return done,
        }
        // One of them is not taken. The tables may have changed since they were looked at.
        self.tables.clear();
        for event in events {
            match self.apply_together(std::slice::from_ref(event)).await {
                Err(failure) if is_refusal(&failure) => {
                    tracing::error!(sequence = event.sequence, table = event.change.table, id = event.change.id, %failure,
                        "the replica does not take an event; it was put aside");
                    self.refused.push(event, &failure.message)?;
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn apply_together(&mut self, events: &[Arc<Event>]) -> Result<()> {
        // As in an import, no event of the database fires, and nothing is derived a second time.
        let mut sql = "OPTION IMPORT;\nBEGIN;\n".to_owned();
        for event in events {
            let table = self.table(&event.change.table).await?;
            sql.push_str(&statements(&event.change, &table));
        }
        sql.push_str("COMMIT;\n");
        if sql.len() <= SQL_BYTES {
            return self.client.run(Some(&self.scope), &sql).await.map(drop);
        }
        let body = futures::stream::iter([Ok(Bytes::from(sql))]);
        self.client.import(&self.scope, body, LARGE_DEADLINE).await
    }
}

/// Whether the events themselves are at fault; otherwise it is the connection, the server or the login, and it may pass.
fn is_refusal(failure: &Failure) -> bool {
    failure.kind == FailureKind::Invalid && !failure.retry
}
