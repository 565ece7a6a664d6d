//! Finding backups by what they are.

use bulkhead_model::{BackupId, BackupState, Method, OrganizationId, Result, ServiceId, TargetId};

use super::{Backup, not_found};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::{sql, sql_of_parts};

/// Which backups to list.
#[derive(Clone, Debug)]
pub struct BackupFilter {
    /// Only of this service.
    pub service: Option<ServiceId>,
    /// Only of this method.
    pub method: Option<Method>,
    /// Only in this state.
    pub state: Option<BackupState>,
    /// The page, from 1.
    pub page: u32,
    /// Backups on a page, at least 1.
    pub page_size: u32,
}

impl Default for BackupFilter {
    fn default() -> Self {
        Self { service: None, method: None, state: None, page: 1, page_size: 50 }
    }
}

impl Catalog {
    /// One backup of the organization, in any state: the record of a deleted one remains.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn backup(&self, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
        let query = sql("SELECT * FROM backups WHERE id = $1 AND organization = $2")
            .bind(id.as_str())
            .bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Backup::from_row(row),
            None => Err(not_found(id.as_str())),
        }
    }

    /// The backup of this id, whoever it belongs to. For the sweep, never for an answer to a caller.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn backup_any_org(&self, id: &BackupId) -> Result<Option<Backup>> {
        let query = sql("SELECT * FROM backups WHERE id = $1").bind(id.as_str());
        self.rows(query).await?.first().map(Backup::from_row).transpose()
    }

    /// The organization's backups that are not deleted, newest first, one page; and how many there are on all pages.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn backups(&self, organization: &OrganizationId, filter: &BackupFilter) -> Result<(Vec<Backup>, u64)> {
        let given = [
            ("service", filter.service.as_ref().map(ServiceId::as_str)),
            ("method", filter.method.as_ref().map(Method::as_str)),
            ("state", filter.state.map(BackupState::as_str)),
        ];
        // The literal 'deleted' lets both databases use the partial indexes.
        let mut clauses = "organization = $1 AND state <> 'deleted'".to_owned();
        let mut values = vec![organization.as_str().to_owned()];
        for (column, value) in given {
            if let Some(value) = value {
                values.push(value.to_owned());
                clauses.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        let (limit, offset) = (values.len() + 1, values.len() + 2);
        let mut count = sql_of_parts(format!("SELECT COUNT(*) AS total FROM backups WHERE {clauses}"));
        let mut page = sql_of_parts(format!(
            "SELECT * FROM backups WHERE {clauses} ORDER BY created_at_us DESC, id DESC LIMIT ${limit} OFFSET ${offset}"
        ));
        for value in values {
            count = count.bind(value.clone());
            page = page.bind(value);
        }
        let size = i64::from(filter.page_size.max(1));
        page = page.bind(size).bind(size.saturating_mul(i64::from(filter.page.max(1)) - 1));
        let total = match self.rows(count).await?.first() {
            Some(row) => Fields(row).unsigned("total")?,
            None => 0,
        };
        let backups = self.rows(page).await?.iter().map(Backup::from_row).collect::<Result<_>>()?;
        Ok((backups, total))
    }

    /// At most `limit` backups of all organizations that a target should know, deleted ones left out, in an order of
    /// their own: pass the last id to get those that follow.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn known_backups(&self, target: &TargetId, after: Option<&BackupId>, limit: u32) -> Result<Vec<Backup>> {
        let query =
            sql("SELECT * FROM backups WHERE target = $1 AND state <> 'deleted' AND id > $2 ORDER BY id LIMIT $3")
                .bind(target.as_str())
                .bind(after.map_or_else(String::new, |id| id.as_str().to_owned()))
                .bind(i64::from(limit));
        self.rows(query).await?.iter().map(Backup::from_row).collect()
    }
}
