//! A moment: a chain and the logs that continue it, replayed beside the live data and swapped in when that has worked.

use std::sync::Arc;

use bulkhead_model::recovery::Until;
use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Observer as _, ServerControl as _};

use super::{Done, base_of, reader_of};
use crate::config::ServiceConfig;
use crate::engine::needs_server;
use crate::executor::Run;
use crate::failpoint::fail_point;
use crate::swap::ServiceControl;
use crate::verb::links::Links;
use crate::verb::throw_away::{Place, Positions, ThrowAway};
use crate::verb::{accounts, gtids};

pub(super) async fn run(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    logs: &Links,
    until: Option<&Until>,
) -> Result<Done> {
    run.observer.expect(chain.plain_bytes() + logs.plain_bytes());
    run.check_stopped()?;
    fail_point("restore.checked")?;
    let control = Arc::new(ServiceControl::new(service, &run.attempt.id, Arc::clone(&run.observer) as _)?);
    let restored = beside(run, service, chain, logs, until, &control).await;
    control.close().await;
    let reached = restored?;
    let gtid = position(&reached, "gtid").map(|gtid| format!(" The service is at {gtid}.")).unwrap_or_default();
    Ok(Done { message: format!("Restore has succeeded!{gtid}{}", control.remark()), reached })
}

async fn beside(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    logs: &Links,
    until: Option<&Until>,
    control: &Arc<ServiceControl>,
) -> Result<Positions> {
    let base = base_of(chain)?;
    let throw_away = ThrowAway::new(run, service, Place::Beside(Arc::clone(control)), base, &logs.links).await?;
    let replayed = async {
        let reader = reader_of(run, chain, logs);
        throw_away.restore(run, service, chain, &reader).await?;
        let reached = throw_away.replay(run, service, base, logs, until, &reader).await?;
        fail_point("restore.replayed")?;
        run.observer.phase("finish");
        let plugin = run.engine.runtime.method(&service.engine, &base.method)?;
        if !needs_server(plugin.info()) {
            accounts::keep(service, &throw_away.connection()).await?;
        }
        throw_away.stop().await?;
        Ok::<Positions, Failure>(reached)
    };
    let replayed = replayed.await;
    if replayed.is_err() {
        throw_away.kill().await;
    }
    let reached = replayed?;
    gtids::keep(service, control.staging(), &base.report, position(&reached, "gtid")).await?;
    run.confirm_lease().await?;
    control.swap().await?;
    Ok(reached)
}

fn position<'a>(positions: &'a Positions, name: &str) -> Option<&'a str> {
    positions.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
