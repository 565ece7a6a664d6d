//! Whether the server's logs go on where the archive ends.

use bulkhead_plugin_sdk::method::{Failure, Link, Result, info};
use mariadb_log::State;

use crate::archive::{self, Item, LAST_START};
use crate::server::{self, Log, Server};

/// Where the archive ends.
pub struct Previous {
    /// The run of backups that it ends with.
    pub timeline: String,
    uid: Option<String>,
    id: String,
    /// The log that was archived last.
    pub file: String,
    /// The next byte of it to archive.
    pub position: u64,
    /// Whether it is complete.
    pub closed: bool,
    /// When the server began it.
    pub created: Option<u32>,
    /// What is archived.
    pub state: State,
    /// Everything that was committed until then is archived, RFC 3339.
    pub complete_until: String,
    /// After which transactions the server noted, in what was archived last, that it lost some.
    incident: Option<String>,
}

/// From where on logs are archived.
pub struct Beginning {
    /// The first of them.
    pub item: Item,
    /// Why a new timeline begins.
    pub root: Option<Break>,
}

/// Why the archive does not go on.
pub struct Break {
    /// In a word.
    pub cause: &'static str,
    /// In a sentence.
    pub reason: String,
}

impl Previous {
    /// Reads it from the report of the newest log backup.
    ///
    /// # Errors
    /// `corrupt` for a report that does not say it.
    pub fn of(link: &Link) -> Result<Self> {
        let report = &link.report;
        let need = |name: &str| {
            report
                .position(name)
                .ok_or_else(|| Failure::corrupt(format!("the report of the log backup {} has no {name}", link.backup)))
        };
        let wrong = |name: &'static str| {
            move |_| Failure::corrupt(format!("the report of a log backup has a {name} that is none"))
        };
        Ok(Self {
            timeline: need("timeline")?.to_owned(),
            uid: report.position("server.uid").map(str::to_owned),
            id: need("server.id")?.to_owned(),
            file: need("end.file")?.to_owned(),
            position: need("end.position")?.parse().map_err(wrong("end.position"))?,
            closed: report.position("end.closed") == Some("1"),
            created: report.position("end.created").and_then(|created| created.parse().ok()),
            state: need("gtid.end")?.parse().map_err(Failure::corrupt)?,
            complete_until: report.point_in_time.clone().unwrap_or_default(),
            incident: report.position("incident").map(str::to_owned),
        })
    }
}

/// Looks for the place in the server's logs where the archive ends. Nothing that is missing goes unnoticed: a log that is not known to
/// go on from there begins a new timeline.
///
/// # Errors
/// Of the questions.
pub async fn look(previous: Option<&Previous>, server: &Server, logs: &[Log]) -> Result<Beginning> {
    let found = match previous {
        None => Err(("first", "nothing was archived before".to_owned())),
        Some(previous) => go_on(previous, server, logs).await?,
    };
    match found {
        Ok(item) => {
            // No replay leads through it: what follows is a run of its own.
            let incident = previous.and_then(|previous| previous.incident.as_deref());
            let root = incident.map(|after| Break {
                cause: "incident",
                reason: format!(
                    "the server noted in its log that it lost transactions after {}",
                    if after.is_empty() { "the very beginning" } else { after }
                ),
            });
            Ok(Beginning { item, root })
        }
        Err((cause, reason)) => {
            let oldest = logs.first().ok_or_else(|| Failure::unsupported("the server has no binary logs"))?;
            let state = server::state_before(&oldest.name).await?;
            let item = Item { file: oldest.name.clone(), position: 4, state };
            Ok(Beginning { item, root: Some(Break { cause, reason }) })
        }
    }
}

type Found = Result<Item, (&'static str, String)>;

async fn go_on(previous: &Previous, server: &Server, logs: &[Log]) -> Result<Found> {
    let same = match (&previous.uid, &server.uid) {
        (Some(before), Some(now)) => before == now,
        _ => previous.id == server.id,
    };
    if !same {
        let name = |uid: &Option<String>, id: &str| uid.clone().unwrap_or_else(|| format!("server id {id}"));
        return Ok(Err((
            "other-server",
            format!(
                "the archive is of another server ({}) than the one that answers now ({})",
                name(&previous.uid, &previous.id),
                name(&server.uid, &server.id)
            ),
        )));
    }
    match logs.iter().position(|log| log.name == previous.file) {
        Some(at) => in_file(previous, &logs[at], logs.get(at + 1)).await,
        None => without_file(previous, logs).await,
    }
}

/// The server has the log with which the archive ends, or another of that name.
async fn in_file(previous: &Previous, log: &Log, next: Option<&Log>) -> Result<Found> {
    let file = &log.name;
    if let Some(created) = previous.created
        && archive::created(file).await? != created
    {
        return Ok(Err((
            "reset",
            format!("the server's {file} is another one than was archived: its logs were reset, or it was restored"),
        )));
    }
    if log.bytes < previous.position {
        return Ok(Err((
            "lost",
            format!(
                "the server's {file} has {} bytes, and {} were archived: the server lost what it had logged",
                log.bytes, previous.position
            ),
        )));
    }
    let other = |what: &str, state: &State| {
        Err(("reset", format!("{what} {}, and the archive ends at {}", named(state), named(&previous.state))))
    };
    if previous.closed {
        let Some(next) = next else {
            return Ok(Err(("reset", format!("the server has no log after {file}, which was archived as complete"))));
        };
        let state = server::state_before(&next.name).await?;
        return Ok(if previous.state.continues_as(&state) {
            Ok(Item { file: next.name.clone(), position: 4, state })
        } else {
            other(&format!("{} begins after", next.name), &state)
        });
    }
    if previous.position > LAST_START {
        return past_last_start(previous, log, next).await;
    }
    let position = previous.position;
    let goes_on = || Item { file: file.clone(), position, state: previous.state.clone() };
    if position == 4 {
        let state = server::state_before(file).await?;
        return Ok(if previous.state == state {
            Ok(goes_on())
        } else {
            other(&format!("{file} begins after"), &state)
        });
    }
    let state = server::state_at(file, position).await?.unwrap_or_default();
    Ok(if previous.state.is_at(&state) {
        Ok(goes_on())
    } else {
        other(&format!("{file} has at position {position} come to"), &state)
    })
}

/// The archive ends where the server cannot be asked to go on: a connection was lost between a transaction that made the log longer than 4 GiB
/// and the log's end.
async fn past_last_start(previous: &Previous, log: &Log, next: Option<&Log>) -> Result<Found> {
    let file = &log.name;
    let Some(next) = next else {
        server::flush().await?;
        return Err(Failure::unavailable(format!(
            "{file} is longer than 4 GiB, and cannot be read on from position {}: the server has begun another log",
            previous.position
        ))
        .with_retry(true));
    };
    let state = server::state_before(&next.name).await?;
    Ok(if previous.state.continues_as(&state) {
        Ok(Item { file: next.name.clone(), position: 4, state })
    } else {
        Err((
            "position",
            format!(
                "{file} is longer than 4 GiB and holds transactions after position {}, from which it cannot be read on",
                previous.position
            ),
        ))
    })
}

/// The server does not have it: purged, renamed, or never had.
async fn without_file(previous: &Previous, logs: &[Log]) -> Result<Found> {
    let Some(oldest) = logs.first() else { return Err(Failure::unsupported("the server has no binary logs")) };
    let state = server::state_before(&oldest.name).await?;
    if previous.state == state {
        info!("the log that was archived last is gone; the oldest one goes on where it ended"; "archived" => previous.file, "oldest" => oldest.name);
        return Ok(Ok(Item { file: oldest.name.clone(), position: 4, state }));
    }
    let begins = format!("the server's oldest log {} begins after {}", oldest.name, named(&state));
    let ends = format!("the archive ends at {} in {}", named(&previous.state), previous.file);
    Ok(Err(if state.covers(&previous.state) {
        ("purged", format!("{begins}, and {ends}: what lies between was purged before it was archived"))
    } else {
        ("reset", format!("{begins}, and {ends}: its logs were reset, or it was restored"))
    }))
}

/// For messages.
fn named(state: &State) -> String {
    if state.is_empty() { "the very beginning".to_owned() } else { state.to_string() }
}
