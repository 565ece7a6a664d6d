//! Empties a service: all databases in its scope, then its migrations from the first one on. Users of the server stay.

mod mariadb;
mod surrealdb;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::Observer as _;

use self::surrealdb::Emptying;
use super::replacement::{Replacement, reopen, settled_before, sql_client};
use super::safety::wait_for_safety_backup;
use crate::config::ServiceConfig;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;
use crate::request::ResetRequestBody;

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("reset.claimed")?;
    let service = run.engine.service(&run.job.organization, &run.job.service)?;
    if settled_before(run).await? {
        reopen(run, service).await?;
        return Ok(Outcome::Reset);
    }
    let request: ResetRequestBody = serde_json::from_value(run.job.request.clone())
        .map_err(|error| Failure::internal(format!("the request of job {} is not read: {error}", run.job.id)))?;
    wait_for_safety_backup(run, request.safety_backup.as_ref()).await?;
    let mut replacement = Replacement::new(run, service)?;
    let emptied = empty(run, service, &mut replacement).await;
    replacement.finish(emptied).await?;
    Ok(Outcome::Reset)
}

async fn empty(run: &Run, service: &ServiceConfig, replacement: &mut Replacement<'_>) -> Result<()> {
    run.observer.phase("check");
    let Some(server) = &service.surrealdb else {
        let client = sql_client(run, service);
        let databases = mariadb::databases(&client).await?;
        replacement.close().await?;
        replacement.beginning().begin().await?;
        run.observer.phase("empty");
        return mariadb::drop_all(&client, &databases).await;
    };
    let main = Emptying::new(server, &service.scope).await?;
    replacement.close().await?;
    let replica = match replacement.replica_server() {
        Some(replica) => {
            Some(Emptying::new(&replica, &service.scope).await.map_err(|failure| failure.context("the replica"))?)
        }
        None => None,
    };
    replacement.beginning().begin().await?;
    replacement.observer("main").phase("empty");
    main.run().await?;
    fail_point("restore.main")?;
    if let Some(replica) = replica {
        run.check_stopped()?;
        replacement.observer("replica").phase("empty");
        replica.run().await.map_err(|failure| failure.context("the replica"))?;
        fail_point("restore.replica")?;
    }
    Ok(())
}
