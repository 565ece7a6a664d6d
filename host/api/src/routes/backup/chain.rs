//! What backups are restored on top of.

use std::collections::{HashMap, HashSet};

use bulkhead_catalog::{Backup, BackupCopy, Catalog};
use bulkhead_model::{BackupId, FailureKind, OrganizationId, Result};

use crate::dto::BackupDto;

/// These backups with the first backup of the chain of each.
pub async fn described(
    catalog: &Catalog,
    organization: &OrganizationId,
    backups: Vec<Backup>,
) -> Result<Vec<BackupDto>> {
    let mut parents: HashMap<BackupId, Option<BackupId>> =
        backups.iter().map(|backup| (backup.id.clone(), backup.parent.clone())).collect();
    let ids: Vec<BackupId> = backups.iter().map(|backup| backup.id.clone()).collect();
    let mut copies: HashMap<BackupId, Vec<BackupCopy>> = HashMap::new();
    for copy in catalog.copies_of(&ids).await? {
        copies.entry(copy.backup.clone()).or_default().push(copy);
    }
    let mut described = Vec::with_capacity(backups.len());
    for backup in backups {
        let root = match &backup.parent {
            Some(parent) => Some(root(catalog, organization, parent, &mut parents).await?),
            None => None,
        };
        let copies = copies.remove(&backup.id).unwrap_or_default();
        described.push(BackupDto::new(backup, root, copies));
    }
    Ok(described)
}

/// One backup.
pub async fn described_one(catalog: &Catalog, organization: &OrganizationId, backup: Backup) -> Result<BackupDto> {
    let root = match &backup.parent {
        Some(parent) => Some(root(catalog, organization, parent, &mut HashMap::new()).await?),
        None => None,
    };
    let copies = catalog.copies_of(std::slice::from_ref(&backup.id)).await?;
    Ok(BackupDto::new(backup, root, copies))
}

/// Where a chain begins, as far as it is known. What was looked up on the way is remembered: the links of a chain mostly stand on the same page.
async fn root(
    catalog: &Catalog,
    organization: &OrganizationId,
    link: &BackupId,
    parents: &mut HashMap<BackupId, Option<BackupId>>,
) -> Result<BackupId> {
    let mut at = link.clone();
    let mut passed = HashSet::from([at.clone()]);
    loop {
        let parent = match parents.get(&at) {
            Some(known) => known.clone(),
            None => {
                let parent = match catalog.backup(organization, &at).await {
                    Ok(backup) => backup.parent,
                    Err(failure) if failure.kind == FailureKind::NotFound => None,
                    Err(failure) => return Err(failure),
                };
                parents.insert(at.clone(), parent.clone());
                parent
            }
        };
        match parent {
            Some(parent) if passed.insert(parent.clone()) => at = parent,
            _ => return Ok(at),
        }
    }
}
