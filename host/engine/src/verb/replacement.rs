//! All that a service holds is replaced, by a restore or a reset: what is closed before, and what happens before it is open again.
//!
//! From [`Replacing::begin`] on the catalog calls the service closed, through restarts, until [`Replacement::finish`] has settled it.
//! Its front door, if it has one, is closed a little earlier, and opens only when the catalog calls the service open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bulkhead_model::{AttemptId, Failure, Result};
use bulkhead_runtime::{Connection, Level, Observer, Replacing, ToolScope};
use bulkhead_surrealdb::Server;

use crate::config::ServiceConfig;
use crate::engine::Inner;
use crate::executor::{HeldLease, Run};
use crate::failpoint::fail_point;
use crate::front_door::HeldDoor;
use crate::migrations::{Migrations, SurrealDb, mariadb};
use crate::sql_client::SqlClient;

/// The replacement of one service's data by one attempt.
pub(super) struct Replacement<'a> {
    run: &'a Run,
    service: &'a ServiceConfig,
    door: Option<HeldDoor>,
    migrations: Option<Migrations>,
    beginning: Arc<Beginning>,
}

impl<'a> Replacement<'a> {
    /// Looks at what can be looked at before anything is touched.
    pub fn new(run: &'a Run, service: &'a ServiceConfig) -> Result<Self> {
        let extension = if service.surrealdb.is_some() { "surql" } else { "sql" };
        let migrations = service.migrations.as_deref().map(|directory| Migrations::read(directory, extension));
        let migrations = migrations.transpose()?;
        if migrations.is_some() && service.surrealdb.is_some() && service.scope.database().is_none() {
            return Err(Failure::invalid(format!("migrations of service `{}` need one database", service.id))
                .with_hint("set namespace and database of the service, or remove `migrations`"));
        }
        let what = match run.job.restore {
            Some(id) => format!("restore {id}"),
            None => format!("{} {}", run.job.kind, run.job.id),
        };
        let beginning = Arc::new(Beginning {
            lease: run.lease(),
            engine: Arc::clone(&run.engine),
            attempt: run.attempt.id.clone(),
            what,
            recorded: (migrations.is_some() && service.surrealdb.is_none()).then(|| sql_client(run, service)),
            begun: AtomicBool::new(false),
        });
        Ok(Self { run, service, door: None, migrations, beginning })
    }

    /// Closes the front door: nobody writes any more. It opens again when the attempt ends before the service's data is touched.
    pub async fn close(&mut self) -> Result<()> {
        if let Some(held) = self.run.engine.doors.hold(&self.service.id).await {
            self.run.observer.phase("close");
            held.door.close().await.map_err(|failure| failure.context("closing the front door"))?;
            self.door = Some(held);
            fail_point("restore.closed")?;
        }
        self.run.check_stopped()
    }

    /// What a method tells that the service's data goes.
    pub fn beginning(&self) -> Arc<dyn Replacing> {
        Arc::clone(&self.beginning) as _
    }

    /// How a method reaches the replica, when there is one.
    pub fn replica(&self) -> Option<Arc<Connection>> {
        self.door.as_ref().map(|held| held.door.replica())
    }

    /// How the host reaches the replica, when there is one.
    pub fn replica_server(&self) -> Option<Server> {
        self.door.as_ref().map(|held| held.door.replica_server())
    }

    /// Names phases after what they are about, where there is a replica besides.
    pub fn observer(&self, about: &'static str) -> Arc<dyn Observer> {
        let observer = Arc::clone(&self.run.observer) as Arc<dyn Observer>;
        if self.door.is_none() { observer } else { Arc::new(About { observer, about }) }
    }

    /// What remains when the service, and its replica, hold the new data; or, when they do not, says why the service stays closed.
    pub async fn finish<T>(self, replaced: Result<T>) -> Result<T> {
        let finished = match replaced {
            Ok(done) => self.settle().await.map(|()| done),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &finished
            && self.beginning.begun.load(Ordering::SeqCst)
        {
            let reason = format!("{} failed after it had begun to replace its data: {failure}", self.beginning.what);
            let told = self.run.engine.catalog.close_service(&self.run.attempt.id, &reason).await;
            if let Err(untold) = told {
                tracing::warn!(service = %self.service.id, error = %untold, "why the service is closed could not be recorded");
            }
        }
        finished
    }

    async fn settle(&self) -> Result<()> {
        let run = self.run;
        if let Some(held) = &self.door {
            run.observer.phase("clear");
            held.door.clear().await.map_err(|failure| failure.context("clearing the front door"))?;
            fail_point("restore.cleared")?;
        }
        if let Some(migrations) = self.migrations.as_ref().filter(|migrations| !migrations.is_empty()) {
            // A directory that was swapped in was good all the time; without its migrations it is not.
            self.beginning.close().await?;
            run.observer.phase("migrate");
            self.migrate(migrations).await?;
            fail_point("restore.migrated")?;
        }
        if self.door.is_some() {
            run.observer.phase("open");
        }
        // The catalog first: a door that is open while the job can still be run again would lose what came in.
        run.engine.catalog.settle(&run.attempt.id).await?;
        self.beginning.begun.store(false, Ordering::SeqCst);
        fail_point("restore.settled")?;
        match &self.door {
            Some(held) => held.door.open().await.map_err(|failure| failure.context("opening the front door")),
            None => Ok(()),
        }
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<()> {
        let run = self.run;
        let each = |name: &str| {
            run.check_stopped()?;
            run.observer.log(Level::Info, &format!("migration `{name}`"), &[]);
            Ok(())
        };
        let (Some(server), Some(scope)) = (&self.service.surrealdb, self.service.scope.database()) else {
            return mariadb::apply(&sql_client(run, self.service), migrations, each).await;
        };
        let all = async {
            SurrealDb::new(server, scope.clone())?.apply(migrations, each).await?;
            match self.replica_server() {
                Some(replica) => {
                    let applied = SurrealDb::new(&replica, scope)?.apply(migrations, each).await;
                    applied.map_err(|failure| failure.context("the replica"))
                }
                None => Ok(()),
            }
        };
        tokio::select! {
            applied = all => applied,
            () = run.stopper.token.cancelled() => Err(Failure::cancelled()),
        }
    }
}

/// Opens the door of a service whose data an earlier attempt of the job has replaced completely.
pub(super) async fn reopen(run: &Run, service: &ServiceConfig) -> Result<()> {
    match run.engine.doors.hold(&service.id).await {
        Some(held) => held.door.open().await.map_err(|failure| failure.context("opening the front door")),
        None => Ok(()),
    }
}

/// Whether an earlier attempt of the job has done all there is to do.
pub(super) async fn settled_before(run: &Run) -> Result<bool> {
    let attempts = run.engine.catalog.attempts(&run.job.id).await?;
    Ok(attempts.iter().any(|attempt| attempt.settled))
}

/// Speaks to the service's server, when that is MariaDB.
pub(super) fn sql_client(run: &Run, service: &ServiceConfig) -> SqlClient {
    let scope = ToolScope::from(&run.attempt_for(service));
    SqlClient::new(run.engine.runtime.tools(), scope, &service.connection)
}

/// The moment from which on the service holds neither the old data nor the new.
struct Beginning {
    lease: HeldLease,
    engine: Arc<Inner>,
    attempt: AttemptId,
    /// `restore 7`.
    what: String,
    /// Where MariaDB records migrations, which the data that comes may know nothing of.
    recorded: Option<SqlClient>,
    begun: AtomicBool,
}

impl Beginning {
    /// Closes the service, once.
    async fn close(&self) -> Result<()> {
        self.lease.confirm().await?;
        if self.begun.load(Ordering::SeqCst) {
            return Ok(());
        }
        let reason = format!("{} has begun to replace its data and has not succeeded", self.what);
        self.engine.catalog.close_service(&self.attempt, &reason).await?;
        self.begun.store(true, Ordering::SeqCst);
        fail_point("restore.begun")
    }
}

#[async_trait]
impl Replacing for Beginning {
    async fn begin(&self) -> Result<()> {
        self.close().await?;
        match &self.recorded {
            Some(server) => mariadb::forget(server).await,
            None => Ok(()),
        }
    }
}

/// Says of each phase what it is about: `load main`.
struct About {
    observer: Arc<dyn Observer>,
    about: &'static str,
}

impl Observer for About {
    fn log(&self, level: Level, message: &str, fields: &[(String, String)]) {
        self.observer.log(level, message, fields);
    }

    fn phase(&self, name: &str) {
        self.observer.phase(&format!("{name} {}", self.about));
    }

    fn expect(&self, _plain_bytes: u64) {
        // The engine knows how often they pass.
    }
}
