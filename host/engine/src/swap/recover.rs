//! What a host does at its start about a swap that an earlier process did not end.

use std::collections::BTreeSet;
use std::sync::Arc;

use bulkhead_model::{AttemptId, Failure, Result};
use bulkhead_runtime::{Level, Observer};

use super::MARIADB;
use super::journal::{Journal, Step};
use super::perform::{Swap, give_up_old};
use super::places::{Places, remove_in_background};
use super::server::Server;
use super::turn::turn_at;
use crate::config::ServiceConfig;
use crate::failpoint::{self, FailPoints};

/// How an interrupted swap has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The restored data is live and its server answers.
    Finished(AttemptId),
    /// The old data is live again.
    RolledBack(AttemptId),
    /// Nothing was touched: a host that this one does not speak for may be swapping.
    LeftTo(AttemptId),
}

/// The attempt whose restored data is live although nothing has been written down of it since.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn completed(service: &ServiceConfig) -> Result<Option<AttemptId>> {
    let Some(data_dir) = service.data_dir.as_deref() else { return Ok(None) };
    let journal = Journal::read(&Places::new(data_dir, &AttemptId::new())?)?;
    Ok(journal.filter(|journal| journal.step == Step::Answered).map(|journal| journal.attempt))
}

/// Removes the journal of a swap that is done, once the catalog knows.
///
/// # Errors
/// When it cannot be read or removed.
pub(crate) fn forget(service: &ServiceConfig) -> Result<()> {
    match (completed(service)?, service.data_dir.as_deref()) {
        (Some(attempt), Some(data_dir)) => Journal::remove(&Places::new(data_dir, &attempt)?),
        _ => Ok(()),
    }
}

/// Ends what an earlier process of this host began: forward when the restored server answers, back in every other case. Safe to
/// be interrupted and repeated; one that has gone forward is answered again until it is forgotten. Also removes
/// directories that earlier attempts have left.
///
/// `others` are the attempts that other hosts hold: what one of them has begun is left alone.
///
/// # Errors
/// When the old data could not be put back into service; nothing is removed then.
pub async fn recover(service: &ServiceConfig, others: &BTreeSet<AttemptId>) -> Result<Option<Recovered>> {
    recover_with(service, others, failpoint::armed()).await
}

pub(super) async fn recover_with(
    service: &ServiceConfig,
    others: &BTreeSet<AttemptId>,
    fail_points: FailPoints,
) -> Result<Option<Recovered>> {
    let Some(data_dir) = service.data_dir.as_deref() else { return Ok(None) };
    // The names that do not depend on an attempt are the same for every one.
    let places = Places::new(data_dir, &AttemptId::new())?;
    let turn = turn_at(&places);
    let _alone = turn.lock().await;
    let recovered = end(service, &places, others, fail_points).await?;
    if !matches!(recovered, Some(Recovered::LeftTo(_))) {
        remove_strays(&places, &Server::new(service), others).await;
    }
    Ok(recovered)
}

/// Ends what an earlier attempt has begun, before another one begins: waits for a swap that still runs here, finishes or undoes one
/// that was interrupted. Returns the attempt whose restored data is live although nothing has been written down of it since.
///
/// # Errors
/// `conflict` (retry) when another host holds the attempt; as [`recover`].
pub(crate) async fn end_earlier(service: &ServiceConfig, others: &BTreeSet<AttemptId>) -> Result<Option<AttemptId>> {
    let Some(data_dir) = service.data_dir.as_deref() else { return Ok(None) };
    let places = Places::new(data_dir, &AttemptId::new())?;
    let (service, others) = (service.clone(), others.clone());
    // In a task of its own: what has begun to move directories must not be dropped with the attempt that asked.
    let ended = tokio::spawn(async move {
        let turn = turn_at(&places);
        let _alone = turn.lock().await;
        match end(&service, &places, &others, failpoint::armed()).await? {
            Some(Recovered::Finished(attempt)) => Ok(Some(attempt)),
            Some(Recovered::RolledBack(attempt)) => {
                // Its attempt is over, and the start of a host, which clears up, may be far away.
                remove_in_background(Places::new(&places.data_dir, &attempt)?.staging);
                Ok(None)
            }
            None => Ok(None),
            Some(Recovered::LeftTo(attempt)) => Err(Failure::conflict(format!(
                "another host has begun to replace the data of service `{}` (attempt {attempt})",
                service.id
            ))
            .with_hint("let only one host serve a data directory")
            .with_retry(true)),
        }
    });
    ended.await.unwrap_or_else(|error| Err(Failure::internal(format!("ending an earlier swap broke down: {error}"))))
}

/// The turn at the data directory is held.
async fn end(
    service: &ServiceConfig,
    places: &Places,
    others: &BTreeSet<AttemptId>,
    fail_points: FailPoints,
) -> Result<Option<Recovered>> {
    let Some(journal) = Journal::read(places)? else { return Ok(None) };
    let attempt = journal.attempt.clone();
    if others.contains(&attempt) {
        tracing::warn!(service = %service.id, %attempt, "another host has begun to replace this service's data: it is left alone");
        return Ok(Some(Recovered::LeftTo(attempt)));
    }
    tracing::warn!(service = %service.id, %attempt, step = ?journal.step, "a restore was interrupted");
    let swap = Swap {
        service: service.id.clone(),
        mariadb: service.engine == MARIADB,
        places: Places::new(&places.data_dir, &attempt)?,
        attempt,
        server: Server::new(service),
        observer: Arc::new(HostLog),
        fail_points,
    };
    let recovered = swap.recover(journal).await.map_err(|failure| {
        failure.context(format!("an interrupted restore of service `{}` could not be ended", service.id))
    })?;
    tracing::warn!(service = %service.id, outcome = ?recovered, "the interrupted restore has ended");
    Ok(Some(recovered))
}

impl Swap {
    async fn recover(&self, mut journal: Journal) -> Result<Recovered> {
        let places = &self.places;
        let finished = || Recovered::Finished(self.attempt.clone());
        match journal.step {
            Step::Answered => {
                give_up_old(places, self.fail_points)?;
                return Ok(finished());
            }
            // An order to stop that was given before may still take effect, so the server must be down before it is started.
            Step::Stopping => {
                if let Err(failure) = self.server.stop(&places.data_dir).await {
                    tracing::warn!(service = %self.service, error = %failure, "the server did not stop; it is left running");
                }
            }
            Step::MovingNew | Step::Starting if self.new_in_place() && self.comes_up(journal.step).await => {
                journal.enter(Step::Answered, places)?;
                give_up_old(places, self.fail_points)?;
                return Ok(finished());
            }
            _ => {}
        }
        self.check_not_lost(&journal)?;
        self.roll_back(&mut journal).await?;
        Ok(Recovered::RolledBack(self.attempt.clone()))
    }

    fn new_in_place(&self) -> bool {
        self.places.data_dir.exists() && !self.places.staging.exists()
    }

    async fn comes_up(&self, step: Step) -> bool {
        let data_dir = &self.places.data_dir;
        if self.server.answers_from(data_dir).await {
            return true;
        }
        // An order to start that was given before may still take effect; it is not given twice.
        if step == Step::Starting && self.server.comes_by_itself(data_dir).await {
            return true;
        }
        match self.server.start(data_dir, || Ok(())).await {
            Ok(_) => true,
            Err(failure) => {
                tracing::warn!(service = %self.service, error = %failure, "the restored server does not come up");
                false
            }
        }
    }

    /// Somebody may have tidied up by hand in between.
    fn check_not_lost(&self, journal: &Journal) -> Result<()> {
        let places = &self.places;
        if journal.had_old && !places.old.exists() && !places.data_dir.exists() {
            return Err(Failure::internal(format!(
                "neither `{}` nor `{}` exists",
                places.data_dir.display(),
                places.old.display()
            ))
            .with_hint(format!("put the data directory back, then remove `{}`", places.journal.display())));
        }
        Ok(())
    }
}

async fn remove_strays(places: &Places, server: &Server, others: &BTreeSet<AttemptId>) {
    let mut strays = places.strays();
    strays.retain(|(_, attempt, _)| !others.contains(attempt));
    let has_old = strays.iter().any(|(kind, ..)| *kind == "old");
    let old_is_spare = has_old && places.data_dir.exists() && server.answers_from(&places.data_dir).await;
    for (kind, _, path) in strays {
        if kind == "old" && !old_is_spare {
            tracing::warn!(path = %path.display(), "an old data directory without a journal is kept: no server answers from the live one");
            continue;
        }
        tracing::info!(path = %path.display(), kind, "removing what an earlier attempt left");
        remove_in_background(path);
    }
}

/// Speaks for a swap that no attempt listens to any more.
struct HostLog;

impl Observer for HostLog {
    fn log(&self, level: Level, message: &str, _fields: &[(String, String)]) {
        tracing::info!(?level, "{message}");
    }

    fn phase(&self, name: &str) {
        tracing::info!(phase = name, "recovering");
    }

    fn expect(&self, _plain_bytes: u64) {}
}
