//! Makes a backup: objects, then manifest, then the catalog row. Whatever goes wrong before the manifest leaves nothing that counts.
//!
//! An attempt deletes what it has written only while no manifest can name it: until it begins to write its own. From then on what is
//! there belongs to the next attempt, which takes the manifest over if it turns up, and to the sweep. It never deletes a manifest.

use std::sync::Arc;

use bulkhead_catalog::{Backup, Completed, CopyOutcome, CopyState};
use bulkhead_model::{Failure, FailureKind, MANIFEST_VERSION, Manifest, ManifestPlugin, Result};
use bulkhead_runtime::{Attempt, BackupRequest, ChainKind, MethodPlugin, Service};

use super::artifacts::{BackupWriter, CopyWriter};
use super::links::Links;
use super::{Stored, delete_keys, swappable};
use crate::config::ServiceConfig;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;
use crate::pipeline::EncodeOptions;
use crate::twin::{self, Twin};

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("backup.claimed")?;
    let backup = run.backup().await?;
    let service = run.engine.service(&run.job.organization, &run.job.service)?;
    run.engine.require_open(service).await?;
    let target = run.engine.target(&run.job.organization, &backup.target).await?;
    let stored = Stored::new(&target.bucket, &backup);
    // An earlier attempt may have written the manifest and died before the catalog knew.
    if let Some((manifest, digest)) = adopt(&stored).await? {
        return Ok(Outcome::Backup(Box::new(completed(&manifest, digest))));
    }
    let plugin = run.engine.runtime.method(&service.engine, &run.job.method)?;
    let recipients = run.engine.keys.recipients_of(&backup.organization, &backup.target);
    if !run.engine.keys.identities.open(recipients) {
        run.observer.warn(&format!("the backup is encrypted to {recipients}, and this host has no key that opens it"));
    }
    let options = EncodeOptions::new(&run.engine.config.limits, recipients);
    let copies = copy_writers(run, &backup).await?;
    let writer = BackupWriter::new(stored.clone(), copies, options, Arc::clone(&run.meter), run.attempt.number);
    let writer = Arc::new(writer);
    let manifest = match make(run, &backup, service, &plugin, &stored, &writer).await {
        Ok(manifest) => manifest,
        Err(failure) => {
            delete_own(&stored, &writer).await;
            return Err(failure);
        }
    };
    let completed = publish(&stored, &writer, &manifest).await?;
    Ok(Outcome::Backup(Box::new(completed)))
}

/// Deletes the objects of this attempt, whose keys no other attempt has. What cannot be deleted now is left to the sweep.
async fn delete_own(stored: &Stored, writer: &BackupWriter) {
    let folders = writer.copies().iter().filter_map(CopyWriter::folder);
    for folder in std::iter::once(stored).chain(folders) {
        if let Err(left) = delete_keys(&folder.bucket, &writer.keys()).await {
            tracing::warn!(backup = %stored.backup, error = %left, "objects of an attempt are left to the sweep");
        }
    }
}

/// Writes the objects. Returns the manifest that is to name them, right before it may be written.
async fn make(
    run: &Run,
    backup: &Backup,
    service: &ServiceConfig,
    plugin: &MethodPlugin,
    stored: &Stored,
    writer: &Arc<BackupWriter>,
) -> Result<Manifest> {
    let chain = continued(run, backup, plugin).await?;
    let newest = chain.links.last().map(|link| link.backup.clone());
    let request = BackupRequest {
        backup: backup.id.clone(),
        service: method_service(service),
        config: run.engine.method_config(service, &run.job.method),
        chain: chain.links,
    };
    swappable::check(run, service, plugin.info()).await?;
    let attempt = Attempt { writer: Some(Arc::clone(writer) as _), ..run.attempt_for(service) };
    let twin = twin::of_service(service).await.unwrap_or_else(|failure| {
        run.observer
            .warn(&format!("the backup does not say how the server is set, which a restore may need: {failure}"));
        None
    });
    let mut report = plugin.backup(attempt, request).await?;
    twin::remove_from(&mut report);
    if let Some(twin) = twin {
        tell(run, &twin);
        twin.add_to(&mut report, plugin.info().chain == Some(ChainKind::Log));
    }
    let objects = writer.finish().map_err(|failure| failure.context(format!("plugin `{}`", plugin.info().name)))?;
    fail_point("backup.objects-stored")?;
    let info = plugin.info();
    let parent = match report.position("base") {
        Some(base) if newest.as_ref().is_some_and(|newest| newest.as_str() == base) => newest,
        Some(base) => {
            return Err(Failure::invalid(format!("plugin `{}` names a base that it was not given: {base}", info.name)));
        }
        None => None,
    };
    if info.chain == Some(ChainKind::Incremental) && parent.is_none() {
        run.engine.catalog.continue_backup(&run.attempt.id, &backup.id, None).await?;
    }
    let manifest = Manifest {
        format: MANIFEST_VERSION,
        backup: backup.id.clone(),
        organization: backup.organization.clone(),
        service: backup.service.clone(),
        engine: backup.engine.clone(),
        method: backup.method.clone(),
        name: backup.name.clone(),
        parent,
        plugin: ManifestPlugin { name: info.name.clone(), version: info.version.clone(), digest: info.digest },
        report,
        started_at: run.attempt.started_at,
        finished_at: run.engine.clock.now(),
        recipients: run.engine.keys.recipients_of(&backup.organization, &backup.target).public_keys(),
        objects,
    };
    // The first of them may have been written hours ago.
    stored.check_sizes(&manifest).await?;
    run.confirm_lease().await?;
    Ok(manifest)
}

/// Writes the manifest: from then on there is a backup. Deletes nothing that a manifest may name.
async fn publish(stored: &Stored, writer: &BackupWriter, manifest: &Manifest) -> Result<Completed> {
    let digest = match stored.put_manifest(manifest).await {
        Ok(digest) => digest,
        Err(failure) if failure.kind == FailureKind::Conflict => {
            let (theirs, digest) = adopt(stored).await?.ok_or_else(|| failure.context("writing the manifest"))?;
            let own = writer.keys();
            if theirs.objects.iter().any(|object| own.contains(&stored.key(&object.key))) {
                // No other attempt's manifest names them: it is this one's, and not as it was written.
                return Err(Failure::corrupt("the target did not keep the manifest as it was written"));
            }
            // An attempt that was taken for dead was not, and came first. Its backup is as good; no manifest names this one's objects.
            delete_own(stored, writer).await;
            return Ok(completed(&theirs, digest));
        }
        Err(failure) => return Err(failure.context("writing the manifest")),
    };
    fail_point("backup.manifest-stored")?;
    let copies = finish_copies(writer, manifest).await;
    Ok(Completed { copies, ..completed(manifest, digest) })
}

/// Says when a restore will need a server that this host cannot have.
fn tell(run: &Run, twin: &Twin) {
    if !twin.beyond().is_empty() {
        run.observer.warn(&format!(
            "a restore that loads or replays anything is not possible: a server of this host cannot be set like this one ({})",
            twin.beyond().join(", ")
        ));
    }
}

/// The other targets that the backup is to go to. One that cannot be opened does not keep the backup from being made.
async fn copy_writers(run: &Run, backup: &Backup) -> Result<Vec<CopyWriter>> {
    let wanted = run.engine.catalog.copies_of(std::slice::from_ref(&backup.id)).await?;
    let mut writers = Vec::new();
    for copy in wanted.into_iter().filter(|copy| copy.state == CopyState::Waiting) {
        let opened = run.engine.target(&backup.organization, &copy.target).await;
        let folder = opened.map(|target| Stored::new(&target.bucket, backup));
        if let Err(failure) = &folder {
            run.observer.warn(&format!("target `{}` gets its copy later: {failure}", copy.target));
        }
        writers.push(CopyWriter::new(copy.target, folder));
    }
    Ok(writers)
}

/// Writes the manifest into each other target where all objects have arrived. What is in the others stays there: the jobs of their own
/// that try again write the same objects under the same keys.
async fn finish_copies(writer: &BackupWriter, manifest: &Manifest) -> Vec<CopyOutcome> {
    let mut outcomes = Vec::new();
    for copy in writer.copies() {
        let finished = async {
            let folder = copy.whole()?;
            folder.check_sizes(manifest).await?;
            folder.put_manifest(manifest).await.map(drop)
        };
        outcomes.push(CopyOutcome { target: copy.target.clone(), failure: finished.await.err() });
    }
    outcomes
}

/// What the backup can continue. From now on the base of an incremental is not deleted.
async fn continued(run: &Run, backup: &Backup, plugin: &MethodPlugin) -> Result<Links> {
    let (engine, organization) = (&run.engine, &run.job.organization);
    match plugin.info().chain {
        None | Some(ChainKind::Standalone) => Ok(Links::none()),
        Some(ChainKind::Log) => {
            let newest =
                engine.catalog.newest_backup_of(organization, &backup.service, &backup.method, &backup.target).await?;
            let newest: Vec<_> = newest.into_iter().map(|newest| newest.id).collect();
            Links::read(run, &newest).await
        }
        Some(ChainKind::Incremental) => {
            let Some(base) = engine.newest_base(backup, plugin.info()).await? else {
                engine.catalog.continue_backup(&run.attempt.id, &backup.id, None).await?;
                return Ok(Links::none());
            };
            engine.catalog.continue_backup(&run.attempt.id, &backup.id, Some(&base)).await?;
            let base = engine.catalog.backup(organization, &base).await?;
            let chain = engine.chain_of(organization, &base).await?;
            Links::read(run, &chain).await.map_err(|failure| match failure.kind {
                FailureKind::Corrupt => {
                    failure.context("the base").with_hint("verify it, and make a full backup to begin another chain")
                }
                _ => failure,
            })
        }
    }
}

/// A backup whose manifest lies in the target, and whose objects are all there.
async fn adopt(stored: &Stored) -> Result<Option<(Manifest, String)>> {
    let Some((manifest, digest)) = stored.manifest().await? else { return Ok(None) };
    stored.check_sizes(&manifest).await?;
    Ok(Some((manifest, digest)))
}

fn completed(manifest: &Manifest, manifest_sha256: String) -> Completed {
    Completed {
        plain_bytes: manifest.objects.iter().map(|object| object.plain_bytes).sum(),
        stored_bytes: manifest.objects.iter().map(|object| object.stored_bytes).sum(),
        report: manifest.report.clone(),
        plugin_name: manifest.plugin.name.clone(),
        plugin_digest: manifest.plugin.digest,
        manifest_sha256,
        copies: Vec::new(),
    }
}

/// The service as a method plugin sees it.
pub(super) fn method_service(service: &ServiceConfig) -> Service {
    Service { id: service.id.clone(), engine: service.engine.clone(), server: service.server_name.clone() }
}

impl Run {
    /// The backup that the job is about.
    pub(super) async fn backup(&self) -> Result<Backup> {
        let id = self.job.backup.as_ref().ok_or_else(|| Failure::internal("the job names no backup"))?;
        self.engine.catalog.backup(&self.job.organization, id).await
    }

    /// What every method call of this attempt is given.
    pub(super) fn attempt_for(&self, service: &ServiceConfig) -> Attempt {
        let limits = &self.engine.config.limits;
        Attempt {
            id: self.attempt.id.clone(),
            cancel: self.stopper.token.clone(),
            deadline: limits.attempt_deadline,
            scratch: self.scratch.clone(),
            scratch_limit: limits.scratch_bytes,
            staging: None,
            increment: None,
            data_dir: service.data_dir.clone(),
            connection: Some(Arc::new(service.connection.clone())),
            server: None,
            replacing: None,
            writer: None,
            reader: None,
            observer: Arc::clone(&self.observer) as _,
        }
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_model::ManifestObject;
    use bulkhead_runtime::ByteSource;
    use bulkhead_test_support::workspace;

    use super::*;
    use crate::scene::{Scene, manifest};

    /// Keeps what it is given, and does not say so of manifests.
    const TARGET: &str = "loses-answers";
    const OBJECTS: &[(&str, &[u8])] = &[("data.sql", b"very much data")];

    async fn scene() -> Scene {
        Scene::with_targets(&[workspace::guest("loses_answers")], |_| ()).await
    }

    fn writer(scene: &Scene, stored: &Stored, attempt: u32) -> BackupWriter {
        let recipients = scene.engine.inner.keys.recipients_of(&crate::scene::acme(), &TARGET.parse().unwrap());
        let options = EncodeOptions::new(&scene.engine.inner.config.limits, recipients);
        BackupWriter::new(stored.clone(), Vec::new(), options, Arc::default(), attempt)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_manifest_whose_answer_was_lost_makes_a_backup() {
        let scene = scene().await;
        let (backup, manifest) = scene.stored_backup(TARGET, OBJECTS, false).await;
        let stored = Stored::new(&scene.bucket(TARGET), &backup);
        let completed = publish(&stored, &writer(&scene, &stored, 1), &manifest).await.unwrap();
        assert_eq!(stored.manifest().await.unwrap().unwrap().1, completed.manifest_sha256);
        stored.check_sizes(&manifest).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_late_attempt_leaves_the_backup_of_its_successor_whole() {
        let scene = scene().await;
        let (backup, theirs) = scene.stored_backup(TARGET, OBJECTS, false).await;
        let stored = Stored::new(&scene.bucket(TARGET), &backup);
        // Nothing but this one's own objects may go, and those only while no manifest can name them.
        let before = stored.put_manifest(&theirs).await.unwrap();
        let late = writer(&scene, &stored, 1);
        let source = ByteSource::from_bytes(b"much".to_vec()).unwrap();
        bulkhead_runtime::ArtifactWriter::write(&late, "late.sql", "text/plain", source).await.unwrap();
        let objects: Vec<ManifestObject> = late.finish().unwrap();
        let failure = publish(&stored, &late, &Manifest { objects, ..manifest(&backup, &[]) }).await.err().unwrap();
        assert!(failure.retry, "{failure}");
        assert_eq!(stored.manifest().await.unwrap().unwrap().1, before, "the manifest is another one");
        stored.check_sizes(&theirs).await.unwrap();
        // Its own manifest may have been on its way still.
        assert!(stored.bucket.head(&stored.key("late.sql.zst")).await.unwrap().is_some());
    }
}
