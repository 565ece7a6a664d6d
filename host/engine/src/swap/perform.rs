//! The steps of a swap, forward and back.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{AttemptId, Failure, Result, ServiceId};
use bulkhead_runtime::{Level, Observer};
use tokio::time::Instant;

use super::journal::{Journal, Step};
use super::places::{Places, remove_in_background};
use super::server::{Answer, Server};
use super::{listed, ownership};
use crate::failpoint::FailPoints;

/// One swap of one attempt.
pub(super) struct Swap {
    pub service: ServiceId,
    pub attempt: AttemptId,
    /// Whether the names of the files are those of MariaDB.
    pub mariadb: bool,
    pub places: Places,
    pub server: Server,
    pub observer: Arc<dyn Observer>,
    pub fail_points: FailPoints,
}

impl Swap {
    /// Clears what an earlier swap of this service has left to clear.
    ///
    /// # Errors
    /// `conflict` when that swap needs recovery.
    pub fn finish_earlier(&self) -> Result<()> {
        match Journal::read(&self.places)? {
            None => Ok(()),
            Some(journal) if journal.step == Step::Answered => {
                let places = Places::new(&self.places.data_dir, &journal.attempt)?;
                give_up_old(&places, self.fail_points)?;
                Journal::remove(&places)
            }
            Some(journal) => Err(Failure::conflict(format!(
                "an earlier restore of service `{}` (attempt {}) was interrupted",
                self.service, journal.attempt
            ))
            .with_hint("restart this host: it finishes or rolls back interrupted restores when it starts")),
        }
    }

    /// Puts the staged data in place of the live data. Returns how the server has answered, and the time in which it did not.
    ///
    /// # Errors
    /// Whatever prevented it, after the old data is back; `internal` with what to do when it could not be put back.
    pub async fn perform(&self) -> Result<(Answer, Duration)> {
        let places = &self.places;
        self.finish_earlier()?;
        if !places.staging.is_dir() {
            return Err(Failure::invalid("nothing is staged that could be put in place"));
        }
        self.observer.phase("prepare swap");
        let (to_adopt, mariadb) = (places.clone(), self.mariadb);
        let carried = tokio::task::spawn_blocking(move || ownership::adopt(&to_adopt, mariadb))
            .await
            .map_err(|error| Failure::internal(format!("taking over the restored files broke down: {error}")))??;
        if !carried.is_empty() {
            let fields = [("names".to_owned(), listed(&carried))];
            self.observer.log(Level::Info, "took over what the data directory holds besides data", &fields);
        }
        let was_running = self.server.runs(&places.data_dir).await;
        let had_old = places.data_dir.exists();
        let mut journal = Journal::new(self.service.clone(), self.attempt.clone(), had_old, was_running);
        journal.enter(Step::Prepared, places)?;

        let down_since = Instant::now();
        let cause = match self.forward(&mut journal).await {
            Ok(answer) => {
                let downtime = down_since.elapsed();
                self.succeed(answer, downtime);
                return Ok((answer, downtime));
            }
            Err(cause) => cause,
        };
        self.observer.log(Level::Error, &format!("{cause}; putting the old data back"), &[]);
        Err(match self.roll_back(&mut journal).await {
            Ok(()) if was_running => cause.noting("the old data is back in place and its server answers"),
            Ok(()) => cause.noting("the old data is back in place; its server is stopped, as it was before"),
            Err(back) => cause
                .noting(&format!("the old data could not be brought back into service: {}", back.message))
                .with_hint(format!(
                    "the old data lies in `{}` or at its place; restart this host to try again, or see `{}`",
                    places.old.display(),
                    places.journal.display()
                )),
        }
        .with_retry(false))
    }

    async fn forward(&self, journal: &mut Journal) -> Result<Answer> {
        let places = &self.places;
        let hit = |name| self.fail_points.hit(name);
        hit("restore.swap.journaled")?;
        self.observer.phase("stop server");
        journal.enter(Step::Stopping, places)?;
        self.server.stop(&places.data_dir).await?;
        hit("restore.swap.stopped")?;
        self.observer.phase("swap");
        if journal.had_old {
            journal.enter(Step::MovingOld, places)?;
            places.rename(&places.data_dir, &places.old)?;
            hit("restore.swap.renamed-old")?;
        }
        journal.enter(Step::MovingNew, places)?;
        places.rename(&places.staging, &places.data_dir)?;
        hit("restore.swap.renamed-new")?;
        self.observer.phase("start server");
        journal.enter(Step::Starting, places)?;
        let answer = self.server.start(&places.data_dir, || hit("restore.swap.started")).await?;
        journal.enter(Step::Answered, places)?;
        Ok(answer)
    }

    /// The restored server answers: from here on nothing fails any more.
    fn succeed(&self, answer: Answer, downtime: Duration) {
        if answer == Answer::Denied {
            self.observer.log(Level::Warn, &self.unknown_account(), &[]);
        }
        let fields = [("downtime_ms".to_owned(), downtime.as_millis().to_string())];
        self.observer.log(Level::Info, "the restored server answers", &fields);
        let given_up =
            self.fail_points.hit("restore.swap.answered").and_then(|()| give_up_old(&self.places, self.fail_points));
        if let Err(failure) = given_up {
            tracing::warn!(service = %self.service, error = %failure, "the old data is left to the next restore or start");
        }
    }

    /// What is to be done when the restored data has other accounts than the live data had.
    pub fn unknown_account(&self) -> String {
        format!(
            "The restored server runs, but refuses user `{}` of service `{}`: in the restored data this account has another password, \
             or does not exist. Change the account on the server (ALTER USER or CREATE USER), or give the service in the configuration \
             the password that was valid when the backup was made; until then no backup of this service can be made.",
            self.server.user(),
            self.service
        )
    }

    /// Brings the old data back to its place, from wherever the way forward has ended, and its server back up if it was up
    /// before. Can be repeated until it succeeds.
    pub async fn roll_back(&self, journal: &mut Journal) -> Result<()> {
        let places = &self.places;
        let untouched = journal.step == Step::Prepared;
        journal.enter(Step::RollingBack, places)?;
        let new_in_place = places.data_dir.exists() && !places.staging.exists();
        if new_in_place && (places.old.exists() || !journal.had_old) {
            self.server.stop(&places.data_dir).await?;
            places.rename(&places.data_dir, &places.staging)?;
        }
        if places.old.exists() {
            places.rename(&places.old, &places.data_dir)?;
        }
        self.fail_points.hit("restore.swap.rolled-back")?;
        if journal.was_running && !untouched && !self.server.answers_from(&places.data_dir).await {
            self.server.start(&places.data_dir, || Ok(())).await?;
        }
        Journal::remove(places)
    }
}

/// Gives up the old directory of a swap whose server has answered. The journal stays: until the catalog knows that the restore is
/// done, nothing else does.
pub(super) fn give_up_old(places: &Places, fail_points: FailPoints) -> Result<()> {
    if places.old.exists() {
        // Only a name that says so may ever be removed in part.
        places.rename(&places.old, &places.discard)?;
    }
    fail_points.hit("restore.swap.discarded")?;
    if places.discard.exists() {
        remove_in_background(places.discard.clone());
    }
    Ok(())
}

trait Noting {
    fn noting(self, note: &str) -> Self;
}

impl Noting for Failure {
    fn noting(mut self, note: &str) -> Self {
        self.message = format!("{}; {note}", self.message);
        self
    }
}
