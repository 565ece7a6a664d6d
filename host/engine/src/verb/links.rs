//! The backups of a chain as they lie in their targets, and as methods see them.

use std::collections::BTreeMap;

use bulkhead_model::{BackupId, Manifest, ManifestObject, Result};
use bulkhead_runtime::{Link, Object};

use super::{Stored, places};
use crate::executor::Run;

/// Backups that are read together.
pub(crate) struct Links {
    /// In the order asked for.
    pub links: Vec<Link>,
    /// Where their bytes are.
    pub stored: BTreeMap<BackupId, (Stored, Manifest)>,
}

impl Links {
    /// No backups.
    pub fn none() -> Self {
        Self { links: Vec::new(), stored: BTreeMap::new() }
    }

    /// Reads the manifests of succeeded backups and looks whether their objects are there. Changes nothing.
    ///
    /// # Errors
    /// `corrupt`, naming the backup, when a manifest or an object is not as it was recorded.
    pub async fn read(run: &Run, ids: &[BackupId]) -> Result<Self> {
        let mut read = Self::none();
        for id in ids {
            run.check_stopped()?;
            let backup = run.engine.catalog.backup(&run.job.organization, id).await?;
            let (stored, manifest) = places::find(run, &backup).await.map_err(|failure| match ids.len() {
                1 => failure,
                _ => failure.context(format!("backup `{id}`")),
            })?;
            read.links.push(link(&manifest));
            read.stored.insert(id.clone(), (stored, manifest));
        }
        Ok(read)
    }

    /// What lies in no target, and stands for a backup all the same.
    pub fn of(link: Link) -> Self {
        Self { links: vec![link], stored: BTreeMap::new() }
    }

    /// The plain bytes of all objects.
    pub fn plain_bytes(&self) -> u64 {
        let objects = self.links.iter().flat_map(|link| &link.objects);
        objects.map(|object| object.plain_bytes).sum()
    }
}

fn link(manifest: &Manifest) -> Link {
    let object = |object: &ManifestObject| Object {
        name: object.name.clone(),
        media_type: object.media_type.clone(),
        plain_bytes: object.plain_bytes,
    };
    Link {
        backup: manifest.backup.clone(),
        method: manifest.method.clone(),
        objects: manifest.objects.iter().map(object).collect(),
        report: manifest.report.clone(),
    }
}
