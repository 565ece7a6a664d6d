//! Backups as retention sees them.

use std::collections::HashMap;

use bulkhead_model::{
    BackupId, Method, OrganizationId, Result, RetentionPolicy, ScheduleId, ServiceId, Timestamp, Zone,
};

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::sql;

/// The succeeded backups of a service and method, and the schedules whose own policies some of them are under.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retained {
    /// Newest first.
    pub backups: Vec<RetainedBackup>,
    /// Recurring schedules with a policy of their own, deleted ones too.
    pub keepers: Vec<Keeper>,
    /// When a backup of the service, by whatever method, was last found in a target and written down. What it is restored on top of,
    /// or what is restored on top of it, may not be known yet.
    pub registered_at: Option<Timestamp>,
}

/// A succeeded backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedBackup {
    /// Its id.
    pub id: BackupId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Whether no verify has found it damaged.
    pub good: bool,
    /// Whether somebody said to keep it.
    pub pinned: bool,
    /// The schedule that made it. `None` also of one that was found in a target: manifests do not name schedules.
    pub schedule: Option<ScheduleId>,
    /// The backups that are restored on top of it.
    pub needed_by: Vec<BackupId>,
}

/// A schedule that says itself which of its backups stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeper {
    /// The schedule.
    pub schedule: ScheduleId,
    /// What it says.
    pub policy: RetentionPolicy,
    /// In whose days.
    pub zone: Zone,
}

impl Retained {
    /// All of them.
    pub fn all(&self) -> Vec<&RetainedBackup> {
        self.backups.iter().collect()
    }

    /// The backups under one schedule's own policy, or under none.
    pub fn of(&self, keeper: Option<ScheduleId>) -> Vec<&RetainedBackup> {
        let keeper_of = |backup: &RetainedBackup| {
            backup.schedule.filter(|schedule| self.keepers.iter().any(|keeper| keeper.schedule == *schedule))
        };
        self.backups.iter().filter(|backup| keeper_of(backup) == keeper).collect()
    }

    /// The backups that a schedule has made.
    pub fn made_by(&self, schedule: ScheduleId) -> Vec<&RetainedBackup> {
        self.backups.iter().filter(|backup| backup.schedule == Some(schedule)).collect()
    }
}

impl Catalog {
    /// All succeeded backups of a service and method, with what retention needs to know of them.
    ///
    /// # Errors
    /// Only those of the database, also when a schedule's policy or zone cannot be read: nothing may expire then.
    pub async fn retained_backups(
        &self,
        organization: &OrganizationId,
        service: &ServiceId,
        method: &Method,
    ) -> Result<Retained> {
        let query = sql("SELECT id, retention, timezone FROM schedules
             WHERE organization = $1 AND service = $2 AND method = $3 AND retention IS NOT NULL AND expression <> 'once'
             ORDER BY id")
        .bind(organization.as_str())
        .bind(service.as_str())
        .bind(method.as_str());
        let rows = self.rows(query).await?;
        let keepers = rows.iter().map(|row| {
            let row = Fields(row);
            let schedule = ScheduleId(row.number("id")?);
            Ok(Keeper { schedule, policy: row.json("retention")?, zone: Zone::parse(&row.text("timezone")?)? })
        });
        let keepers = keepers.collect::<Result<_>>()?;

        let query = sql("SELECT parent, id FROM backups
             WHERE organization = $1 AND service = $2 AND parent IS NOT NULL AND state <> 'deleted'
                 AND state IN ('scheduled', 'running', 'succeeded') ORDER BY parent, id")
        .bind(organization.as_str())
        .bind(service.as_str());
        let mut needed_by: HashMap<BackupId, Vec<BackupId>> = HashMap::new();
        for row in &self.rows(query).await? {
            let row = Fields(row);
            needed_by.entry(row.parsed("parent")?).or_default().push(row.parsed("id")?);
        }

        let query = sql("SELECT b.id, b.created_at_us, b.pinned, j.schedule,
                 CAST(CASE WHEN b.suspect IS NULL THEN 1 ELSE 0 END AS BIGINT) AS good
             FROM backups b LEFT JOIN jobs j ON j.id = b.job
             WHERE b.organization = $1 AND b.service = $2 AND b.method = $3 AND b.state = 'succeeded'
                 AND b.state <> 'deleted'
             ORDER BY b.created_at_us DESC, b.id DESC")
        .bind(organization.as_str())
        .bind(service.as_str())
        .bind(method.as_str());
        let rows = self.rows(query).await?;
        let backups = rows.iter().map(|row| {
            let row = Fields(row);
            let id = row.parsed("id")?;
            Ok(RetainedBackup {
                created_at: row.time("created_at_us")?,
                good: row.flag("good")?,
                pinned: row.flag("pinned")?,
                schedule: row.optional_number("schedule")?.map(ScheduleId),
                needed_by: needed_by.remove(&id).unwrap_or_default(),
                id,
            })
        });
        let backups = backups.collect::<Result<_>>()?;

        // After the backups: one that is registered between the two is not among them, and still holds all of them back.
        let query = sql("SELECT MAX(registered_at_us) AS registered_at_us FROM backups
             WHERE organization = $1 AND service = $2 AND registered_at_us IS NOT NULL")
        .bind(organization.as_str())
        .bind(service.as_str());
        let registered_at = match self.rows(query).await?.first() {
            Some(row) => Fields(row).optional_time("registered_at_us")?,
            None => None,
        };
        Ok(Retained { backups, keepers, registered_at })
    }
}
