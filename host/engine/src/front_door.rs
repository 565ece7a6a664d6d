//! What stands before a service that others write to while it is restored, and when it takes writes.
//!
//! The catalog says whether a service is closed, the front door follows: while a restore or reset of the service runs, the attempt
//! holds the door; at all other times it is as the catalog says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
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
    /// Why it is not as the catalog says.
    trouble: std::sync::Mutex<Option<String>>,
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
            (service.clone(), Door { door: Arc::clone(door), turn, trouble: Default::default() })
        });
        Self { doors: doors.collect(), let_go: Arc::new(Notify::new()) }
    }

    /// Takes the door of a service, if it has one.
    pub async fn hold(&self, service: &ServiceId) -> Option<HeldDoor> {
        let door = self.doors.get(service)?;
        let turn = Arc::clone(&door.turn).lock_owned().await;
        Some(HeldDoor { door: Arc::clone(&door.door), _turn: turn, _wake: Wake(Arc::clone(&self.let_go)) })
    }

    /// Whether the door of a service could not be made as the catalog says.
    pub fn has_trouble(&self, service: &ServiceId) -> bool {
        let trouble = |door: &Door| door.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.doors.get(service).is_some_and(trouble)
    }
}

impl Door {
    /// Keeps what is wrong with it, and says it once.
    fn tell(&self, service: &ServiceId, looked: &Result<()>) {
        let trouble = looked.as_ref().err().map(ToString::to_string);
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match &trouble {
            Some(error) if *known != trouble => {
                tracing::error!(%service, error, "the front door is not as the catalog says; it is tried again and again");
            }
            None if known.is_some() => tracing::info!(%service, "the front door is as the catalog says again"),
            _ => {}
        }
        *known = trouble;
    }
}

/// Works until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    if engine.doors.doors.is_empty() {
        return;
    }
    loop {
        for (service, door) in &engine.doors.doors {
            follow(&engine, service, door).await;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = engine.doors.let_go.notified() => {}
        }
    }
}

/// Opens or closes a door that no attempt holds.
async fn follow(engine: &Inner, service: &ServiceId, door: &Door) {
    let Ok(_turn) = door.turn.try_lock() else { return };
    let Some(organization) = engine.services.get(service).map(|service| &service.organization) else { return };
    let looked = match is_closed(engine, organization, service).await {
        Ok(true) => door.door.close().await,
        Ok(false) => door.door.open().await,
        Err(failure) => Err(failure),
    };
    door.tell(service, &looked);
}

async fn is_closed(engine: &Inner, organization: &OrganizationId, service: &ServiceId) -> Result<bool> {
    Ok(engine.blocked.contains_key(service) || engine.catalog.closed_service(organization, service).await?.is_some())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use bulkhead_catalog::NewReset;
    use bulkhead_surrealdb::Login;
    use serde_json::json;

    use super::*;
    use crate::scene::{Scene, acme, service};

    /// Remembers what it was told last.
    #[derive(Default)]
    struct Told(Lock<Option<&'static str>>);

    #[async_trait]
    impl FrontDoor for Told {
        async fn close(&self) -> Result<()> {
            *self.0.lock().unwrap() = Some("close");
            Ok(())
        }

        fn replica(&self) -> Arc<Connection> {
            Arc::new(service().connection)
        }

        fn replica_server(&self) -> Server {
            let (host, user, password) = ("localhost".to_owned(), "root".to_owned(), String::new());
            Server { host, port: 9, tls: false, user, password, login: Login::Root }
        }

        async fn clear(&self) -> Result<()> {
            Ok(())
        }

        async fn open(&self) -> Result<()> {
            *self.0.lock().unwrap() = Some("open");
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_door_is_as_the_catalog_says_unless_an_attempt_holds_it() {
        let told = Arc::new(Told::default());
        let door = Arc::clone(&told);
        let scene = Scene::start(move |config| config.front_doors.add(service().id, door)).await;
        let engine = Arc::clone(&scene.engine.inner);
        let until = |word| {
            let (told, engine) = (Arc::clone(&told), Arc::clone(&engine));
            async move {
                let told = async {
                    while *told.0.lock().unwrap() != Some(word) {
                        engine.doors.let_go.notify_one();
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::time::timeout(Duration::from_mins(1), told).await.expect(word);
            }
        };
        until("open").await;

        let reset = NewReset {
            organization: acme(),
            service: service().id,
            after: None,
            request: json!({}),
            attempts_max: 1,
            idempotency: None,
        };
        scene.catalog.schedule_reset(reset).await.unwrap();
        let lease = Duration::from_mins(1);
        let (_, attempt) = scene.catalog.claim("elsewhere", &[service().id], lease).await.unwrap().unwrap();
        let held = engine.doors.hold(&service().id).await.unwrap();
        scene.catalog.close_service(&attempt.id, "its data goes").await.unwrap();
        follow(&engine, &service().id, &engine.doors.doors[&service().id]).await;
        assert_eq!(*told.0.lock().unwrap(), Some("open"), "an attempt holds it");
        drop(held);
        until("close").await;
        let refused = engine.require_open(&service()).await.unwrap_err();
        assert!(refused.retry && refused.message.contains("its data goes"), "the reset may open it still: {refused}");

        scene.catalog.finish_reset(&attempt.id).await.unwrap();
        until("open").await;
        engine.require_open(&service()).await.unwrap();
    }
}
