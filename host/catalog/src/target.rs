//! Targets that organizations have made themselves. Those of the operator stand in the hosts' configuration.

mod change;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bulkhead_model::{Failure, OrganizationId, Result, TargetId, Timestamp};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, json};
use crate::session::sql;
use crate::webhook::Sealed;

pub use change::{TargetChange, TargetTest};

/// The most targets of an organization: each one is swept by and by.
const TARGETS_MAX: i64 = 100;

/// A place where an organization keeps its backups.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name.
    pub id: TargetId,
    /// The storage plugin's name.
    pub plugin: String,
    /// The plugin's configuration.
    pub config: Value,
    /// In the plugin's own form.
    pub sealed_credentials: Option<Sealed>,
    /// For backups that name none.
    pub default: bool,
    /// Who named it.
    pub origin: TargetOrigin,
    /// Counts its changes.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
    /// What the last test found.
    pub test: Option<Value>,
    /// When that was.
    pub tested_at: Option<Timestamp>,
}

/// Who named a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetOrigin {
    /// A person.
    Api,
    /// A schedule that brought its own storage.
    Inline,
}

impl TargetOrigin {
    /// The word in the catalog and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Inline => "inline",
        }
    }
}

impl fmt::Display for TargetOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TargetOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "api" => Ok(Self::Api),
            "inline" => Ok(Self::Inline),
            _ => Err(format!("`{text}` is no origin of a target")),
        }
    }
}

impl Target {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            organization: row.parsed("organization")?,
            id: row.parsed("id")?,
            plugin: row.text("plugin")?,
            config: row.json("config")?,
            sealed_credentials: row.optional_text("sealed_credentials")?.map(Sealed::from),
            default: row.flag("is_default")?,
            origin: row.parsed("origin")?,
            revision: row.unsigned("revision")?,
            created_at: row.time("created_at_us")?,
            updated_at: row.time("updated_at_us")?,
            test: row.optional_json("test")?,
            tested_at: row.optional_time("tested_at_us")?,
        })
    }
}

/// A target to be made.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name.
    pub id: TargetId,
    /// The storage plugin's name.
    pub plugin: String,
    /// The plugin's configuration.
    pub config: Value,
    /// In the plugin's own form.
    pub sealed_credentials: Option<Sealed>,
    /// For backups that name none; another one no longer is then.
    pub default: bool,
    /// Who names it.
    pub origin: TargetOrigin,
}

impl Catalog {
    /// Writes a new target.
    ///
    /// # Errors
    /// `conflict` when the organization has one of this id, or as many as it may have.
    pub async fn create_target(&self, new: NewTarget) -> Result<Target> {
        let mut session = self.begin().await?;
        let organization = new.organization.as_str();
        let count = sql("SELECT COUNT(*) AS total FROM targets WHERE organization = $1").bind(organization.to_owned());
        let targets = match session.row(count).await? {
            Some(row) => Fields(&row).number("total")?,
            None => 0,
        };
        if targets >= TARGETS_MAX {
            return Err(Failure::conflict(format!("the organization has {TARGETS_MAX} targets already"))
                .with_hint("delete one that no backup lies in"));
        }
        if new.default {
            change::clear_default(&mut session, &new.organization, &new.id).await?;
        }
        let now = session.now().as_micros();
        let query =
            sql("INSERT INTO targets (organization, id, plugin, config, sealed_credentials, is_default, origin,
                 revision, created_at_us, updated_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9) ON CONFLICT (organization, id) DO NOTHING RETURNING *")
            .bind(organization.to_owned())
            .bind(new.id.as_str().to_owned())
            .bind(new.plugin)
            .bind(json(&new.config)?)
            .bind(new.sealed_credentials.map(|sealed| sealed.as_str().to_owned()))
            .bind(i64::from(new.default))
            .bind(new.origin.as_str())
            .bind(now)
            .bind(now);
        let Some(row) = session.row(query).await? else {
            return Err(Failure::conflict(format!("there is a target `{}` already", new.id))
                .with_hint("choose another id, or change the one that is there"));
        };
        let target = Target::from_row(&row)?;
        session.commit().await?;
        Ok(target)
    }

    /// One target of the organization; `None` when it has none of this id.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn target(&self, organization: &OrganizationId, id: &TargetId) -> Result<Option<Target>> {
        let query = sql("SELECT * FROM targets WHERE organization = $1 AND id = $2")
            .bind(organization.as_str())
            .bind(id.as_str());
        self.rows(query).await?.first().map(Target::from_row).transpose()
    }

    /// The organization's target for backups that name none.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn default_target(&self, organization: &OrganizationId) -> Result<Option<TargetId>> {
        let query =
            sql("SELECT id FROM targets WHERE organization = $1 AND is_default = 1").bind(organization.as_str());
        self.rows(query).await?.first().map(|row| Fields(row).parsed("id")).transpose()
    }

    /// The organization's targets by id; there are never many.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn targets(&self, organization: &OrganizationId) -> Result<Vec<Target>> {
        let query = sql("SELECT * FROM targets WHERE organization = $1 ORDER BY id").bind(organization.as_str());
        self.rows(query).await?.iter().map(Target::from_row).collect()
    }

    /// An organization that has a target of this id.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn owner_of_target(&self, id: &TargetId) -> Result<Option<OrganizationId>> {
        let query =
            sql("SELECT organization FROM targets WHERE id = $1 ORDER BY organization LIMIT 1").bind(id.as_str());
        self.rows(query).await?.first().map(|row| Fields(row).parsed("organization")).transpose()
    }

    /// Takes one of the targets that no host has begun to sweep for a while; from now on it counts as begun.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn target_to_sweep(&self, every: Duration) -> Result<Option<(OrganizationId, TargetId)>> {
        let mut session = self.begin().await?;
        let (before, ahead) = due(session.now(), every);
        let query = sql("UPDATE targets SET swept_at_us = $1
             WHERE (swept_at_us <= $2 OR swept_at_us > $3) AND (organization, id) IN
                 (SELECT organization, id FROM targets WHERE swept_at_us <= $2 OR swept_at_us > $3
                  ORDER BY swept_at_us LIMIT 1)
             RETURNING organization, id")
        .bind(session.now().as_micros())
        .bind(before)
        .bind(ahead);
        let taken = match session.row(query).await? {
            Some(row) => Some((Fields(&row).parsed("organization")?, Fields(&row).parsed("id")?)),
            None => None,
        };
        session.commit().await?;
        Ok(taken)
    }

    /// Takes the sweep of one of the operator's targets, unless a host has begun to sweep it within `every`; from now on it counts as
    /// begun. `name` stands for the target: all hosts that have the same one under the same configuration give the same name.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn take_sweep(&self, name: &str, every: Duration) -> Result<bool> {
        let mut session = self.begin().await?;
        let (now, (before, ahead)) = (session.now().as_micros(), due(session.now(), every));
        let query = sql("INSERT INTO target_sweeps (target, swept_at_us) VALUES ($1, $2)
             ON CONFLICT (target) DO UPDATE SET swept_at_us = excluded.swept_at_us
             WHERE target_sweeps.swept_at_us <= $3 OR target_sweeps.swept_at_us > $4")
        .bind(name.to_owned())
        .bind(now)
        .bind(before)
        .bind(ahead);
        let taken = session.execute(query).await? > 0;
        session.commit().await?;
        Ok(taken)
    }
}

/// What was last swept before the first or after the second is to be swept. After: by a host whose clock was ahead.
fn due(now: Timestamp, every: Duration) -> (i64, i64) {
    (now.minus(every).as_micros(), now.plus(every).as_micros())
}

fn missing(id: &TargetId) -> Failure {
    Failure::not_found(format!("there is no target `{id}`"))
}
