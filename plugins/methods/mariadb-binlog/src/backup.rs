//! Archiving what is new.

use bulkhead_plugin_sdk::method::{BackupRequest, Failure, Report, Result, Writer, info, progress, warn};

use crate::archive::{self, Archived, Item};
use crate::config::Config;
use crate::continuity::{self, Beginning, Previous};
use crate::follow;
use crate::index::Index;
use crate::report::{self, End, Reached};
use crate::server::{self, Clock, Log, Server};

/// Makes a log backup.
pub async fn run(request: &BackupRequest, writer: &Writer) -> Result<Report> {
    let config: Config = request.config()?;
    config.validate()?;
    progress::phase("ask");
    let server = Server::ask().await?;
    let previous = request.chain.first().map(Previous::of).transpose()?;
    let previous = previous.as_ref();
    let logs = server::logs().await?;
    let beginning = continuity::look(previous, &server, &logs).await?;
    if let Some(root) = &beginning.root {
        match previous {
            Some(previous) => {
                warn!("a new timeline begins, as the archive cannot go on: {}", root.reason; "cause" => root.cause, "archived_until" => previous.complete_until)
            }
            None => info!("the archive begins"; "oldest_log" => beginning.item.file),
        }
    }
    let timeline = report::timeline(&request.backup, &beginning, previous);

    let (archived, reached) = if config.continuous {
        follow::run(&config, &request.backup, &beginning.item, &server, &logs, writer).await?
    } else {
        at_once(&config, &server, &beginning, previous, logs, writer).await?
    };
    let mut end = End::after(&beginning, previous, &archived);
    if end.created.is_none() {
        end.created = Some(archive::created(&end.file).await?);
    }
    let mut report = report::make(&timeline, &server, &beginning, previous, &archived, &end, &reached);
    // A backup that claims to lie in that file and is older is of another one of its name.
    if let Some(created) = begun(&beginning, previous).await? {
        report.add("start.created", created.to_string());
    }
    let entries = archived.into_iter().map(|archived| archived.entry).collect();
    Index::new(timeline, entries).write(writer).await?;
    info!("archived binary logs"; "transactions" => report.position("transactions").unwrap_or_default(),
        "log_bytes" => report.position("log.bytes").unwrap_or_default(), "gtid" => end.state);
    Ok(report)
}

/// When the server began the first of the logs.
async fn begun(beginning: &Beginning, previous: Option<&Previous>) -> Result<Option<u32>> {
    match previous.filter(|previous| beginning.root.is_none() && previous.file == beginning.item.file) {
        Some(previous) => Ok(previous.created),
        None => archive::created(&beginning.item.file).await.map(Some),
    }
}

/// Archives the logs that are closed, after having the server close the last one. Returns them, and how far the archive has come then.
async fn at_once(
    config: &Config,
    server: &Server,
    beginning: &Beginning,
    previous: Option<&Previous>,
    mut logs: Vec<Log>,
    writer: &Writer,
) -> Result<(Vec<Archived>, Reached)> {
    let flushed = config.flush && has_news(server, beginning, previous, &logs).await?;
    if flushed {
        progress::phase("flush");
        server::flush().await?;
        logs = server::logs().await?;
    }
    // All logs but the last were closed before.
    let after = Clock::ask().await?;
    progress::phase("archive");
    let first = logs.iter().position(|log| log.name == beginning.item.file).ok_or_else(|| {
        Failure::unavailable(format!("{} was purged while it was about to be archived", beginning.item.file))
    })?;
    let closed = &logs[first..];
    progress::expect(closed.iter().rev().skip(1).map(|log| log.bytes).sum());
    let archived = closed_logs(&beginning.item, closed, Some(after.server), writer).await?;
    let state = archived.last().map_or(&beginning.item.state, |last| &last.seen.end);
    // What was committed when the time was asked for is in the logs that were closed after it.
    let read = flushed || *state == server.state;
    let until = if read {
        Some(server.clock.server)
    } else {
        // A session may have set its time when it closed the log.
        let closed = archived.iter().rev().find_map(|log| log.seen.closed_at.or(log.seen.newest));
        closed.filter(|closed| *closed <= after.server)
    };
    let reached = Reached { until, read, after: Some(after.server), host: after.host };
    Ok((archived, reached))
}

/// Archives all of `logs` but the last, which is written to. The first is `item`, or what is left of it. They were closed before the
/// server's clock said `until`.
pub async fn closed_logs(item: &Item, logs: &[Log], until: Option<u32>, writer: &Writer) -> Result<Vec<Archived>> {
    let mut archived: Vec<Archived> = Vec::new();
    for pair in logs.windows(2) {
        let [log, next] = pair else { continue };
        let item = match archived.last() {
            None => Item { file: item.file.clone(), position: item.position, state: item.state.clone() },
            Some(before) => Item { file: log.name.clone(), position: 4, state: before.seen.end.clone() },
        };
        archived.push(archive::closed(&item, log.bytes, &next.name, until, writer).await?);
    }
    Ok(archived)
}

/// Whether the log that is written to holds a transaction that is not archived.
async fn has_news(server: &Server, beginning: &Beginning, previous: Option<&Previous>, logs: &[Log]) -> Result<bool> {
    if previous.is_some_and(|previous| beginning.root.is_none() && previous.state == server.state) {
        return Ok(false);
    }
    match logs.last() {
        Some(last) => Ok(server::state_before(&last.name).await? != server.state),
        None => Ok(false),
    }
}
