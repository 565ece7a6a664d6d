//! Finding backups by what they are.

use bulkhead_model::{BackupId, BackupState, Method, OrganizationId, Result, ServiceId, TargetId, Timestamp};

use super::{Backup, not_found};
use crate::catalog::Catalog;
use crate::count::{CountFilter, Noun};
use crate::fields::Fields;
use crate::list::{Page, Selection};
use crate::session::{batches, places, sql, sql_of_parts};

/// Which backups to list.
#[derive(Clone, Debug)]
pub struct BackupFilter {
    /// Only of this service.
    pub service: Option<ServiceId>,
    /// Only of these services.
    pub services: Option<Vec<ServiceId>>,
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
        Self { service: None, services: None, method: None, state: None, page: 1, page_size: 50 }
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
        let (method, state) = (filter.method.as_ref().map(Method::as_str), filter.state.map(BackupState::as_str));
        let total = self
            .total(&CountFilter {
                noun: Noun::Backup,
                organization,
                service: filter.service.as_ref(),
                services: filter.services.as_deref(),
                kind: method,
                state,
            })
            .await?;
        let mut selection = Selection::new("backups", organization);
        // What the partial indexes hold, in their words.
        selection.given("state <> 'deleted'");
        if filter.state.is_some_and(|state| state != BackupState::Succeeded) {
            selection.given("state <> 'succeeded'");
        }
        selection.of_services(filter.service.as_ref(), filter.services.as_deref());
        selection.only("method", method);
        selection.only("state", state);
        let page = Page { number: filter.page, size: filter.page_size, total };
        let rows = self.page(selection, &["created_at_us", "id"], page).await?;
        Ok((rows.iter().map(Backup::from_row).collect::<Result<_>>()?, total))
    }

    /// When the newest good backup of each of these services and each method was made: one that succeeded, and of which
    /// no verify has found it damaged.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn last_good_backups(&self, services: &[ServiceId]) -> Result<Vec<(ServiceId, Method, Timestamp)>> {
        let mut found = Vec::new();
        for services in batches(services) {
            // The counts know the methods of a service; of each, the index leads to the newest.
            let text = format!(
                "SELECT c.service, c.kind AS method, (
                     SELECT MAX(b.finished_at_us) FROM backups b WHERE b.service = c.service AND b.method = c.kind
                     AND b.state = 'succeeded' AND b.suspect IS NULL) AS finished_at_us
                 FROM row_counts c WHERE c.noun = 'backup' AND c.state = 'succeeded' AND c.service IN {}
                 ORDER BY c.service, c.kind",
                places(1, services.len())
            );
            let mut query = sql_of_parts(text);
            for service in services {
                query = query.bind(service.as_str().to_owned());
            }
            for row in self.rows(query).await? {
                let row = Fields(&row);
                if let Some(at) = row.optional_time("finished_at_us")? {
                    found.push((row.parsed("service")?, row.parsed("method")?, at));
                }
            }
        }
        Ok(found)
    }

    /// When a good backup of each of these services and each method was last verified, and when one was last drilled; only
    /// where one was.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn last_verified(
        &self,
        services: &[ServiceId],
    ) -> Result<Vec<(ServiceId, Method, Timestamp, Option<Timestamp>)>> {
        let mut found = Vec::new();
        for services in batches(services) {
            // As above; of each method, two indexes lead to the newest.
            let text = format!(
                "SELECT c.service, c.kind AS method, (
                     SELECT MAX(b.verified_at_us) FROM backups b WHERE b.service = c.service AND b.method = c.kind
                     AND b.state = 'succeeded' AND b.suspect IS NULL AND b.verified_at_us IS NOT NULL) AS verified_at_us, (
                     SELECT MAX(b.drilled_at_us) FROM backups b WHERE b.service = c.service AND b.method = c.kind
                     AND b.state = 'succeeded' AND b.suspect IS NULL AND b.drilled_at_us IS NOT NULL) AS drilled_at_us
                 FROM row_counts c WHERE c.noun = 'backup' AND c.state = 'succeeded' AND c.service IN {}
                 ORDER BY c.service, c.kind",
                places(1, services.len())
            );
            let mut query = sql_of_parts(text);
            for service in services {
                query = query.bind(service.as_str().to_owned());
            }
            for row in self.rows(query).await? {
                let row = Fields(&row);
                if let Some(verified) = row.optional_time("verified_at_us")? {
                    let drilled = row.optional_time("drilled_at_us")?;
                    found.push((row.parsed("service")?, row.parsed("method")?, verified, drilled));
                }
            }
        }
        Ok(found)
    }

    /// When a backup of a service was last drilled, well or not.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn last_drill(&self, organization: &OrganizationId, service: &ServiceId) -> Result<Option<Timestamp>> {
        let query = sql("SELECT MAX(drilled_at_us) AS drilled_at_us FROM backups
             WHERE organization = $1 AND service = $2 AND drilled_at_us IS NOT NULL")
        .bind(organization.as_str())
        .bind(service.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Fields(row).optional_time("drilled_at_us"),
            None => Ok(None),
        }
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
