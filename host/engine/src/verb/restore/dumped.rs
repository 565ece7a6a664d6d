//! A dump, loaded into a server of the host's own and swapped in: the live server is touched by the swap, and by nothing before.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result};
use bulkhead_runtime::{Observer as _, ServerControl as _, ThrowAwayServer};

use super::stored_code::{self, Load};
use super::{Done, base_of};
use crate::config::ServiceConfig;
use crate::executor::Run;
use crate::failpoint::fail_point;
use crate::swap::{self, Apart, ServiceControl};
use crate::verb::artifacts::RestoreReader;
use crate::verb::links::Links;
use crate::verb::throw_away::{Place, ThrowAway};
use crate::verb::{carry, gtids};

/// One question.
const ASK: Duration = Duration::from_secs(10);
/// The most of an answer.
const ANSWER: u64 = 1 << 20;
/// What a running server has to take of a dump.
const ALL: Load<'_> = Load { database: None, table: None, functions: true, triggers: true };
/// Tables that are named one by one.
const SHOWN: usize = 20;

/// Whether a service's data can be replaced by a swap.
pub(crate) fn can_be_swapped(service: &ServiceConfig) -> bool {
    service.surrealdb.is_none() && swap::require_configured(service).is_ok() && swap::check_possible(service).is_ok()
}

/// Restores it; `None` when it has to be loaded into the running server instead, which has not been touched.
pub(super) async fn run(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    reader: &Arc<impl RestoreReader + 'static>,
) -> Result<Option<Done>> {
    run.observer.expect(chain.plain_bytes());
    run.check_stopped()?;
    fail_point("restore.checked")?;
    let control = Arc::new(ServiceControl::new(service, &run.attempt.id, Arc::clone(&run.observer) as _)?);
    let restored = beside(run, service, chain, reader, &control).await;
    control.close().await;
    let Some(reason) = restored? else {
        let reached = base_of(chain)?.report.positions.clone();
        return Ok(Some(Done { message: "Restore has succeeded!".to_owned(), reached }));
    };
    run.observer.warn(&format!("the dump is loaded into the running server instead of being swapped in: {reason}"));
    Ok(None)
}

/// Swaps; or says why nothing was swapped.
async fn beside(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    reader: &Arc<impl RestoreReader + 'static>,
    control: &Arc<ServiceControl>,
) -> Result<Option<String>> {
    let base = base_of(chain)?;
    let throw_away = match ThrowAway::new(run, service, Place::Beside(Arc::clone(control)), base, &[]).await {
        Ok(throw_away) => throw_away,
        Err(failure) if failure.kind == FailureKind::Unsupported => return Ok(Some(failure.to_string())),
        Err(failure) => return Err(failure),
    };
    let loaded = async {
        match throw_away.restore(run, service, chain, reader).await {
            Err(failure) if failure.kind == FailureKind::Unsupported => return Ok(Some(failure.to_string())),
            restored => drop(restored.map_err(rehearsed)?),
        }
        fail_point("restore.loaded")?;
        run.observer.phase("finish");
        let data_dir = service.data_dir.as_deref().ok_or_else(|| Failure::internal("no data directory to swap"))?;
        let others = &databases(data_dir)? - &databases(control.staging())?;
        let tables = tables_beyond(data_dir, control.staging())?;
        if !tables.is_empty() {
            let shown: Vec<&str> = tables.iter().take(SHOWN).map(String::as_str).collect();
            let more = tables.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            run.observer.warn(&format!(
                "tables that the dump does not hold go with their databases: {}{more}",
                shown.join(", ")
            ));
        }
        if !others.is_empty() {
            stored_code::check(&throw_away.connection(), &service.connection, &ALL).await?;
            let others: Vec<String> = others.into_iter().collect();
            return Ok(Some(format!(
                "the service holds databases that the dump does not hold, and they stay: {}",
                others.join(", ")
            )));
        }
        let restored = throw_away.connection();
        let carried = carry::belongings(&service.connection, &restored).await;
        let carried = match carried {
            Ok(carried) => carry::accounts(&service.connection, &restored).await.map(|()| carried),
            Err(failure) => Err(failure),
        };
        let carried = carried.map_err(|failure| {
            failure.context("reading the accounts, remote servers and plugins that the service has besides the dump")
        })?;
        carried.iter().for_each(|what| run.observer.warn(&format!("taken over from the running server: {what}")));
        throw_away.stop().await?;
        Ok(None)
    };
    let loaded = loaded.await;
    if !matches!(loaded, Ok(None)) {
        throw_away.kill().await;
        return loaded;
    }
    let reached = match base.report.position("gtid").filter(|gtid| !gtid.is_empty()) {
        Some(gtid) => Some(gtid.to_owned()),
        // Numbers that were given out are not given out again.
        None => logged(service).await,
    };
    gtids::keep(service, control.staging(), &base.report, reached.as_deref()).await?;
    run.confirm_lease().await?;
    control.swap().await?;
    swap::answers(service).await?;
    Ok(None)
}

/// Says that it was not the live server.
fn rehearsed(failure: Failure) -> Failure {
    failure.context("loading the dump into a throw-away server")
}

/// What the live server has in its log.
async fn logged(service: &ServiceConfig) -> Option<String> {
    let rows = service.connection.query("SELECT @@gtid_binlog_state", ASK, ANSWER).await.ok()?.rows;
    rows.into_iter().next()?.into_iter().next()?
}

/// Directories of databases in a data directory, by their names on disk: that also works for a server that is down.
fn databases(data_dir: &Path) -> Result<BTreeSet<String>> {
    const OWN: [&str; 4] = ["mysql", "performance_schema", "sys", "information_schema"];
    let failed = |error: std::io::Error| Failure::unavailable(format!("cannot read {}: {error}", data_dir.display()));
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(data_dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Where the host itself writes down which migrations were applied.
        let is_record = || name == "bulkhead" && entry.path().join("migrations.frm").is_file();
        if entry.path().join("db.opt").is_file() && !OWN.contains(&name.as_str()) && !is_record() {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Tables of the data directory that the staged one lacks, in databases that both have; names as they are on disk.
fn tables_beyond(data_dir: &Path, staging: &Path) -> Result<BTreeSet<String>> {
    let mut beyond = BTreeSet::new();
    for database in &databases(data_dir)? & &databases(staging)? {
        let tables = |of: &Path| -> Result<BTreeSet<String>> {
            let directory = of.join(&database);
            let failed = |error| Failure::unavailable(format!("cannot read {}: {error}", directory.display()));
            let files = std::fs::read_dir(&directory).map_err(failed)?.filter_map(std::result::Result::ok);
            let names = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".frm").map(str::to_owned));
            Ok(names.filter(|name| !name.starts_with("#sql")).collect())
        };
        beyond.extend((&tables(data_dir)? - &tables(staging)?).into_iter().map(|table| format!("{database}.{table}")));
    }
    Ok(beyond)
}

/// Loads a dump into a server of the host's own, which is thrown away: what does not load to its end never gets to the live one. A
/// host without a server's programs says so and leaves it out.
pub(super) async fn rehearse(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    reader: &Arc<impl RestoreReader + 'static>,
) -> Result<()> {
    if let Err(missing) = ThrowAwayServer::look_for_programs(run.engine.runtime.tools()) {
        run.observer.warn(&format!("the dump is not tried before it is loaded into the running server: {missing}"));
        return Ok(());
    }
    run.observer.expect(chain.plain_bytes() * 2);
    let apart = Apart::new(&run.engine.drill_dir(), &run.attempt.id)?;
    let base = base_of(chain)?;
    let throw_away = ThrowAway::new(run, service, Place::Apart(apart), base, &[]).await?;
    let loaded = throw_away.restore(run, service, chain, reader).await;
    let loaded = loaded.map_err(rehearsed);
    let admitted = match loaded {
        Ok(_) => stored_code::check(&throw_away.connection(), &service.connection, &ALL).await,
        Err(failure) => Err(failure),
    };
    throw_away.kill().await;
    admitted
}
