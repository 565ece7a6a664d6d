//! Backups that were found in a target: their manifest says what there is to know of them.

use bulkhead_model::{BackupId, BackupState, JobId, Manifest, OrganizationId, Result, ServiceId, TargetId};

use super::Backup;
use crate::catalog::Catalog;
use crate::fields::{big, json};
use crate::session::sql;

/// A backup that lies in a target.
#[derive(Clone, Debug)]
pub struct FoundBackup<'a> {
    /// Whose it is from now on.
    pub organization: &'a OrganizationId,
    /// Of which service it counts from now on.
    pub service: &'a ServiceId,
    /// Where it lies.
    pub target: &'a TargetId,
    /// Where in the target, when another installation put it there.
    pub folder: Option<&'a str>,
    /// Whether neither retention nor a person deletes it.
    pub pinned: bool,
    /// What it says of itself.
    pub manifest: &'a Manifest,
    /// SHA-256 of the manifest as stored, hexadecimal.
    pub manifest_sha256: &'a str,
}

impl Catalog {
    /// Writes down a backup that was found, as one that has succeeded. What it is restored on top of must be known already.
    /// `None` when a backup of this id is known, in whatever state.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn register_backup(&self, found: &FoundBackup<'_>) -> Result<Option<Backup>> {
        let FoundBackup { manifest, .. } = found;
        let mut session = self.begin().await?;
        let bytes = |size: fn(&bulkhead_model::ManifestObject) -> u64| big(manifest.objects.iter().map(size).sum());
        let query = sql(
            "INSERT INTO backups (id, organization, service, method, engine, name, target, pinned, state, job, parent,
                 plain_bytes, stored_bytes, report, plugin_name, plugin_digest, manifest_sha256, created_at_us,
                 started_at_us, finished_at_us, folder, registered_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $19, $20, $21)
             ON CONFLICT (id) DO NOTHING RETURNING *",
        )
        .bind(manifest.backup.as_str().to_owned())
        .bind(found.organization.as_str().to_owned())
        .bind(found.service.as_str().to_owned())
        .bind(manifest.method.as_str().to_owned())
        .bind(manifest.engine.clone())
        .bind(manifest.name.clone())
        .bind(found.target.as_str().to_owned())
        .bind(i64::from(found.pinned))
        .bind(BackupState::Succeeded.as_str())
        // The job that made it is in no catalog any more, or in another one.
        .bind(String::from(JobId::new()))
        .bind(manifest.parent.as_ref().map(|parent: &BackupId| parent.as_str().to_owned()))
        .bind(bytes(|object| object.plain_bytes))
        .bind(bytes(|object| object.stored_bytes))
        .bind(json(&manifest.report)?)
        .bind(manifest.plugin.name.clone())
        .bind(manifest.plugin.digest.to_string())
        .bind(found.manifest_sha256.to_owned())
        .bind(manifest.started_at.as_micros())
        .bind(manifest.finished_at.as_micros())
        .bind(found.folder.map(str::to_owned))
        .bind(session.now().as_micros());
        let Some(row) = session.row(query).await? else { return Ok(None) };
        let backup = Backup::from_row(&row)?;
        session.counts.moved(&backup.counted(), None, Some(backup.state.as_str()));
        session.commit().await?;
        Ok(Some(backup))
    }
}
