//! Replaying logs on top of what another method has restored.
//!
//! All logs go through one `mariadb-binlog` and one session of the client: temporary tables and settings live from one log to the next.

use bulkhead_plugin_sdk::method::tools::Process;
use bulkhead_plugin_sdk::method::{
    Failure, Link, Reader, RestoreRequest, Restored, Result, Sink, Source, Stop as Until, info, progress, tools,
};
use mariadb_log::{Clock, Log, Point, Reading, Selector, Start, State, Stop, Summary, around, stamp};

use crate::archive::CHUNK;
use crate::failure;
use crate::index::{Entry, Index};
use crate::plugin::{CLIENT_TOOL, LOG_TOOL, METHOD};

/// A log of the chain.
struct Archived<'a> {
    link: &'a Link,
    entry: Entry,
    /// Whether it goes on where the one before it ends.
    continues: bool,
    /// What the server's clock said around it.
    clock: Clock,
}

/// Replays the logs of a chain.
pub async fn run(request: &RestoreRequest, reader: &Reader) -> Result<Restored> {
    let (base, links) = match request.chain.split_first() {
        Some((base, links)) if !links.is_empty() && links.iter().all(|link| link.method == METHOD) => (base, links),
        _ => {
            return Err(Failure::unsupported("this method restores log backups, on top of a backup of another method"));
        }
    };
    progress::phase("index");
    let stop = stop(request.until.as_ref())?;
    let state = base.report.position("gtid").ok_or_else(|| {
        Failure::unsupported(format!("the backup {} does not say where in the binary logs it ends", base.backup))
            .with_hint("it was made while the server kept no binary log; restore from a later one")
    })?;
    let state: State = state.parse().map_err(Failure::corrupt)?;
    let logs = logs(links, reader).await?;
    let (start, first) = start(base, links, state, &logs);
    let logs = &logs[first..];
    progress::expect(logs.iter().map(|log| log.entry.bytes).sum());
    info!("replaying binary logs"; "after" => start.state, "logs" => logs.len());

    progress::phase("replay");
    let mut replay =
        Replay { selector: Selector::new(start, stop).map_err(failure::of)?, tools: None, ready: Vec::new() };
    let outcome = replay.all(logs, reader).await;
    let summary = replay.finish(outcome).await?;
    info!("replayed binary logs"; "transactions" => summary.transactions, "gtid" => summary.state);
    let mut positions = vec![
        ("gtid".to_owned(), summary.state.to_string()),
        ("transactions".to_owned(), summary.transactions.to_string()),
    ];
    if let Some((gtid, second)) = summary.last {
        positions.push(("last.gtid".to_owned(), gtid.to_string()));
        positions.push(("last.time".to_owned(), stamp::text(second)));
    }
    Ok(Restored::at(positions))
}

fn stop(until: Option<&Until>) -> Result<Stop> {
    match until {
        None => Ok(Stop::End),
        Some(Until::Time(time)) => {
            let second = stamp::seconds(time);
            second.map(Stop::Before).ok_or_else(|| Failure::invalid(format!("`{time}` is no time in RFC 3339")))
        }
        Some(Until::Transaction(gtids)) => match gtids.parse::<State>() {
            Ok(state) if !state.is_empty() => Ok(Stop::With(state)),
            Ok(_) => Err(Failure::invalid("no transaction is named at which to stop")),
            Err(message) => Err(Failure::invalid(message)),
        },
        Some(Until::Other(other)) => Err(Failure::unsupported(format!("a stop of the kind `{other}` is not known"))),
    }
}

/// The logs of all links, in order.
async fn logs<'a>(links: &'a [Link], reader: &Reader) -> Result<Vec<Archived<'a>>> {
    let mut logs = Vec::new();
    let mut timeline = None;
    for (link, clock) in links.iter().zip(clocks(links)) {
        let index = Index::read(link, reader).await?;
        let mut continues = timeline.as_ref() == Some(&index.timeline);
        timeline = Some(index.timeline);
        for entry in index.logs {
            if link.object(&entry.object).is_none() {
                return Err(Failure::corrupt(format!("the backup {} has no object {}", link.backup, entry.object)));
            }
            logs.push(Archived { link, entry, continues, clock });
            continues = true;
        }
    }
    Ok(logs)
}

/// What the server's clock said around the logs of each link.
fn clocks(links: &[Link]) -> Vec<Clock> {
    let reading = |link: &Link| {
        let read = |name| link.report.position(name).and_then(stamp::seconds);
        Reading { complete: read("clock.complete"), after: read("clock.after"), host: read("clock.host") }
    };
    // Servers have clocks of their own.
    let runs = links.chunk_by(|one, other| one.report.position("timeline") == other.report.position("timeline"));
    runs.flat_map(|run| around(&run.iter().map(reading).collect::<Vec<_>>())).collect()
}

/// From where on, and with which log, the replay begins. Positions are better than GTIDs where numbers go backwards, and mean something in
/// logs of the base's own server only.
fn start(base: &Link, links: &[Link], state: State, logs: &[Archived]) -> (Start, usize) {
    let uid = base.report.position("server.uid");
    let point = match (base.report.position("binlog.file"), base.report.position("binlog.position").map(str::parse)) {
        (Some(file), Some(Ok(position))) => Some(Point { file: file.to_owned(), position }),
        _ => None,
    };
    let own = |link: &Link| uid.is_some() && link.report.position("server.uid") == uid;
    let in_own = point.filter(|_| links.iter().any(own)).and_then(|point| {
        let holds = |log: &Archived| {
            own(log.link) && log.entry.file == point.file && (log.entry.from..=log.entry.to).contains(&point.position)
        };
        let first = logs.iter().position(holds)?;
        Some((point, first))
    });
    match in_own {
        Some((point, first)) => (Start { state, point: Some(point) }, first),
        None => {
            // What the base holds need not be read.
            let end = |log: &Archived| log.entry.gtid_end.parse::<State>().unwrap_or_default();
            let first = logs.iter().take_while(|log| log.entry.transactions == 0 || state.covers(&end(log))).count();
            (Start { state, point: None }, first.min(logs.len()))
        }
    }
}

struct Replay {
    selector: Selector,
    tools: Option<Tools>,
    /// What is to be passed on.
    ready: Vec<u8>,
}

struct Tools {
    sink: Sink,
    decoder: Process,
    client: Process,
}

impl Replay {
    async fn all(&mut self, logs: &[Archived<'_>], reader: &Reader) -> Result<()> {
        for (at, log) in logs.iter().enumerate() {
            if self.selector.has_reached() {
                return Ok(());
            }
            let entry = &log.entry;
            self.selector
                .open(Log {
                    file: entry.file.clone(),
                    position: entry.from,
                    limit: Some(entry.to),
                    state: entry.gtid_start.parse().map_err(Failure::corrupt)?,
                    continues: log.continues && at > 0,
                    clock: log.clock,
                })
                .map_err(failure::of)?;
            if !self.selector.has_passed() {
                self.ready.clear();
            }
            let context = |failure: Failure| failure.context(format!("{} of {}", entry.object, log.link.backup));
            let source = reader.open(&log.link.backup, &entry.object).await.map_err(context)?;
            self.one(source).await?.map_err(context)?;
        }
        Ok(())
    }

    /// Passes one log on. The inner failure is the log's.
    async fn one(&mut self, source: Source) -> Result<Result<()>> {
        let mut chunks = source.chunks(CHUNK);
        while let Some(chunk) = chunks.next().await {
            let fed = self.selector.feed(chunk, &mut self.ready);
            self.pass().await?;
            if let Err(problem) = fed {
                return Ok(Err(failure::of(problem)));
            }
            if self.selector.has_enough() && self.selector.has_reached() {
                return Ok(Ok(()));
            }
        }
        // Also what was not wanted has to be what was archived.
        if let Err(failure) = chunks.finish().await {
            return Ok(Err(failure));
        }
        Ok(self.selector.close().map_err(failure::of))
    }

    async fn pass(&mut self) -> Result<()> {
        if self.ready.is_empty() || !self.selector.has_passed() {
            return Ok(());
        }
        if self.tools.is_none() {
            self.tools = Some(Tools::start().await?);
        }
        let Some(tools) = &mut self.tools else { return Ok(()) };
        match tools.sink.write_back(std::mem::take(&mut self.ready)).await {
            Ok(empty) => {
                self.ready = empty;
                self.ready.clear();
                Ok(())
            }
            // The tools say why.
            Err(_) => Err(Failure::unavailable(BROKEN_OFF)),
        }
    }

    async fn finish(self, outcome: Result<()>) -> Result<Summary> {
        let Self { selector, tools, .. } = self;
        let summary = outcome.and_then(|()| selector.finish().map_err(failure::of));
        let Some(Tools { sink, decoder, client }) = tools else { return summary };
        match &summary {
            Ok(_) => sink.finish().await,
            Err(failure) => sink.fail(failure.clone()).await,
        }
        // The last in the pipe knows best what went wrong, unless nothing ever could come to it.
        let client = client.wait().await;
        let decoder = decoder.wait().await;
        let summary = match (summary, client) {
            (Err(failure), Ok(_)) => return Err(failure),
            (Err(failure), Err(_)) if failure.message != BROKEN_OFF => return Err(failure),
            (_, Err(failure)) => return Err(failure.context("replay")),
            (Ok(summary), Ok(_)) => summary,
        };
        decoder.map_err(|failure| failure.context("replay"))?;
        Ok(summary)
    }
}

/// Said when a tool stopped reading.
const BROKEN_OFF: &str = "the replay ended before all logs were read";

impl Tools {
    async fn start() -> Result<Self> {
        let (sink, source) = Source::pipe();
        let decoder = tools::run(LOG_TOOL, ["--verify-binlog-checksum", "-"], Some(source)).await?;
        let arguments = ["--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"];
        let client = tools::run(CLIENT_TOOL, arguments, Some(decoder.stdout()?)).await?;
        Ok(Self { sink, decoder, client })
    }
}
