//! The tables, in steps that are applied once each.
//!
//! A step is never edited after a release: hosts refuse a catalog whose applied steps differ from their own. A step must
//! leave the tables usable for hosts of the version before it, and hosts accept steps that they do not know.

use std::time::Duration;

use bulkhead_model::{Failure, Result};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection, SqlSafeStr};

use crate::session::{bounded, failure_of};

const STEPS: &[(i64, &str, &str)] = &[
    (1, "spine", include_str!("../migrations/0001_spine.sql")),
    (2, "schedules", include_str!("../migrations/0002_schedules.sql")),
    (3, "access", include_str!("../migrations/0003_access.sql")),
    (4, "recovery", include_str!("../migrations/0004_recovery.sql")),
    (5, "targets", include_str!("../migrations/0005_targets.sql")),
    (6, "external", include_str!("../migrations/0006_external.sql")),
    (7, "copies", include_str!("../migrations/0007_copies.sql")),
    (8, "imports", include_str!("../migrations/0008_imports.sql")),
    (9, "closed", include_str!("../migrations/0009_closed.sql")),
    (10, "queue", include_str!("../migrations/0010_queue.sql")),
    (11, "lists", include_str!("../migrations/0011_lists.sql")),
    (12, "forgetting", include_str!("../migrations/0012_forgetting.sql")),
    (13, "sweep", include_str!("../migrations/0013_sweep.sql")),
];

/// A step may rewrite a large table, and another host may be at it.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Applies what is missing. Safe beside other hosts that do the same.
pub(crate) async fn run(url: &str) -> Result<()> {
    // Its own connection: the deadlines of the pool's are too short for this.
    let mut connection = bounded("connecting", AnyConnection::connect(url)).await?;
    apply(&mut connection).await?;
    bounded("disconnecting", connection.close()).await
}

/// The same on a connection that is there.
pub(crate) async fn apply(connection: &mut AnyConnection) -> Result<()> {
    let steps = STEPS
        .iter()
        .map(|&(version, name, text)| {
            Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(steps);
    migrator.set_ignore_missing(true);
    match tokio::time::timeout(DEADLINE, migrator.run_direct(None, connection, false)).await {
        Ok(outcome) => outcome.map_err(failure_of_step),
        Err(_) => Err(Failure::unavailable("the catalog's tables could not be brought up to date in time")),
    }
}

fn failure_of_step(error: MigrateError) -> Failure {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            failure_of("bringing its tables up to date", error)
        }
        MigrateError::VersionMismatch(version) => {
            Failure::internal(format!("step {version} of the catalog's tables was made by a different build"))
                .with_hint("use the build that made it, or a newer release")
        }
        other => Failure::internal(format!("bringing the catalog's tables up to date: {other}")),
    }
}
