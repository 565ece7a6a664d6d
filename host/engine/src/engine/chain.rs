//! Which backups belong together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bulkhead_catalog::{Backup, HistoryRow};
use bulkhead_model::{BackupId, Failure, Method, OrganizationId, Result};
use bulkhead_runtime::{ChainKind, PluginInfo};

use super::Inner;

/// The most backups of one chain: a bound on a loop over what a catalog says.
const LONGEST: usize = 10_000;

impl Inner {
    /// From the backup that restores alone to this one.
    pub(crate) async fn chain_of(&self, organization: &OrganizationId, backup: &Backup) -> Result<Vec<BackupId>> {
        let mut chain = vec![backup.id.clone()];
        let mut parent = backup.parent.clone();
        while let Some(id) = parent {
            if chain.len() >= LONGEST || chain.contains(&id) {
                return Err(Failure::internal(format!("the chain of backup `{}` does not end", backup.id)));
            }
            parent = self.catalog.backup(organization, &id).await?.parent;
            chain.push(id);
        }
        chain.reverse();
        Ok(chain)
    }

    /// The newest backup that an incremental of the same service in the same target can go on top of: one whose whole chain is
    /// good, made since the service was last restored.
    pub(crate) async fn newest_base(&self, backup: &Backup, plugin: &PluginInfo) -> Result<Option<BackupId>> {
        let is_base = |method: &Method| !self.is_log(&backup.engine, method);
        let history = self.catalog.history_of(&backup.organization, &backup.service, is_base).await?;
        let restored = history.restores.last().copied();
        let rows: BTreeMap<&BackupId, &HistoryRow> = history.backups.iter().map(|row| (&row.id, row)).collect();
        let good = |row: &HistoryRow| {
            let mut link = Some(row);
            for _ in 0..LONGEST {
                let Some(row) = link else { return false };
                if row.suspect.is_some() {
                    return false;
                }
                match &row.parent {
                    None => return true,
                    Some(parent) => link = rows.get(parent).copied(),
                }
            }
            false
        };
        let methods = self.methods_of_chain(&backup.engine, plugin);
        let usable = history.backups.iter().filter(|row| {
            row.target == backup.target
                && methods.contains(&row.method)
                && restored.is_none_or(|restored| row.started_at.is_some_and(|started| started > restored))
                && good(row)
        });
        Ok(usable.max_by_key(|row| (row.finished_at, &row.id)).map(|row| row.id.clone()))
    }

    /// The methods whose backups an incremental goes on top of: its own, and those that write the same kind of object and
    /// restore alone.
    fn methods_of_chain(&self, engine: &str, plugin: &PluginInfo) -> Vec<Method> {
        let same = |info: &PluginInfo| {
            info.engines.iter().any(|known| known == engine)
                && info.media_types.first() == plugin.media_types.first()
                && info.chain.is_none_or(|chain| chain != ChainKind::Log)
        };
        self.runtime.plugins().into_iter().filter(same).filter_map(|info| info.method).collect()
    }

    /// Where drills and partial restores have their data.
    pub(crate) fn drill_dir(&self) -> PathBuf {
        self.config.drill_dir.clone().unwrap_or_else(|| self.config.data_dir.join("drills"))
    }
}
