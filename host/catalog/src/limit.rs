//! How many jobs run at a time, on all hosts together.

use std::fmt;

use bulkhead_model::{OrganizationId, Result, ServiceId, TargetId};

use crate::catalog::Catalog;
use crate::session::sql;

/// What a limit is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything of an organization.
    Organization(OrganizationId),
    /// Everything on one service.
    Service(ServiceId),
    /// Everything whose backup lies in one target.
    Target(TargetId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => write!(f, "organization:{id}"),
            Self::Service(id) => write!(f, "service:{id}"),
            Self::Target(id) => write!(f, "target:{id}"),
        }
    }
}

impl Catalog {
    /// Sets how many jobs of each scope may run at a time on all hosts, or takes the limit away. Scopes that are not named
    /// stay as they are. What runs already goes on; hosts whose configurations differ overwrite each other.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn set_job_limits(&self, limits: &[(Scope, Option<u32>)]) -> Result<()> {
        // In one order, as the claim locks them: hosts that start together do not wait for each other in a circle.
        let mut limits: Vec<(String, Option<u32>)> =
            limits.iter().map(|(scope, limit)| (scope.to_string(), *limit)).collect();
        limits.sort();
        let mut session = self.begin().await?;
        for (scope, limit) in limits {
            let query = match limit {
                Some(limit) => sql("INSERT INTO job_limits (scope, running_max) VALUES ($1, $2)
                     ON CONFLICT (scope) DO UPDATE SET running_max = excluded.running_max")
                .bind(scope)
                .bind(i64::from(limit)),
                None => sql("DELETE FROM job_limits WHERE scope = $1").bind(scope),
            };
            session.execute(query).await?;
        }
        session.commit().await
    }
}
