//! `[service.front_door]`: what stands before a SurrealDB service.

use std::net::SocketAddr;
use std::time::Duration;

use bulkhead_engine::ServiceScope;
use bulkhead_model::ServiceId;
use bulkhead_surrealdb::{Login, Scope, Server};

use super::auth::Secret;
use super::reader::Section;
use super::units::parse_duration;
use super::{Context, surrealdb};

/// One front door.
#[derive(Clone, Debug)]
pub struct FrontDoor {
    /// Before which service.
    pub service: ServiceId,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What callers have to show; needed off loopback.
    pub token: Option<Secret>,
    /// The service's own server.
    pub main: Server,
    /// The server that holds the snapshot.
    pub replica: Server,
    /// The database behind it.
    pub scope: Scope,
    /// Events that may wait for the replica.
    pub buffer_events: usize,
    /// Events that may wait for one stream processor.
    pub ssp_buffer_events: usize,
    /// When the log is on disk: `None` before each answer, else at this interval.
    pub fsync_every: Option<Duration>,
    /// How often the replica takes events in.
    pub apply_every: Duration,
    /// Silence after which a stream processor is gone.
    pub heartbeat_timeout: Duration,
    /// The most time until a registered stream processor is ready.
    pub bootstrap_timeout: Duration,
    /// The most time for one request to a stream processor.
    pub ssp_deadline: Duration,
    /// The most time for one request to main or replica.
    pub query_deadline: Duration,
}

/// Reads the table of one service.
pub fn read(
    service: &Section<'_>,
    context: &Context,
    id: Option<&ServiceId>,
    main: Option<&Server>,
    scope: &ServiceScope,
) -> Option<FrontDoor> {
    let section = service.table("front_door")?;
    let listen = section.required::<SocketAddr>("listen", "127.0.0.1:7171");
    let token = token(&section, context);
    if let Some(listen) = listen
        && !listen.ip().is_loopback()
        && token.is_none()
    {
        section.wrong(
            "token_env",
            format!("is missing, and the front door listens on {listen}"),
            "add token_env = \"NAME\", or listen on 127.0.0.1",
        );
    }
    let replica = section.table("replica").map(|table| {
        let replica = surrealdb::address(&table, context, Login::Root);
        if main.is_some_and(|main| (&main.host, main.port) == (&replica.host, replica.port)) {
            table.wrong("port", "is the service's own server", "name the second server, which holds the snapshot");
        }
        table.finish();
        replica
    });
    if replica.is_none() {
        section.wrong(
            "replica",
            "is missing",
            "add [service.front_door.replica] with host, port, user and password_env",
        );
    }
    let events = |key: &str| section.integer(key, 1..=10_000_000).and_then(|events| usize::try_from(events).ok());
    let (buffer_events, ssp_buffer_events) = (events("buffer_events"), events("ssp_buffer_events"));
    let fsync_every = fsync(&section);
    let positive = |key: &str, default: u64| {
        let duration = section.duration(key, Duration::from_secs(default));
        if duration.is_zero() {
            section.wrong(key, "must be longer than nothing", format!("write e.g. {key} = \"{default}s\""));
        }
        duration
    };
    let apply_every = positive("apply_every", 1);
    let heartbeat_timeout = positive("heartbeat_timeout", 30);
    let bootstrap_timeout = positive("bootstrap_timeout", 120);
    let ssp_deadline = positive("ssp_deadline", 10);
    let query_deadline = positive("query_deadline", 60);
    let database = match (&scope.namespace, &scope.database) {
        (Some(namespace), Some(database)) => Some(Scope { namespace: namespace.clone(), database: database.clone() }),
        _ => {
            section.wrong("replica", "one front door serves one database", "add namespace and database to the service");
            None
        }
    };
    if main.is_none() {
        service.wrong("front_door", "stands before services of engine surrealdb only", "remove the table");
    }
    section.finish();
    Some(FrontDoor {
        service: id?.clone(),
        listen: listen?,
        token,
        main: main?.clone(),
        replica: replica?,
        scope: database?,
        buffer_events: buffer_events.unwrap_or(10_000),
        ssp_buffer_events: ssp_buffer_events.unwrap_or(10_000),
        fsync_every,
        apply_every,
        heartbeat_timeout,
        bootstrap_timeout,
        ssp_deadline,
        query_deadline,
    })
}

/// `"always"`, or an interval: what was answered within it can be lost with the machine, though never with the process.
fn fsync(section: &Section<'_>) -> Option<Duration> {
    let text = section.text("fsync").filter(|text| text != "always")?;
    match parse_duration(&text) {
        Ok(every) if !every.is_zero() => Some(every),
        Ok(_) => None,
        Err(message) => {
            section.wrong("fsync", message, "write fsync = \"always\", or an interval such as \"50ms\"");
            None
        }
    }
}

fn token(section: &Section<'_>, context: &Context) -> Option<Secret> {
    let variable = section.text("token_env")?;
    let hint = format!("set {variable} to a token; make one with `openssl rand -hex 32`");
    match context.environment.get(&variable).map(Secret::new) {
        Some(Ok(token)) => return Some(token),
        Some(Err(message)) => section.wrong("token_env", message.replace("secret", "token"), hint),
        None => section.wrong("token_env", format!("the environment variable {variable} is not set"), hint),
    }
    None
}
