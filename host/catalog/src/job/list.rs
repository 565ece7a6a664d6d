//! Finding jobs.

use bulkhead_model::{JobKind, JobState, OrganizationId, Result, ServiceId};

use super::Job;
use crate::catalog::Catalog;
use crate::count::{CountFilter, Noun};
use crate::fields::Fields;
use crate::list::{Page, Selection};
use crate::session::sql;

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only on this service.
    pub service: Option<ServiceId>,
    /// Only on these services.
    pub services: Option<Vec<ServiceId>>,
    /// Only of this kind.
    pub kind: Option<JobKind>,
    /// Only in this state.
    pub state: Option<JobState>,
    /// The page, from 1.
    pub page: u32,
    /// Jobs on a page, at least 1.
    pub page_size: u32,
}

impl Default for JobFilter {
    fn default() -> Self {
        Self { service: None, services: None, kind: None, state: None, page: 1, page_size: 50 }
    }
}

impl Catalog {
    /// The organization's jobs, newest first, one page; and how many there are on all pages.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn jobs(&self, organization: &OrganizationId, filter: &JobFilter) -> Result<(Vec<Job>, u64)> {
        let (kind, state) = (filter.kind.map(JobKind::as_str), filter.state.map(JobState::as_str));
        let total = self
            .total(&CountFilter {
                noun: Noun::Job,
                organization,
                service: filter.service.as_ref(),
                services: filter.services.as_deref(),
                kind,
                state,
            })
            .await?;
        let mut selection = Selection::new("jobs", organization);
        // What the partial indexes hold, in their words.
        if filter.state.is_some_and(|state| state != JobState::Succeeded) {
            selection.given("state <> 'succeeded'");
        }
        if filter.kind.is_some_and(|kind| !matches!(kind, JobKind::Backup | JobKind::Expire)) {
            selection.given("kind <> 'backup' AND kind <> 'expire'");
        }
        selection.of_services(filter.service.as_ref(), filter.services.as_deref());
        selection.only("kind", kind);
        selection.only("state", state);
        let page = Page { number: filter.page, size: filter.page_size, total };
        let rows = self.page(selection, &["created_at_us", "id"], page).await?;
        Ok((rows.iter().map(Job::from_row).collect::<Result<_>>()?, total))
    }

    /// The jobs of a service that have not ended, the oldest first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn unfinished_jobs(&self, organization: &OrganizationId, service: &ServiceId) -> Result<Vec<Job>> {
        // Each state apart, as the partial indexes have them.
        let query = sql("SELECT * FROM jobs WHERE service = $1 AND organization = $2 AND state = 'scheduled'
             UNION ALL
             SELECT * FROM jobs WHERE service = $1 AND organization = $2 AND state = 'running'
             ORDER BY created_at_us, id")
        .bind(service.as_str())
        .bind(organization.as_str());
        self.rows(query).await?.iter().map(Job::from_row).collect()
    }

    /// How many jobs of all organizations wait and run, by kind.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn queue_depth(&self) -> Result<Vec<(JobKind, JobState, u64)>> {
        let query = sql("SELECT kind, state, COUNT(*) AS jobs FROM jobs WHERE state = 'scheduled' GROUP BY kind, state
             UNION ALL
             SELECT kind, state, COUNT(*) AS jobs FROM jobs WHERE state = 'running' GROUP BY kind, state");
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Fields(row);
                Ok((row.parsed("kind")?, row.parsed("state")?, row.unsigned("jobs")?))
            })
            .collect()
    }
}
