//! Compares what lies in a target with what the catalog says, in both directions, a part at a time; and writes down in the catalog
//! what it has forgotten or never knew. A target describes itself: its manifests say all that there is to know.

use std::collections::BTreeSet;

use bulkhead_catalog::{Backup, CopyState, FoundBackup};
use bulkhead_model::{
    BackupId, BackupState, Failure, FailureKind, MANIFEST_NAME, Manifest, OrganizationId, Result, ServiceId, TargetId,
};
use bulkhead_runtime::{Bucket, Entry};

use crate::engine::{Engine, Inner};
use crate::pipeline::layout;
use crate::verb::{Listing, Stored};

/// Backups that are looked at in one call.
const PART: usize = 50;

/// The most links of one chain that are followed.
const CHAIN_MAX: usize = 10_000;

/// The most objects of one backup.
const OBJECTS_MAX: usize = 100_000;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// Where.
    pub target: TargetId,
    /// From which side.
    pub side: InspectSide,
    /// Where the part before has ended.
    pub after: Option<String>,
    /// Whether to write down in the catalog what lies in the target and is not known.
    pub register: bool,
    /// Of which installation's organization the backups are, when it is another one than one's own: they are registered as one's
    /// own and pinned.
    pub from_organization: Option<OrganizationId>,
    /// Of which service, when its backups are to count as those of another.
    pub services: Option<(ServiceId, ServiceId)>,
}

/// The direction of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectSide {
    /// What lies in the target is looked for in the catalog.
    Target,
    /// What the catalog says is looked for in the target.
    Catalog,
}

/// A part of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Backups that were looked at.
    pub seen: u64,
    /// Backups that were written down in the catalog.
    pub registered: u64,
    /// What is not as it should be.
    pub findings: Vec<Discrepancy>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// What kind of thing.
    pub kind: DiscrepancyKind,
    /// Of which backup.
    pub backup: BackupId,
    /// In a sentence.
    pub message: String,
}

/// Kinds of discrepancies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscrepancyKind {
    /// It lies in the target, whole, and the catalog does not know it.
    Unknown,
    /// It lies in the target and cannot be restored from what lies there.
    Damaged,
    /// Objects without a manifest: a backup that broke off, or one that is being made.
    Unfinished,
    /// What it is restored on top of is nowhere.
    Orphaned,
    /// The catalog says that it is there, and it is not.
    Missing,
    /// The catalog says that it was deleted, and it is there.
    Undeleted,
}

impl DiscrepancyKind {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Damaged => "damaged",
            Self::Unfinished => "unfinished",
            Self::Orphaned => "orphaned",
            Self::Missing => "missing",
            Self::Undeleted => "undeleted",
        }
    }
}

impl Engine {
    /// Compares a part of a target with the catalog.
    ///
    /// # Errors
    /// `not-found` for the target; `denied` for backups of another organization of this host; those of the target's plugin.
    pub async fn inspect(&self, organization: &OrganizationId, ask: &Inspect) -> Result<Inspection> {
        let target = self.inner.target(organization, &ask.target).await?;
        let source = ask.from_organization.as_ref().unwrap_or(organization);
        if source != organization && self.inner.config.organizations.contains(source) {
            // What lies in managed storage is not everybody's.
            return Err(Failure::denied(format!("organization `{source}` is one of this host"))
                .with_hint("ask with a token of that organization"));
        }
        let look = Look { engine: &self.inner, organization, source, ask, bucket: &target.bucket };
        match ask.side {
            InspectSide::Target => look.at_target().await,
            InspectSide::Catalog => look.at_catalog().await,
        }
    }
}

struct Look<'a> {
    engine: &'a Inner,
    organization: &'a OrganizationId,
    /// Whose backups they are in the target.
    source: &'a OrganizationId,
    ask: &'a Inspect,
    bucket: &'a Bucket,
}

/// A backup's folder in the target.
struct Folder {
    prefix: String,
    backup: BackupId,
    entries: Vec<Entry>,
}

impl Look<'_> {
    async fn at_target(&self) -> Result<Inspection> {
        let mut inspection = Inspection::default();
        let prefix = format!("{}/", self.source);
        if self.ask.after.as_ref().is_some_and(|after| !after.starts_with(&prefix)) {
            return Err(not_a_part());
        }
        let mut listing = Listing::after(self.bucket, &prefix, self.ask.after.clone());
        let mut folder: Option<Folder> = None;
        'pages: while let Some(page) = listing.next().await? {
            for entry in page {
                // Keys of another form are not ours.
                let Some((prefix, backup)) = layout::parse_key(&entry.key) else { continue };
                match &mut folder {
                    Some(folder) if folder.prefix == prefix => {
                        if folder.entries.len() >= OBJECTS_MAX {
                            return Err(Failure::corrupt(format!("`{prefix}` holds more than {OBJECTS_MAX} objects")));
                        }
                        folder.entries.push(entry);
                    }
                    _ => {
                        if let Some(complete) = folder.replace(Folder { prefix, backup, entries: vec![entry] }) {
                            let last = complete.entries.last().map(|entry| entry.key.clone());
                            self.folder(complete, &mut inspection).await?;
                            if inspection.seen >= PART as u64 {
                                inspection.next = last;
                                break 'pages;
                            }
                        }
                    }
                }
            }
        }
        if inspection.next.is_none()
            && let Some(last) = folder
        {
            self.folder(last, &mut inspection).await?;
        }
        Ok(inspection)
    }

    async fn folder(&self, folder: Folder, inspection: &mut Inspection) -> Result<()> {
        inspection.seen += 1;
        let backup = folder.backup.clone();
        let mut find = |kind, message: String| {
            inspection.findings.push(Discrepancy { kind, backup: backup.clone(), message });
        };
        let known = self.engine.catalog.backup_any_org(&folder.backup).await?;
        if known.as_ref().is_some_and(|known| known.organization != *self.organization) {
            // Registered by another organization that uses the same bucket: none of this one's business.
            return Ok(());
        }
        let stored = self.stored(&folder);
        let manifest_key = stored.manifest_key();
        if !folder.entries.iter().any(|entry| entry.key == manifest_key) {
            let state = known.as_ref().map(|known| known.state);
            if !matches!(state, Some(BackupState::Scheduled | BackupState::Running | BackupState::Deleting)) {
                find(
                    DiscrepancyKind::Unfinished,
                    "there is no manifest: it broke off, or is being made elsewhere".into(),
                );
            }
            return Ok(());
        }
        let (manifest, sha256) = match self.read(&stored, &folder).await {
            Ok(read) => read,
            Err(failure) if failure.kind == FailureKind::Corrupt => {
                find(DiscrepancyKind::Damaged, failure.to_string());
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        match known {
            Some(known) => match known.state {
                BackupState::Succeeded if known.manifest_sha256.as_deref() != Some(sha256.as_str()) => {
                    find(DiscrepancyKind::Damaged, "its manifest is not the one that was recorded".into());
                }
                BackupState::Succeeded => self.known_here(&known).await?,
                BackupState::Deleted => {
                    find(DiscrepancyKind::Undeleted, "it was deleted, and lies there again or still".into());
                }
                BackupState::Failed | BackupState::Cancelled => {
                    find(DiscrepancyKind::Undeleted, format!("the catalog says {}, and it lies there", known.state));
                }
                BackupState::Scheduled | BackupState::Running | BackupState::Deleting => {}
            },
            None if !self.ask.register => find(DiscrepancyKind::Unknown, "the catalog does not know it".into()),
            None => match self.register(&folder, &manifest, &sha256).await {
                Ok(registered) => inspection.registered += registered,
                Err(failure) if failure.kind == FailureKind::NotFound => {
                    find(DiscrepancyKind::Orphaned, failure.to_string());
                }
                Err(failure) if failure.kind == FailureKind::Corrupt => {
                    find(DiscrepancyKind::Damaged, failure.to_string())
                }
                Err(failure) => return Err(failure),
            },
        }
        Ok(())
    }

    fn stored(&self, folder: &Folder) -> Stored {
        Stored { bucket: self.bucket.clone(), backup: folder.backup.clone(), prefix: folder.prefix.clone() }
    }

    /// The manifest, when all that it names lies there in its size.
    async fn read(&self, stored: &Stored, folder: &Folder) -> Result<(Manifest, String)> {
        let missing = || Failure::corrupt(format!("object `{MANIFEST_NAME}` is missing from the target"));
        let (manifest, sha256) = stored.manifest().await?.ok_or_else(missing)?;
        let own = layout::backup_prefix(&manifest.organization, &manifest.service, &manifest.backup);
        if own != folder.prefix {
            return Err(Failure::corrupt(format!("its manifest says that it belongs to `{own}`")));
        }
        for object in &manifest.objects {
            let key = stored.key(&object.key);
            match folder.entries.iter().find(|entry| entry.key == key) {
                Some(entry) if entry.bytes == object.stored_bytes => {}
                Some(entry) => {
                    return Err(Failure::corrupt(format!(
                        "object `{}` has {} bytes, {} are recorded",
                        object.key, entry.bytes, object.stored_bytes
                    )));
                }
                None => return Err(Failure::corrupt(format!("object `{}` is missing", object.key))),
            }
        }
        Ok((manifest, sha256))
    }

    /// A backup that lies here as the catalog says, or besides where the catalog says: that is a copy.
    async fn known_here(&self, known: &Backup) -> Result<()> {
        if !self.ask.register || known.target == self.ask.target {
            return Ok(());
        }
        let copies = self.engine.catalog.copies_of(std::slice::from_ref(&known.id)).await?;
        match copies.iter().find(|copy| copy.target == self.ask.target).map(|copy| copy.state) {
            None | Some(CopyState::Failed) => self.engine.catalog.record_copy(known, &self.ask.target).await,
            Some(CopyState::Waiting | CopyState::Succeeded) => Ok(()),
        }
    }

    /// Writes a backup down, and before it those that it is restored on top of. Says how many.
    async fn register(&self, folder: &Folder, manifest: &Manifest, sha256: &str) -> Result<u64> {
        let mut chain = vec![(folder.prefix.clone(), manifest.clone(), sha256.to_owned())];
        let mut met = BTreeSet::from([manifest.backup.clone()]);
        while let Some(parent) = chain.last().and_then(|(_, manifest, _)| manifest.parent.clone()) {
            if self.engine.catalog.backup_any_org(&parent).await?.is_some() {
                break;
            }
            if !met.insert(parent.clone()) || met.len() > CHAIN_MAX {
                return Err(Failure::corrupt("its chain does not end"));
            }
            chain.push(self.parent(manifest, &parent).await?);
        }
        let mut registered = 0;
        while let Some((prefix, manifest, sha256)) = chain.pop() {
            let foreign = self.source != self.organization || self.service_of(&manifest) != &manifest.service;
            let found = FoundBackup {
                organization: self.organization,
                service: self.service_of(&manifest),
                target: &self.ask.target,
                folder: foreign.then_some(prefix.as_str()),
                // It may be another installation's still: nothing here deletes it unasked.
                pinned: foreign,
                manifest: &manifest,
                manifest_sha256: &sha256,
            };
            registered += u64::from(self.engine.catalog.register_backup(&found).await?.is_some());
        }
        Ok(registered)
    }

    /// A backup of the same service in the same target, with its folder.
    async fn parent(&self, child: &Manifest, parent: &BackupId) -> Result<(String, Manifest, String)> {
        let prefix = layout::backup_prefix(&child.organization, &child.service, parent);
        let entries = Listing::new(self.bucket, &prefix).all(OBJECTS_MAX).await?;
        let folder = Folder { prefix: prefix.clone(), backup: parent.clone(), entries };
        if folder.entries.is_empty() {
            return Err(Failure::not_found(format!("what it is restored on top of, {parent}, is not there")));
        }
        let (manifest, sha256) = self.read(&self.stored(&folder), &folder).await?;
        Ok((prefix, manifest, sha256))
    }

    fn service_of<'m>(&'m self, manifest: &'m Manifest) -> &'m ServiceId {
        match &self.ask.services {
            Some((from, to)) if *from == manifest.service => to,
            _ => &manifest.service,
        }
    }

    async fn at_catalog(&self) -> Result<Inspection> {
        let mut inspection = Inspection::default();
        let after = self.ask.after.as_deref().map(|text| text.parse::<BackupId>().map_err(|_| not_a_part()));
        let limit = u32::try_from(PART).unwrap_or(u32::MAX);
        let known = self.engine.catalog.known_backups(&self.ask.target, after.transpose()?.as_ref(), limit).await?;
        inspection.next = known.last().filter(|_| known.len() == PART).map(|last| last.id.to_string());
        for backup in known {
            if backup.organization != *self.organization {
                continue;
            }
            if backup.state == BackupState::Deleting && !self.engine.catalog.is_deletion_under_way(&backup.id).await? {
                let message = "it is being deleted, and no job does it; the sweep makes one".to_owned();
                let kind = DiscrepancyKind::Undeleted;
                inspection.findings.push(Discrepancy { kind, backup: backup.id.clone(), message });
            }
            if backup.state != BackupState::Succeeded {
                continue;
            }
            inspection.seen += 1;
            let stored = Stored::new(self.bucket, &backup);
            let looked = async {
                let manifest = stored.manifest_recorded_as(backup.manifest_sha256.as_deref()).await?;
                stored.check_sizes(&manifest).await
            };
            if let Err(failure) = looked.await {
                if failure.kind != FailureKind::Corrupt {
                    return Err(failure);
                }
                let kind = match stored.manifest().await {
                    Ok(None) => DiscrepancyKind::Missing,
                    _ => DiscrepancyKind::Damaged,
                };
                let message = failure.to_string();
                inspection.findings.push(Discrepancy { kind, backup: backup.id.clone(), message });
            }
        }
        Ok(inspection)
    }
}

fn not_a_part() -> Failure {
    Failure::invalid("`after` is not where a part before has ended").with_hint("send the `next` of the answer before")
}
