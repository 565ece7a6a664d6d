//! How many rows there are of what is listed. Kept beside the rows, so that no list has to count millions for its total.

use std::collections::BTreeMap;

use bulkhead_model::{OrganizationId, Result, ServiceId};

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::list::Selection;
use crate::session::{Session, batches, places, sql, sql_of_parts};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Noun {
    Backup,
    Job,
    Restore,
    Schedule,
}

impl Noun {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Job => "job",
            Self::Restore => "restore",
            Self::Schedule => "schedule",
        }
    }
}

/// The sum over an organization's services is kept in so many shares: everything that happens in it would wait for one
/// row, and to sum up all services would take as long as there are services. A service always uses the same share.
/// `#` begins no service id.
const SHARES: u32 = 16;

/// The changes of one transaction, by row, in the one order in which all transactions write them.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<Row, i64>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    noun: Noun,
    organization: String,
    service: String,
    kind: String,
    state: String,
}

/// One listed row, as far as it is counted: kind and state as words.
pub(crate) struct Counted<'a> {
    pub(crate) noun: Noun,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) service: &'a ServiceId,
    pub(crate) kind: &'a str,
}

impl Counts {
    /// A row has come into a state, from another one or from nothing, or is gone.
    pub(crate) fn moved(&mut self, what: &Counted<'_>, from: Option<&str>, to: Option<&str>) {
        for (state, by) in [(from, -1), (to, 1)] {
            let Some(state) = state else { continue };
            for service in [what.service.as_str().to_owned(), share_of(what.service)] {
                let row = Row {
                    noun: what.noun,
                    organization: what.organization.as_str().to_owned(),
                    service,
                    kind: what.kind.to_owned(),
                    state: state.to_owned(),
                };
                *self.0.entry(row).or_default() += by;
            }
        }
    }

    /// Writes the changes: the last statements of a transaction, so that others wait for them as short as can be.
    pub(crate) async fn write(self, session: &mut Session) -> Result<()> {
        let changes: Vec<(Row, i64)> = self.0.into_iter().filter(|(_, by)| *by != 0).collect();
        for batch in batches(&changes) {
            let text = format!(
                "INSERT INTO row_counts (noun, organization, service, kind, state, quantity) VALUES {}
                 ON CONFLICT (noun, organization, service, kind, state)
                 DO UPDATE SET quantity = row_counts.quantity + excluded.quantity",
                places(batch.len(), 6)
            );
            let mut query = sql_of_parts(text);
            for (row, by) in batch {
                query = query
                    .bind(row.noun.as_str())
                    .bind(row.organization.clone())
                    .bind(row.service.clone())
                    .bind(row.kind.clone())
                    .bind(row.state.clone())
                    .bind(*by);
            }
            session.execute(query).await?;
        }
        Ok(())
    }
}

/// Any function of the id does; FNV-1a is one that stays the same from build to build.
fn share_of(service: &ServiceId) -> String {
    let hash =
        service.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("#{}", hash % SHARES)
}

/// Which rows a list shows, in the words of the counts.
pub(crate) struct CountFilter<'a> {
    pub(crate) noun: Noun,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) service: Option<&'a ServiceId>,
    pub(crate) services: Option<&'a [ServiceId]>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) state: Option<&'a str>,
}

impl Catalog {
    /// How many rows a list shows on all its pages.
    pub(crate) async fn total(&self, filter: &CountFilter<'_>) -> Result<u64> {
        let mut selection = Selection::new("row_counts", filter.organization);
        selection.only("noun", Some(filter.noun.as_str()));
        if filter.service.is_none() && filter.services.is_none() {
            let shares: Vec<String> = (0..SHARES).map(|share| format!("#{share}")).collect();
            selection.among("service", Some(shares.iter().map(String::as_str)));
        }
        selection.of_services(filter.service, filter.services);
        selection.only("kind", filter.kind);
        selection.only("state", filter.state);
        // PostgreSQL's sum of BIGINT is no BIGINT.
        let rows = self.rows(selection.query("CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS total", "")).await?;
        let total = rows.first().map_or(Ok(0), |row| Fields(row).number("total"))?;
        Ok(u64::try_from(total).unwrap_or(0))
    }

    /// Counts everything anew. For a catalog that hosts of an older version have written to, or that was filled by hand.
    /// Nothing else is written meanwhile.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn recount(&self) -> Result<()> {
        let mut session = self.begin().await?;
        session.exclude_writers("row_counts").await?;
        session.execute(sql("DELETE FROM row_counts")).await?;
        for (noun, kind, state, rows) in [
            ("backup", "method", "state", "backups WHERE state <> 'deleted'"),
            ("job", "kind", "state", "jobs"),
            ("restore", "''", "state", "restores WHERE hidden = 0"),
            ("schedule", SCHEDULE_KIND, "''", "schedules WHERE deleted = 0"),
        ] {
            // Grouped by position: by name, PostgreSQL would take the constants for columns.
            let text = format!(
                "INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
                 SELECT '{noun}', organization, service, {kind}, {state}, COUNT(*) FROM {rows} GROUP BY 2, 3, 4, 5"
            );
            session.execute(sql_of_parts(text)).await?;
        }
        let shares = sql("INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
             SELECT noun, organization, '#0', kind, state, CAST(SUM(quantity) AS BIGINT) FROM row_counts
             GROUP BY noun, organization, kind, state");
        session.execute(shares).await?;
        session.commit().await
    }
}

/// The kind that a schedule is counted as.
const SCHEDULE_KIND: &str = "CASE WHEN expression = 'once' THEN 'once' ELSE 'recurring' END";
