//! All that a service can be restored with.

use bulkhead_model::{
    BackupId, BackupState, Failure, Method, OrganizationId, Report, Result, ServiceId, TargetId, Timestamp,
};
use sqlx::any::AnyRow;

use crate::backup::Backup;
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::{sql, sql_of_parts};

/// What is kept of a service, and when it became another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryRows {
    /// Succeeded backups, in the order in which they were asked for.
    pub backups: Vec<HistoryRow>,
    /// When a restore or reset had replaced all of its data, the earliest first.
    pub restores: Vec<Timestamp>,
}

/// How the newest backups of a service and method ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedInARow {
    /// How many came about since the last one that did not fail; counted up to 16.
    pub times: u32,
    /// When the last one failed.
    pub last: Option<Timestamp>,
}

/// Failures that are counted.
const FAILURES: u32 = 16;

/// A succeeded backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its id.
    pub id: BackupId,
    /// How it was made.
    pub method: Method,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// Where its objects lie.
    pub target: TargetId,
    /// What the method said of it.
    pub report: Option<Report>,
    /// The damage that was found.
    pub suspect: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it succeeded.
    pub finished_at: Option<Timestamp>,
    /// When it was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
    /// When it was last drilled.
    pub drilled_at: Option<Timestamp>,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the target.
    pub stored_bytes: u64,
}

impl HistoryRow {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            method: row.parsed("method")?,
            parent: row.optional_parsed("parent")?,
            target: row.parsed("target")?,
            report: row.optional_json("report")?,
            suspect: row.optional_json("suspect")?,
            created_at: row.time("created_at_us")?,
            started_at: row.optional_time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
            verified_at: row.optional_time("verified_at_us")?,
            verified_level: row.optional_text("verified_level")?,
            drilled_at: row.optional_time("drilled_at_us")?,
            plain_bytes: row.unsigned("plain_bytes")?,
            stored_bytes: row.unsigned("stored_bytes")?,
        })
    }
}

/// The succeeded backups of a service.
const HISTORY: &str =
    "SELECT id, method, parent, target, report, suspect, created_at_us, started_at_us, finished_at_us,
         verified_at_us, verified_level, drilled_at_us, plain_bytes, stored_bytes
     FROM backups WHERE organization = $1 AND service = $2 AND state = 'succeeded'";

impl Catalog {
    /// All that a service can be restored with: its succeeded backups, without those on their way out, and when restores
    /// replaced its data.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn history(&self, organization: &OrganizationId, service: &ServiceId) -> Result<HistoryRows> {
        let text = format!("{HISTORY} ORDER BY created_at_us, id");
        let query = sql_of_parts(text).bind(organization.as_str()).bind(service.as_str());
        let backups = self.rows(query).await?.iter().map(HistoryRow::from_row).collect::<Result<_>>()?;
        Ok(HistoryRows { backups, restores: self.replacements(organization, service).await? })
    }

    /// The same of some methods only: what an archive of logs has made over months is not read where nobody asks for it.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn history_of(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
        wanted: impl Fn(&Method) -> bool,
    ) -> Result<HistoryRows> {
        let mut methods = self.methods_of(organization, service).await?;
        methods.retain(wanted);
        let mut backups = Vec::new();
        if !methods.is_empty() {
            let places: Vec<String> = (3..methods.len() + 3).map(|place| format!("${place}")).collect();
            // All of them in one statement: they are what they were at one moment.
            let text = format!(
                "{HISTORY} AND state <> 'deleted' AND method IN ({}) ORDER BY created_at_us, id",
                places.join(", ")
            );
            let query = sql_of_parts(text).bind(organization.as_str()).bind(service.as_str());
            let query = methods.iter().fold(query, |query, method| query.bind(method.as_str().to_owned()));
            backups = self.rows(query).await?.iter().map(HistoryRow::from_row).collect::<Result<_>>()?;
        }
        Ok(HistoryRows { backups, restores: self.replacements(organization, service).await? })
    }

    /// When restores and resets had replaced all data of a service.
    async fn replacements(&self, organization: &OrganizationId, service: &ServiceId) -> Result<Vec<Timestamp>> {
        // Hidden ones too: what they did is not undone by not showing them.
        let query = sql("SELECT finished_at_us FROM restores
             WHERE organization = $1 AND service = $2 AND state = 'succeeded' AND partial = 0
                 AND finished_at_us IS NOT NULL
             UNION ALL
             SELECT finished_at_us FROM jobs
             WHERE organization = $1 AND service = $2 AND kind = 'reset' AND state = 'succeeded'
                 AND finished_at_us IS NOT NULL
             ORDER BY finished_at_us")
        .bind(organization.as_str())
        .bind(service.as_str());
        let rows = self.rows(query).await?;
        rows.iter().map(|row| Fields(row).time("finished_at_us")).collect()
    }

    /// The methods of which a service has backups, from one to the next in their index.
    async fn methods_of(&self, organization: &OrganizationId, service: &ServiceId) -> Result<Vec<Method>> {
        let query = sql("WITH RECURSIVE methods (method) AS (
                 SELECT MIN(b.method) FROM backups b
                 WHERE b.organization = $1 AND b.service = $2 AND b.state <> 'deleted'
                 UNION ALL
                 SELECT (
                     SELECT MIN(b.method) FROM backups b
                     WHERE b.organization = $1 AND b.service = $2 AND b.state <> 'deleted' AND b.method > m.method)
                 FROM methods m WHERE m.method IS NOT NULL)
             SELECT method FROM methods WHERE method IS NOT NULL")
        .bind(organization.as_str())
        .bind(service.as_str());
        self.rows(query).await?.iter().map(|row| Fields(row).parsed("method")).collect()
    }

    /// The methods of a service's backups that are being made, and since when.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn being_made(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
    ) -> Result<Vec<(Method, Timestamp)>> {
        let query = sql("SELECT method, started_at_us, created_at_us FROM backups
             WHERE organization = $1 AND service = $2 AND state = 'running' AND state <> 'deleted'
                 AND state <> 'succeeded'")
        .bind(organization.as_str())
        .bind(service.as_str());
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Fields(row);
                let begun = row.optional_time("started_at_us")?.unwrap_or(row.time("created_at_us")?);
                Ok((row.parsed("method")?, begun))
            })
            .collect()
    }

    /// How often the newest backups of a service and method have failed or were cancelled, one after the other.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn failed_in_a_row(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
        method: &Method,
    ) -> Result<FailedInARow> {
        let query = sql("SELECT state, finished_at_us FROM backups
             WHERE organization = $1 AND service = $2 AND method = $3 AND state <> 'deleted'
             ORDER BY created_at_us DESC, id DESC LIMIT $4")
        .bind(organization.as_str())
        .bind(service.as_str())
        .bind(method.as_str())
        .bind(i64::from(FAILURES));
        let mut failed = FailedInARow::default();
        for row in &self.rows(query).await? {
            let row = Fields(row);
            if !matches!(row.parsed("state")?, BackupState::Failed | BackupState::Cancelled) {
                break;
            }
            failed.times += 1;
            failed.last = failed.last.max(row.optional_time("finished_at_us")?);
        }
        Ok(failed)
    }

    /// The newest backup of a service and method in a target that succeeded and was not found damaged.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn newest_backup_of(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
        method: &Method,
        target: &TargetId,
    ) -> Result<Option<Backup>> {
        // By when they were done: the next one continues what this one left.
        let query = sql("SELECT * FROM backups
             WHERE organization = $1 AND service = $2 AND method = $3 AND target = $4 AND state = 'succeeded'
                 AND suspect IS NULL
             ORDER BY finished_at_us DESC, id DESC LIMIT 1")
        .bind(organization.as_str())
        .bind(service.as_str())
        .bind(method.as_str())
        .bind(target.as_str());
        self.rows(query).await?.first().map(Backup::from_row).transpose()
    }

    /// The same, in whatever target.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn newest_backup_anywhere(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
        method: &Method,
    ) -> Result<Option<Backup>> {
        let query = sql("SELECT * FROM backups
             WHERE organization = $1 AND service = $2 AND method = $3 AND state = 'succeeded' AND suspect IS NULL
             ORDER BY finished_at_us DESC, id DESC LIMIT 1")
        .bind(organization.as_str())
        .bind(service.as_str())
        .bind(method.as_str());
        self.rows(query).await?.first().map(Backup::from_row).transpose()
    }
}
