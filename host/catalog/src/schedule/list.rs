//! Finding schedules.

use bulkhead_model::{OrganizationId, Result, ScheduleId, ServiceId};

use super::{ONCE, RECURRING, Schedule, not_found};
use crate::catalog::Catalog;
use crate::count::{CountFilter, Noun};
use crate::list::{Page, Selection};
use crate::session::sql;

/// Which schedules to list.
#[derive(Clone, Debug)]
pub struct ScheduleFilter {
    /// Only of this service.
    pub service: Option<ServiceId>,
    /// Only of these services.
    pub services: Option<Vec<ServiceId>>,
    /// Without those that run once.
    pub recurring_only: bool,
    /// The page, from 1.
    pub page: u32,
    /// Schedules on a page, at least 1.
    pub page_size: u32,
}

impl Default for ScheduleFilter {
    fn default() -> Self {
        Self { service: None, services: None, recurring_only: false, page: 1, page_size: 50 }
    }
}

impl Catalog {
    /// One schedule of the organization, deleted or not: for requests that come again.
    pub(crate) async fn schedule_or_deleted(&self, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
        let query =
            sql("SELECT * FROM schedules WHERE id = $1 AND organization = $2").bind(id.0).bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Schedule::from_row(row),
            None => Err(not_found(id)),
        }
    }

    /// One schedule of the organization.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id, or no longer.
    pub async fn schedule(&self, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
        match self.schedule_or_deleted(organization, id).await? {
            schedule if schedule.deleted => Err(not_found(id)),
            schedule => Ok(schedule),
        }
    }

    /// The organization's schedules, newest first, one page; and how many there are on all pages.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn schedules(
        &self,
        organization: &OrganizationId,
        filter: &ScheduleFilter,
    ) -> Result<(Vec<Schedule>, u64)> {
        let total = self
            .total(&CountFilter {
                noun: Noun::Schedule,
                organization,
                service: filter.service.as_ref(),
                services: filter.services.as_deref(),
                kind: filter.recurring_only.then_some(RECURRING),
                state: None,
            })
            .await?;
        let mut selection = Selection::new("schedules", organization);
        selection.given("deleted = 0");
        if filter.recurring_only {
            selection.given(&format!("expression <> '{ONCE}'"));
        }
        selection.of_services(filter.service.as_ref(), filter.services.as_deref());
        let page = Page { number: filter.page, size: filter.page_size, total };
        let rows = self.page(selection, &["id"], page).await?;
        Ok((rows.iter().map(Schedule::from_row).collect::<Result<_>>()?, total))
    }
}
