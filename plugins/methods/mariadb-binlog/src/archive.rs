//! Fetching logs that the server has closed.

use bulkhead_plugin_sdk::method::{Failure, Result, Sink, Source, Writer, tools, warn};
use mariadb_log::{Closed, Observation, Observer, State, stamp};

use crate::index::Entry;
use crate::plugin::{LOG_TOOL, MEDIA_TYPE};
use crate::{failure, server};

/// Bytes of a log in the plugin's hands at a time.
pub const CHUNK: usize = 256 << 10;

/// The last position from which a server can be asked to send a log: it is asked with 32 bits. Only one transaction makes a log longer than
/// that, and the server begins another one after it.
pub const LAST_START: u64 = u32::MAX as u64;

/// A log, or what is left of one.
pub struct Item {
    /// Its name.
    pub file: String,
    /// From where on it is archived; 4 for all of it.
    pub position: u64,
    /// What was logged before.
    pub state: State,
}

/// A log that was archived.
pub struct Archived {
    /// For the index.
    pub entry: Entry,
    /// What it holds.
    pub seen: Observation,
}

impl Item {
    /// The name of its object.
    pub fn object(&self) -> String {
        if self.position == 4 { self.file.clone() } else { format!("{}.at-{}", self.file, self.position) }
    }

    /// Reads along while it is archived, which is done before the server's clock says `until`.
    pub fn observer(&self, until: Option<u32>) -> Observer {
        let observer =
            if self.position == 4 { Observer::whole() } else { Observer::part(self.position, self.state.clone()) };
        observer.until(until)
    }

    /// What the tool is asked for.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--read-from-remote-server".to_owned(), "--raw".to_owned()];
        if self.position != 4 {
            arguments.push(format!("--start-position={}", self.position));
        }
        arguments.push(self.file.clone());
        arguments
    }

    /// Refuses a log that begins otherwise than the server has said.
    pub fn check_start(&self, seen: &Observation) -> Result<()> {
        if self.state.continues_as(&seen.start) || self.state == seen.start {
            return Ok(());
        }
        Err(Failure::conflict(format!("{} begins after {}, not after {}", self.file, seen.start, self.state))
            .with_retry(true))
    }

    /// What the index says of it.
    pub fn archived(&self, seen: Observation, bytes: u64, crashed: bool) -> Archived {
        let closed = match &seen.closed {
            Some(Closed::Rotate(_)) => Some("rotate"),
            Some(Closed::Stop) => Some("stop"),
            None if crashed => Some("crash"),
            None => None,
        };
        let entry = Entry {
            object: self.object(),
            file: self.file.clone(),
            from: self.position,
            to: seen.boundary,
            bytes,
            gtid_start: seen.start.to_string(),
            gtid_end: seen.end.to_string(),
            time_first: seen.first.map(stamp::text),
            time_last: seen.last.map(stamp::text),
            transactions: seen.transactions,
            closed: closed.map(str::to_owned),
        };
        Archived { entry, seen }
    }
}

/// Archives a closed log of `size` bytes, which `next` follows on the server. It was closed before the server's clock said `until`.
///
/// # Errors
/// The tool's and the writer's; `corrupt` for a log that is not what the server says.
pub async fn closed(item: &Item, size: u64, next: &str, until: Option<u32>, writer: &Writer) -> Result<Archived> {
    let tool = tools::run(LOG_TOOL, item.arguments(), None).await?;
    let output = tool.stdout()?;
    let (sink, source) = Source::pipe();
    let object = item.object();
    let (written, passed) =
        futures::join!(writer.write(&object, MEDIA_TYPE, source), pass(item, size, next, until, output, sink));
    // What is wrong with the log says more than that the object was broken off.
    let (seen, bytes) = passed.and_then(|seen| Ok((seen, written?.plain_bytes)))?;
    if let Some((before, after)) = &seen.backwards {
        warn!("numbers of transactions go backwards: a replay needs a base of this very server"; "log" => item.file, "before" => before, "after" => after);
    }
    let crashed = seen.closed.is_none();
    Ok(item.archived(seen, bytes, crashed))
}

async fn pass(
    item: &Item,
    size: u64,
    next: &str,
    until: Option<u32>,
    output: Source,
    mut sink: Sink,
) -> Result<Observation> {
    let mut observer = item.observer(until);
    let mut chunks = output.chunks(CHUNK);
    while let Some(chunk) = chunks.next().await {
        if let Err(problem) = observer.feed(chunk) {
            let failure = failure::of(problem).context(&item.file);
            sink.fail(failure.clone()).await;
            return Err(failure);
        }
        if sink.write(chunk).await.is_err() {
            return Err(gone());
        }
    }
    let ended = chunks.finish().await;
    match judge(item, size, next, observer.seen(), ended).await {
        Ok(()) => {
            sink.finish().await;
            Ok(observer.seen().clone())
        }
        Err(failure) => {
            sink.fail(failure.clone()).await;
            Err(failure)
        }
    }
}

/// Whether a log is whole.
async fn judge(item: &Item, size: u64, next: &str, seen: &Observation, ended: Result<u64>) -> Result<()> {
    item.check_start(seen)?;
    if seen.closed.is_none() {
        // The server died while it wrote this log. The one that follows tells which transactions it knew afterwards; the end of a log
        // that breaks off inside an event is not sent.
        let known = server::state_before(next).await?;
        if seen.end.continues_as(&known) || seen.end == known {
            warn!("the log has no end: the server died while it wrote it"; "log" => item.file, "transactions_until" => seen.end);
            return Ok(());
        }
        ended?;
        return Err(Failure::corrupt(format!(
            "{} ends at {}, and {next}, which follows it, begins after {known}",
            item.file, seen.end
        )));
    }
    let bytes = ended?;
    if seen.boundary != size || item.position == 4 && bytes != size {
        return Err(Failure::corrupt(format!(
            "{} ends at {}, and the server says that it has {size} bytes",
            item.file, seen.boundary
        ))
        .with_retry(true));
    }
    Ok(())
}

/// When the server began a log: the stamp of its format event.
///
/// # Errors
/// The tool's; `corrupt` for what is no log.
pub async fn created(log: &str) -> Result<u32> {
    let item = Item { file: log.to_owned(), position: 4, state: State::default() };
    let tool = tools::run(LOG_TOOL, item.arguments(), None).await?;
    let mut observer = item.observer(None);
    let mut chunks = tool.stdout()?.chunks(4 << 10);
    while let Some(chunk) = chunks.available().await {
        observer.feed(chunk).map_err(|problem| failure::of(problem).context(log))?;
        if let Some(created) = observer.seen().created {
            return Ok(created);
        }
    }
    chunks.finish().await?;
    Err(Failure::corrupt(format!("{log} is empty")))
}

/// The writer has failed, and says so itself.
pub fn gone() -> Failure {
    Failure::unavailable("the writer reads no further")
}
