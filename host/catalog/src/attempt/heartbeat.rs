//! Keeping the lease.

use std::time::Duration;

use bulkhead_model::{AttemptId, Failure, Result};

use super::lease_is_gone;
use crate::catalog::Catalog;
use crate::fields::{Fields, big, plain};
use crate::session::sql;

/// How far an attempt is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Option<String>,
    /// Moved so far, in bytes before compression.
    pub plain_bytes: u64,
    /// Moved so far to or from the target, in bytes.
    pub stored_bytes: u64,
    /// Plain bytes that it expects to move.
    pub expected_bytes: Option<u64>,
}

/// What the holder of a lease is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Stop, leave nothing behind, and report the failure `cancelled`.
    pub cancel_requested: bool,
}

impl Catalog {
    /// Renews the lease for `lease` from now and says how far the attempt is.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease: it must stop and change nothing any more.
    pub async fn heartbeat(&self, attempt: &AttemptId, lease: Duration, progress: &Progress) -> Result<Heartbeat> {
        let mut session = self.begin().await?;
        let renew = sql("UPDATE attempts SET lease_until_us = $1 WHERE id = $2 AND state = 'leased' RETURNING job")
            .bind(session.now().plus(lease).as_micros())
            .bind(attempt.as_str());
        let Some(row) = session.row(renew).await? else {
            return Err(lease_is_gone(attempt));
        };
        let note = sql("UPDATE jobs SET phase = $1, plain_bytes = $2, stored_bytes = $3, expected_bytes = $4
             WHERE id = $5 AND state = 'running' RETURNING cancel_requested")
        .bind(progress.phase.as_deref().map(plain))
        .bind(big(progress.plain_bytes))
        .bind(big(progress.stored_bytes))
        .bind(progress.expected_bytes.map(big))
        .bind(Fields(&row).text("job")?);
        let Some(row) = session.row(note).await? else {
            return Err(Failure::internal(format!("attempt {attempt} is leased but its job does not run")));
        };
        let cancel_requested = Fields(&row).flag("cancel_requested")?;
        session.commit().await?;
        Ok(Heartbeat { cancel_requested })
    }
}
