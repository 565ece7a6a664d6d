//! Changing and deleting targets: what lies in one must stay where it can be found.

use bulkhead_model::{Failure, OrganizationId, Result, TargetId, Timestamp};
use serde_json::Value;

use super::{Target, missing};
use crate::catalog::Catalog;
use crate::fields::{Fields, big, json, optional_json};
use crate::session::{Session, sql};
use crate::webhook::Sealed;

/// What to change; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TargetChange {
    /// The plugin's configuration.
    pub config: Option<Value>,
    /// Whether that names another place. Only while no backup lies in the old one.
    pub elsewhere: bool,
    /// In the plugin's own form.
    pub sealed_credentials: Option<Sealed>,
    /// For backups that name none; another one no longer is then.
    pub default: Option<bool>,
    /// The revision that the change was made from.
    pub revision: u64,
}

/// What a test found.
#[derive(Clone, Debug)]
pub struct TargetTest {
    /// Of which revision.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub found: Value,
}

impl Catalog {
    /// Changes a target.
    ///
    /// # Errors
    /// `not-found`; `conflict` when somebody changed it meanwhile, or when backups lie in the place that it would leave.
    pub async fn update_target(
        &self,
        organization: &OrganizationId,
        id: &TargetId,
        change: TargetChange,
    ) -> Result<Target> {
        let mut session = self.begin().await?;
        if change.elsewhere
            && let Some(uses) = uses(&mut session, organization, id).await?.of_backups()
        {
            return Err(Failure::conflict(format!("{uses} in target `{id}`, and would be lost to it elsewhere"))
                .with_hint("make a new target for the other place; credentials and options can be changed here"));
        }
        if change.default == Some(true) {
            clear_default(&mut session, organization, id).await?;
        }
        // What a test found is not true of another place or of other credentials.
        let untested = change.config.is_some() || change.sealed_credentials.is_some();
        let query = sql("UPDATE targets SET config = COALESCE($1, config),
                 sealed_credentials = COALESCE($2, sealed_credentials), is_default = COALESCE($3, is_default),
                 test = CASE WHEN $4 = 1 THEN NULL ELSE test END,
                 tested_at_us = CASE WHEN $5 = 1 THEN NULL ELSE tested_at_us END,
                 revision = revision + 1, updated_at_us = $6
             WHERE organization = $7 AND id = $8 AND revision = $9 RETURNING *")
        .bind(optional_json(change.config.as_ref())?)
        .bind(change.sealed_credentials.map(|sealed| sealed.as_str().to_owned()))
        .bind(change.default.map(i64::from))
        .bind(i64::from(untested))
        .bind(i64::from(untested))
        .bind(session.now().as_micros())
        .bind(organization.as_str().to_owned())
        .bind(id.as_str().to_owned())
        .bind(i64::try_from(change.revision).unwrap_or(i64::MAX));
        let Some(row) = session.row(query).await? else {
            drop(session);
            return Err(match self.target(organization, id).await? {
                None => missing(id),
                Some(_) => Failure::conflict(format!("somebody else changed target `{id}` at the same time"))
                    .with_hint("look at it again, then change it"),
            });
        };
        let target = Target::from_row(&row)?;
        session.commit().await?;
        Ok(target)
    }

    /// Removes a target that nothing uses.
    ///
    /// # Errors
    /// `not-found`; `conflict`, saying what uses it.
    pub async fn delete_target(&self, organization: &OrganizationId, id: &TargetId) -> Result<Target> {
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM targets WHERE organization = $1 AND id = $2 RETURNING *")
            .bind(organization.as_str().to_owned())
            .bind(id.as_str().to_owned());
        let Some(row) = session.row(query).await? else { return Err(missing(id)) };
        let target = Target::from_row(&row)?;
        let uses = uses(&mut session, organization, id).await?;
        if let Some(backups) = uses.of_backups() {
            return Err(Failure::conflict(format!("{backups} in target `{id}`"))
                .with_hint("delete the backups first: without their target nobody can restore them"));
        }
        if uses.schedules > 0 {
            let schedules = uses.schedules;
            let keep = if schedules == 1 { "schedule keeps its" } else { "schedules keep their" };
            let schedules = number(schedules);
            return Err(Failure::conflict(format!("{schedules} {keep} backups in target `{id}`"))
                .with_hint("delete the schedules first, or give them another target"));
        }
        session.commit().await?;
        Ok(target)
    }

    /// Keeps what a test found, unless the target is another one by now.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn keep_target_test(&self, organization: &OrganizationId, id: &TargetId, test: TargetTest) -> Result<()> {
        let mut session = self.begin().await?;
        let query = sql("UPDATE targets SET test = $1, tested_at_us = $2
             WHERE organization = $3 AND id = $4 AND revision = $5")
        .bind(json(&test.found)?)
        .bind(test.at.as_micros())
        .bind(organization.as_str().to_owned())
        .bind(id.as_str().to_owned())
        .bind(i64::try_from(test.revision).unwrap_or(i64::MAX));
        session.execute(query).await?;
        session.commit().await
    }
}

/// No other target is the organization's default any more.
pub(super) async fn clear_default(session: &mut Session, organization: &OrganizationId, id: &TargetId) -> Result<()> {
    let query = sql("UPDATE targets SET is_default = 0, updated_at_us = $1
         WHERE organization = $2 AND is_default = 1 AND id <> $3")
    .bind(session.now().as_micros())
    .bind(organization.as_str().to_owned())
    .bind(id.as_str().to_owned());
    session.execute(query).await.map(|_| ())
}

/// Who needs a target, counted up to [`COUNTED`] each.
struct Uses {
    backups: u64,
    schedules: u64,
}

/// That there are so many says enough: a target may hold millions.
const COUNTED: u64 = 1000;

fn number(counted: u64) -> String {
    if counted > COUNTED { format!("more than {COUNTED}") } else { counted.to_string() }
}

impl Uses {
    fn of_backups(&self) -> Option<String> {
        match self.backups {
            0 => None,
            1 => Some("1 backup lies".to_owned()),
            several => Some(format!("{} backups lie", number(several))),
        }
    }
}

async fn uses(session: &mut Session, organization: &OrganizationId, id: &TargetId) -> Result<Uses> {
    let target = || id.as_str().to_owned();
    let owner = || organization.as_str().to_owned();
    // What is scheduled or runs will lie there soon. Of what failed nothing restores; the sweep has it for its own.
    let backups = sql("SELECT COUNT(*) AS total FROM (
             SELECT 1 AS one FROM backups WHERE target = $1 AND organization = $2
             AND state <> 'deleted' AND state <> 'failed' AND state <> 'cancelled' LIMIT $3) AS counted")
    .bind(target())
    .bind(owner())
    .bind(big(COUNTED + 1));
    let copies = sql("SELECT COUNT(*) AS total FROM (
             SELECT 1 AS one FROM backup_copies c JOIN backups b ON b.id = c.backup
             WHERE c.target = $1 AND c.state <> 'failed' AND b.organization = $2
             AND b.state <> 'deleted' AND b.state <> 'failed' AND b.state <> 'cancelled' LIMIT $3) AS counted")
    .bind(target())
    .bind(owner())
    .bind(big(COUNTED + 1));
    // `copies` is a list of texts; no id has a character that JSON escapes.
    let schedules = sql("SELECT COUNT(*) AS total FROM (
             SELECT 1 AS one FROM schedules WHERE (target = $1 OR REPLACE(copies, $2, '') <> copies)
             AND organization = $3 AND deleted = 0 AND expression <> 'once' LIMIT $4) AS counted")
    .bind(target())
    .bind(format!("\"{id}\""))
    .bind(owner())
    .bind(big(COUNTED + 1));
    let mut totals = [0_u64; 3];
    for (total, query) in totals.iter_mut().zip([backups, copies, schedules]) {
        if let Some(row) = session.row(query).await? {
            *total = Fields(&row).unsigned("total")?;
        }
    }
    let [backups, copies, schedules] = totals;
    Ok(Uses { backups: backups + copies, schedules })
}
