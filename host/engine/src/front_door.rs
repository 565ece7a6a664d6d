//! What stands before a service that others write to while it is restored, and when it takes writes.
//!
//! The catalog says whether a service is closed, the front door follows: while a restore or reset of the service runs, the attempt
//! holds the door; at all other times it is as the catalog says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{OrganizationId, Result, ServiceId};
use bulkhead_runtime::Connection;
use bulkhead_surrealdb::Server;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::engine::Inner;

/// How often doors are compared with the catalog when nothing wakes who does it.
const LOOK: Duration = Duration::from_secs(5);

/// What stands before one service. Every call is idempotent.
#[async_trait]
pub trait FrontDoor: Send + Sync {
    /// Refuses writes, queries and registrations from now on. Returns when nothing is under way.
    async fn close(&self) -> Result<()>;
    /// How a method reaches the replica, which is restored from the same backup as the service.
    fn replica(&self) -> Arc<Connection>;
    /// How the host itself reaches it.
    fn replica_server(&self) -> Server;
    /// Forgets what waits for the replica and for those who read along, and sends these away. Only while closed.
    async fn clear(&self) -> Result<()>;
    /// Takes writes again.
    async fn open(&self) -> Result<()>;
}

/// The front doors of a host, by the service behind.
#[derive(Clone, Default)]
pub struct FrontDoors(BTreeMap<ServiceId, Arc<dyn FrontDoor>>);

impl FrontDoors {
    /// Puts a front door before a service.
    pub fn add(&mut self, service: ServiceId, door: Arc<dyn FrontDoor>) {
        self.0.insert(service, door);
    }
}

impl fmt::Debug for FrontDoors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The front doors of a running host, each with the turn of who opens and closes it.
pub(crate) struct Doors {
    doors: BTreeMap<ServiceId, Door>,
    let_go: Arc<Notify>,
}

struct Door {
    door: Arc<dyn FrontDoor>,
    turn: Arc<Mutex<()>>,
}

/// A front door in the hands of one attempt. However the attempt ends, the door is as the catalog says soon afterwards.
pub(crate) struct HeldDoor {
    pub door: Arc<dyn FrontDoor>,
    // In this order: who is woken finds the turn free.
    _turn: OwnedMutexGuard<()>,
    _wake: Wake,
}

struct Wake(Arc<Notify>);

impl Drop for Wake {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Doors {
    pub fn new(doors: &FrontDoors) -> Self {
        let doors = doors.0.iter().map(|(service, door)| {
            let turn = Arc::new(Mutex::new(()));
            (service.clone(), Door { door: Arc::clone(door), turn })
        });
        Self { doors: doors.collect(), let_go: Arc::new(Notify::new()) }
    }

    /// Takes the door of a service, if it has one.
    pub async fn hold(&self, service: &ServiceId) -> Option<HeldDoor> {
        let door = self.doors.get(service)?;
        let turn = Arc::clone(&door.turn).lock_owned().await;
        Some(HeldDoor { door: Arc::clone(&door.door), _turn: turn, _wake: Wake(Arc::clone(&self.let_go)) })
    }
}

/// Works until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    if engine.doors.doors.is_empty() {
        return;
    }
    loop {
        for (service, door) in &engine.doors.doors {
            if let Err(failure) = follow(&engine, service, door).await {
                tracing::error!(%service, error = %failure, "the front door is not as the catalog says; trying again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = engine.doors.let_go.notified() => {}
        }
    }
}

/// Opens or closes a door that no attempt holds.
async fn follow(engine: &Inner, service: &ServiceId, door: &Door) -> Result<()> {
    let Ok(_turn) = door.turn.try_lock() else { return Ok(()) };
    let Some(organization) = engine.services.get(service).map(|service| &service.organization) else { return Ok(()) };
    if is_closed(engine, organization, service).await? { door.door.close().await } else { door.door.open().await }
}

async fn is_closed(engine: &Inner, organization: &OrganizationId, service: &ServiceId) -> Result<bool> {
    Ok(engine.blocked.contains_key(service) || engine.catalog.closed_service(organization, service).await?.is_some())
}
