//! Proves a backup: that what lies in the target is what was written, or, in a drill, that it restores.

mod drill;

use std::sync::Arc;

use bulkhead_model::{Encryption, FailureKind, Manifest, Result};
use bulkhead_runtime::Observer as _;

use super::Stored;
use crate::executor::{Outcome, Run};
use crate::pipeline::{verify_plain, verify_stored};
use crate::request::VerifyLevel;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    let backup = run.backup().await?;
    let asked: VerifyLevel =
        run.job.request.get("level").and_then(|level| serde_json::from_value(level.clone()).ok()).unwrap_or_default();
    if asked == VerifyLevel::Drill {
        return drill::run(run, &backup).await;
    }
    let target = run.engine.target(&run.job.organization, &backup.target).await?;
    let stored = Stored::new(&target.bucket, &backup);
    run.observer.phase("verify");
    run.observer.expect(backup.plain_bytes);
    let (level, damage) = match check(run, &stored, backup.manifest_sha256.as_deref(), asked).await {
        Ok(level) => (level, None),
        // Damage is what a verify is for: the verdict is recorded, whereas a target that does not answer is tried again.
        Err(failure) if failure.kind == FailureKind::Corrupt => (VerifyLevel::Stored, Some(failure)),
        Err(failure) => return Err(failure),
    };
    Ok(Outcome::Verify { level, damage, evidence: Vec::new() })
}

async fn check(run: &Run, stored: &Stored, manifest_sha256: Option<&str>, asked: VerifyLevel) -> Result<VerifyLevel> {
    let manifest = stored.manifest_recorded_as(manifest_sha256).await?;
    stored.check_sizes(&manifest).await?;
    // A host that keeps backups need not be able to read them.
    let readable = !run.engine.keys.identities.is_empty() || !is_encrypted(&manifest);
    let level = if readable && asked > VerifyLevel::Stored { VerifyLevel::Content } else { VerifyLevel::Stored };
    for object in &manifest.objects {
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        let meter = Arc::clone(&run.meter);
        if level == VerifyLevel::Content {
            verify_plain(source, object, &run.engine.keys, meter).await?;
        } else {
            verify_stored(source, object, meter).await?;
        }
    }
    Ok(level)
}

fn is_encrypted(manifest: &Manifest) -> bool {
    manifest.objects.iter().any(|object| object.encryption == Encryption::Age)
}
