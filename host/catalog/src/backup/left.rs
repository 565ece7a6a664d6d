//! Backups as the sweep sees them, and those that were left on their way out.

use std::time::Duration;

use bulkhead_model::{BackupId, BackupState, OrganizationId, Result, TargetId};

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::{batches, places, sql, sql_of_parts};

/// A deletion that fails again and again is begun less and less often, down to once in this many waits.
const WAITS_MAX: i64 = 24;

/// What the sweep has to know of a backup to tell what of it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBackup {
    /// Its id.
    pub id: BackupId,
    /// Where its objects are stored.
    pub target: TargetId,
    /// Where it stands.
    pub state: BackupState,
    /// Bytes of its objects, without the manifest.
    pub stored_bytes: u64,
    /// SHA-256 of the manifest as stored, hexadecimal.
    pub manifest_sha256: Option<String>,
}

impl Catalog {
    /// The backups of these ids, whoever they belong to; those that are not known are left out. For the sweep, never for an answer to
    /// a caller.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn backups_any_org(&self, ids: &[BackupId]) -> Result<Vec<KnownBackup>> {
        let mut known = Vec::with_capacity(ids.len());
        for batch in batches(ids) {
            let text = format!(
                "SELECT id, target, state, stored_bytes, manifest_sha256 FROM backups WHERE id IN {}",
                places(1, batch.len())
            );
            let mut query = sql_of_parts(text);
            for id in batch {
                query = query.bind(id.as_str().to_owned());
            }
            for row in &self.rows(query).await? {
                let row = Fields(row);
                known.push(KnownBackup {
                    id: row.parsed("id")?,
                    target: row.parsed("target")?,
                    state: row.parsed("state")?,
                    stored_bytes: row.unsigned("stored_bytes")?,
                    manifest_sha256: row.optional_text("manifest_sha256")?,
                });
            }
        }
        Ok(known)
    }

    /// Backups on their way out, at most `limit`, that no job deletes: it was cancelled, or it failed. After a job that has ended, one
    /// is answered again after `wait`; after the second, after twice that time; and so on.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn left_deleting(&self, wait: Duration, limit: u32) -> Result<Vec<(OrganizationId, BackupId)>> {
        // A job that ended in the future ended by a clock that was wrong.
        let query = sql("SELECT b.organization, b.id FROM backups b
             LEFT JOIN jobs j ON j.backup = b.id AND j.kind = 'expire'
             WHERE b.state = 'deleting' AND b.state <> 'deleted' AND b.state <> 'succeeded'
             GROUP BY b.organization, b.id
             HAVING MAX(CASE WHEN j.state IN ('scheduled', 'running') THEN 1 ELSE 0 END) = 0
                 AND (COUNT(j.id) = 0 OR MAX(j.finished_at_us) > $1 OR MAX(j.finished_at_us) <=
                     $1 - $2 * (CASE WHEN COUNT(j.id) < $3 THEN COUNT(j.id) ELSE $3 END))
             ORDER BY b.id LIMIT $4")
        .bind(self.now().as_micros())
        .bind(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / WAITS_MAX))
        .bind(WAITS_MAX)
        .bind(i64::from(limit));
        let rows = self.rows(query).await?;
        rows.iter().map(|row| Ok((Fields(row).parsed("organization")?, Fields(row).parsed("id")?))).collect()
    }

    /// Whether a job waits or runs that deletes a backup.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn is_deletion_under_way(&self, backup: &BackupId) -> Result<bool> {
        let query =
            sql("SELECT id FROM jobs WHERE backup = $1 AND kind = 'expire' AND state IN ('scheduled', 'running')")
                .bind(backup.as_str());
        Ok(!self.rows(query).await?.is_empty())
    }
}
