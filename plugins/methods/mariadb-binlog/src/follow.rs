//! The continuous mode: transactions are archived as they are committed.

use std::time::{Duration, Instant};

use bulkhead_plugin_sdk::method::{Chunks, Failure, Result, Sink, Source, Writer, progress, sleep, tools, warn};
use futures::future::{Either, select};
use mariadb_log::{Closed, Observer, State};

use crate::archive::{self, Archived, CHUNK, Item, LAST_START};
use crate::backup::closed_logs;
use crate::config::Config;
use crate::failure;
use crate::plugin::{LOG_TOOL, MEDIA_TYPE};
use crate::report::Reached;
use crate::server::{Clock, Log, Server};

/// Bytes of an open transaction that are held back. Those of a longer one are archived before it is known to end.
const HELD: usize = 16 << 20;
/// How long to wait at the end for what the server has committed.
const LAST: Duration = Duration::from_secs(5);
/// How long to wait at the end for a transaction whose beginning is archived.
const LONG: Duration = Duration::from_secs(600);

/// Archives from `item` on until the segment is old or large enough, or the server is lost. Returns the logs, and how far the archive has
/// come then. `asked` is what the server said before.
pub async fn run(
    config: &Config,
    backup: &str,
    item: &Item,
    asked: &Server,
    logs: &[Log],
    writer: &Writer,
) -> Result<(Vec<Archived>, Reached)> {
    let begun = Instant::now();
    let mut segment = Segment {
        until: Instant::now() + Duration::from_secs(config.segment_seconds),
        bytes: config.segment_mib << 20,
        closing: None,
        clock: asked.clock.server.saturating_add(u32::try_from(config.segment_seconds).unwrap_or(u32::MAX)),
    };
    progress::phase("archive");
    let first = logs.iter().position(|log| log.name == item.file).unwrap_or_default();
    let mut archived = closed_logs(item, &logs[first..], Some(segment.clock), writer).await?;
    let mut item = match (archived.last(), logs.last()) {
        (Some(before), Some(last)) => Item { file: last.name.clone(), position: 4, state: before.seen.end.clone() },
        _ => Item { file: item.file.clone(), position: item.position, state: item.state.clone() },
    };
    progress::phase("follow");
    let mut state = item.state.clone();
    loop {
        segment.bytes = segment.bytes.saturating_sub(archived.last().map_or(0, |log| log.entry.bytes));
        let (log, outcome) = follow(&item, backup, &mut segment, writer).await?;
        if let Some(log) = log {
            state = log.seen.end.clone();
            archived.push(log);
        }
        match outcome {
            Outcome::Next(file) => item = Item { file, position: 4, state: state.clone() },
            Outcome::Sealed => break,
            Outcome::Lost(failure) if archived.is_empty() => return Err(failure),
            Outcome::Lost(failure) => {
                warn!("lost the server; what came until then is archived: {}", failure.message);
                break;
            }
        }
    }
    let answers = segment.closing.as_ref().is_some_and(|closing| closing.asked.is_some());
    let after = if answers { Clock::ask().await.ok() } else { None };
    let reached = match segment.closing {
        Some(Closing { asked: Some(server), .. }) if state.covers(&server.state) => {
            let after = after.unwrap_or(server.clock);
            let host = server.clock.host;
            Reached { until: Some(server.clock.server), read: true, after: Some(after.server), host }
        }
        _ => {
            // Without an answer of the server, what its clock can have come to.
            let passed = u32::try_from(begun.elapsed().as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            let most = after.map_or(asked.clock.server.saturating_add(passed), |after| after.server);
            // A stamp past that is of a session that has set its time.
            let newest = archived.iter().rev().find_map(|log| log.seen.newest).filter(|newest| *newest <= most);
            let until = newest.max(Some(asked.clock.server).filter(|_| state.covers(&asked.state)));
            Reached { until, read: false, after: Some(most), host: after.and_then(|after| after.host) }
        }
    };
    Ok((archived, reached))
}

/// When the backup is complete.
struct Segment {
    until: Instant,
    /// Bytes that may still come.
    bytes: u64,
    closing: Option<Closing>,
    /// What the server's clock says when it is old enough.
    clock: u32,
}

/// The backup is about to be completed.
struct Closing {
    /// The server, when it answered: what it had committed then still goes in.
    asked: Option<Server>,
    /// Until when that is waited for.
    until: Instant,
    /// Until when the end of a transaction is waited for whose beginning is archived.
    at_most: Instant,
}

impl Segment {
    /// Time or size is up. What is committed now still goes in.
    async fn close(&mut self) {
        // A server that does not answer is noticed by its logs, too.
        let asked = Server::ask().await.ok();
        let now = Instant::now();
        self.closing = Some(Closing { asked, until: now + LAST, at_most: now + LONG });
    }

    /// How long there is nothing to do but to read.
    fn wait(&self) -> Duration {
        let until = self.closing.as_ref().map_or(self.until, |closing| closing.until);
        until.saturating_duration_since(Instant::now())
    }

    /// The wait is over. Whether the backup is complete as it is.
    async fn advance(&mut self, is_whole: bool) -> bool {
        match &mut self.closing {
            None => {
                self.close().await;
                false
            }
            Some(closing) if !is_whole && Instant::now() < closing.at_most => {
                closing.until = Instant::now() + LAST;
                false
            }
            Some(_) => true,
        }
    }

    /// Whether everything is there that was to go in.
    fn has_all(&self, state: &State) -> bool {
        self.closing.as_ref().is_some_and(|closing| match &closing.asked {
            Some(server) => state.covers(&server.state),
            None => true,
        })
    }
}

enum Outcome {
    /// Time or size is up.
    Sealed,
    /// The log has ended; it goes on in this one.
    Next(String),
    /// The server is gone.
    Lost(Failure),
}

/// One log on its way.
struct Flow<'a> {
    file: &'a str,
    chunks: Chunks,
    observer: Observer,
    /// What came after `sent` bytes.
    held: Vec<u8>,
    sent: u64,
}

/// Follows one log. When there is nothing worth keeping, no object is made of it.
async fn follow(
    item: &Item,
    backup: &str,
    segment: &mut Segment,
    writer: &Writer,
) -> Result<(Option<Archived>, Outcome)> {
    let mut arguments = item.arguments();
    arguments.splice(0..0, ["--stop-never".to_owned(), format!("--stop-never-slave-server-id={}", replica_id(backup))]);
    let tool = tools::run(LOG_TOOL, arguments, None).await?;
    let chunks = tool.stdout()?.chunks(CHUNK);
    let mut flow =
        Flow { file: &item.file, chunks, observer: item.observer(Some(segment.clock)), held: Vec::new(), sent: 0 };
    let ended = flow.begin(segment).await?;
    let (archived, outcome) = match ended {
        Some(outcome) => (None, outcome),
        None => {
            item.check_start(flow.observer.seen())?;
            let (mut sink, source) = Source::pipe();
            let object = item.object();
            let keep = async {
                let outcome = flow.keep(segment, &mut sink).await;
                match &outcome {
                    Ok(_) => sink.finish().await,
                    Err(failure) => sink.fail(failure.clone()).await,
                }
                outcome
            };
            let (written, outcome) = futures::join!(writer.write(&object, MEDIA_TYPE, source), keep);
            let bytes = written?.plain_bytes;
            (Some(item.archived(flow.observer.seen().clone(), bytes, false)), outcome?)
        }
    };
    let outcome = match outcome {
        Outcome::Lost(failure) if flow.observer.seen().closed.is_none() => {
            Outcome::Lost(tool.wait().await.err().unwrap_or(failure))
        }
        outcome => outcome,
    };
    Ok((archived, outcome))
}

impl Flow<'_> {
    /// Reads until there is something to archive, or why there will be nothing.
    async fn begin(&mut self, segment: &mut Segment) -> Result<Option<Outcome>> {
        loop {
            let seen = self.observer.seen();
            if seen.transactions > 0 || seen.closed.is_some() || self.held.len() > HELD {
                return Ok(None);
            }
            if segment.has_all(&seen.end) {
                return Ok(Some(Outcome::Sealed));
            }
            if let Some(outcome) = self.step(segment).await? {
                return Ok(Some(outcome));
            }
        }
    }

    /// Archives until the end of the log or of the segment.
    async fn keep(&mut self, segment: &mut Segment, sink: &mut Sink) -> Result<Outcome> {
        loop {
            segment.bytes = segment.bytes.saturating_sub(self.pass(sink).await?);
            let seen = self.observer.seen();
            match &seen.closed {
                Some(Closed::Rotate(next)) => return Ok(Outcome::Next(next.clone())),
                Some(Closed::Stop) => return Ok(Outcome::Lost(Failure::unavailable("the server was stopped"))),
                None if segment.has_all(&seen.end) && self.is_whole() => return Ok(Outcome::Sealed),
                None => {}
            }
            if segment.bytes == 0 && segment.closing.is_none() {
                segment.close().await;
                continue;
            }
            if let Some(outcome) = self.step(segment).await? {
                return Ok(outcome);
            }
        }
    }

    /// Whether nothing of an open transaction is archived, and the next backup can go on here.
    fn is_whole(&self) -> bool {
        let seen = self.observer.seen();
        self.sent <= seen.offset && (seen.boundary <= LAST_START || seen.closed.is_some())
    }

    /// Takes one piece in, or hears that there will be none.
    async fn step(&mut self, segment: &mut Segment) -> Result<Option<Outcome>> {
        let is_whole = self.is_whole();
        let was_closing = segment.closing.is_some();
        // Kept over the waits: what is on its way to it would be lost with it.
        let mut next = std::pin::pin!(self.chunks.available());
        loop {
            match select(next.as_mut(), std::pin::pin!(sleep(segment.wait()))).await {
                Either::Left((Some(piece), _)) => {
                    self.observer.feed(piece).map_err(|problem| failure::of(problem).context(self.file))?;
                    self.held.extend_from_slice(piece);
                    return Ok(None);
                }
                Either::Left((None, _)) => {
                    return Ok(Some(Outcome::Lost(Failure::unavailable("the server ended the connection"))));
                }
                Either::Right(_) if segment.advance(is_whole).await => return Ok(Some(Outcome::Sealed)),
                Either::Right(_) => {
                    let has_begun_to_close = !was_closing && segment.closing.is_some();
                    if has_begun_to_close && is_whole && segment.has_all(&self.observer.seen().end) {
                        return Ok(Some(Outcome::Sealed));
                    }
                }
            }
        }
    }

    /// Hands on what is known to be whole, and more when it is too much to hold back. Returns its length.
    async fn pass(&mut self, sink: &mut Sink) -> Result<u64> {
        let whole = self.observer.seen().offset.saturating_sub(self.sent);
        let bytes = usize::try_from(whole).unwrap_or(usize::MAX).min(self.held.len());
        let bytes = if self.held.len() - bytes > HELD { self.held.len() } else { bytes };
        if bytes == 0 {
            return Ok(0);
        }
        let rest = self.held.split_off(bytes);
        let piece = std::mem::replace(&mut self.held, rest);
        sink.write(piece).await.map_err(|_| archive::gone())?;
        self.sent += bytes as u64;
        Ok(bytes as u64)
    }
}

/// The number by which the server knows the connection among its replicas: it ends an older one of the same number.
fn replica_id(backup: &str) -> u32 {
    // FNV-1a; the upper range is what nobody numbers servers with by hand.
    let hash = backup.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash | 0x8000_0000
}
