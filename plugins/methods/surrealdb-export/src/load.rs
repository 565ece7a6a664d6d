//! Loading an export into a database.
//!
//! Definitions run in the export's order, records in batches, several at once, and indexes when all records are there: an index over what
//! lies there is made faster than it is kept up record by record. Everything runs under `OPTION IMPORT`, so that no event fires, no change is
//! fed, and no value is computed anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bulkhead_plugin_sdk::method::{Failure, Reader, Result, Series, Source, debug, progress, sleep, warn};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use surql::{Item, Items, Kind};

use crate::access;
use crate::batch::{Batch, BatchKind};
use crate::config::Config;
use crate::scope::Database;
use crate::server::Server;
use crate::statement::{Statement, field_in_place};
use crate::tally::{MOST_ITEM, too_long, whole};
use crate::upgrade;

/// The first servers known to import an edge whose ends are not there yet, where both ends are enforced.
const IMPORTS_EDGES_FIRST: Series = Series { major: 3, minor: 3 };
/// Begins each request.
const OPTION: &[u8] = b"OPTION IMPORT;\n";
/// Bytes of the export in hand at a time.
const CHUNK: usize = 256 << 10;
/// Records of one statement, and so of one transaction: as many as servers export in one. Measured: larger ones take longer for each record.
const MOST_RECORDS: usize = 1_000;
/// Bytes of definitions of one request.
const DEFINITION_BYTES: usize = 256 << 10;
/// How often a request is tried again that came into another's way, which undid all of it, and the time before.
const AGAIN: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Loads one export.
pub struct Loader<'a> {
    server: &'a Server,
    database: &'a Database,
    batch_bytes: usize,
    parallel: usize,
    under_way: FuturesUnordered<LocalBoxFuture<'a, Result<()>>>,
    definitions: Vec<u8>,
    batch: Option<Batch>,
    /// Tables that have been defined.
    tables: BTreeSet<String>,
    /// Views that are defined when all records are there, in the export's order.
    views: Vec<Vec<u8>>,
    late: BTreeSet<String>,
    /// Tables of edges whose ends have to be there first.
    postponed: BTreeSet<String>,
    /// Whether the export is read again, for what was postponed.
    is_second_reading: bool,
    /// The table whose definitions come: its indexes follow it.
    current: String,
    /// By table.
    indexes: BTreeMap<String, Vec<Vec<u8>>>,
    /// Whether the export is of 2.x and the server is not.
    upgrades: bool,
    /// Whether records are left out.
    is_rehearsal: bool,
}

impl<'a> Loader<'a> {
    /// For an export of a server of the series `from`.
    pub fn new(server: &'a Server, database: &'a Database, from: Series, config: &Config) -> Self {
        Self {
            server,
            database,
            batch_bytes: config.batch_bytes,
            parallel: config.parallel,
            under_way: FuturesUnordered::new(),
            definitions: Vec::new(),
            batch: None,
            tables: BTreeSet::new(),
            views: Vec::new(),
            late: BTreeSet::new(),
            postponed: BTreeSet::new(),
            is_second_reading: false,
            current: String::new(),
            indexes: BTreeMap::new(),
            upgrades: from.major < 3 && server.series.major >= 3,
            is_rehearsal: false,
        }
    }

    /// Makes of the load one of definitions alone.
    #[must_use]
    pub fn rehearsal(self) -> Self {
        Self { is_rehearsal: true, ..self }
    }

    /// Loads all of an export, which is an object of a backup.
    ///
    /// # Errors
    /// The first statement that does not succeed; what is wrong with the object.
    pub async fn load(mut self, reader: &Reader, backup: &str, object: &str) -> Result<()> {
        self.read(reader.open(backup, object).await?).await?;
        if !self.postponed.is_empty() && !self.is_rehearsal {
            self.is_second_reading = true;
            self.read(reader.open(backup, object).await?).await?;
        }
        for view in std::mem::take(&mut self.views) {
            self.define(&view).await?;
        }
        self.settle().await?;
        if !self.is_rehearsal {
            progress::phase("index");
        }
        for indexes in std::mem::take(&mut self.indexes).into_values() {
            let (server, database) = (self.server, self.database);
            // One after the other: two of one table come into each other's way, and the work of one of them is lost.
            let all = async move {
                for index in indexes {
                    run(server, database, [OPTION, &index, b";\n"].concat().into()).await?;
                }
                Ok(())
            };
            self.start(Box::pin(all)).await?;
        }
        self.settle().await
    }

    /// Reads the export, and waits until all that was taken from it is done.
    async fn read(&mut self, export: Source) -> Result<()> {
        let mut items = Items::new(MOST_ITEM);
        let mut chunks = export.chunks(CHUNK);
        while let Some(chunk) = chunks.next().await {
            items.push(chunk).map_err(too_long)?;
            while let Some(item) = items.next_item() {
                self.take(item).await?;
            }
        }
        chunks.finish().await?;
        whole(&mut items)?;
        self.settle().await
    }

    async fn take(&mut self, item: Item) -> Result<()> {
        let Item { kind, text, at, depth, .. } = item;
        match kind {
            Kind::Record { .. } if self.is_rehearsal => Ok(()),
            Kind::Record { table, relation } => {
                let is_in = |tables: &BTreeSet<String>| table.as_ref().is_some_and(|table| tables.contains(table));
                // The definition of a view computes them.
                if is_in(&self.late) || is_in(&self.postponed) != self.is_second_reading {
                    return Ok(());
                }
                self.add(if relation { BatchKind::Edges } else { BatchKind::Records }, &text, depth).await
            }
            Kind::Statement if self.is_second_reading => Ok(()),
            Kind::Statement => {
                let sql = String::from_utf8(text)
                    .map_err(|_| Failure::corrupt(format!("the export is not UTF-8 at {at}")))?;
                self.statement(sql).await
            }
        }
    }

    async fn statement(&mut self, sql: String) -> Result<()> {
        match Statement::read(&sql) {
            Statement::Import => Ok(()),
            Statement::Edge if self.is_rehearsal => Ok(()),
            Statement::Edge => self.add(BatchKind::Relate, sql.as_bytes(), 0).await,
            Statement::Definition(kind) if kind == "INDEX" => {
                let sql = if self.upgrades { upgrade::index(&sql) } else { sql };
                self.indexes.entry(self.current.clone()).or_default().push(sql.into_bytes());
                Ok(())
            }
            Statement::Table { name, view: true } => {
                self.current.clone_from(&name);
                if self.tables.insert(name.clone()) {
                    // The export has no place for it to stand in until then: other tables may come first.
                    self.late.insert(name);
                    self.views.push(sql.into_bytes());
                    return Ok(());
                }
                // It computes its records anew, out of those before it, which have to be there.
                self.settle().await?;
                self.define(sql.as_bytes()).await?;
                self.settle().await
            }
            Statement::Table { name, view: false } => {
                if self.server.series < IMPORTS_EDGES_FIRST && sql.contains(" ENFORCED") {
                    self.postponed.insert(name.clone());
                }
                self.current.clone_from(&name);
                self.tables.insert(name);
                self.define(sql.as_bytes()).await
            }
            Statement::Access => match access::with_new_keys(&sql)? {
                Some(renewed) if self.is_rehearsal => self.define(renewed.as_bytes()).await,
                Some(renewed) => {
                    warn!("servers hide the keys of accesses: one has a new key that nobody knows, and tokens of before are not valid any more";
                        "database" => self.database, "access" => sql.split_whitespace().nth(2).unwrap_or_default());
                    self.define(renewed.as_bytes()).await
                }
                None => self.define(sql.as_bytes()).await,
            },
            Statement::Definition(_) => {
                let sql = field_in_place(&sql).unwrap_or(sql);
                let sql = if self.upgrades { upgrade::field(&sql) } else { sql };
                self.define(sql.as_bytes()).await
            }
            Statement::Other => Err(Failure::unsupported("the export has a statement that this plugin does not know")
                .with_hint("restore with the plugin that made the backup, or a newer one")),
        }
    }

    /// Runs a definition, together with those that follow.
    async fn define(&mut self, sql: &[u8]) -> Result<()> {
        self.definitions.extend_from_slice(sql);
        self.definitions.extend_from_slice(b";\n");
        if self.definitions.len() > DEFINITION_BYTES { self.finish_definitions().await } else { Ok(()) }
    }

    async fn finish_definitions(&mut self) -> Result<()> {
        if self.definitions.is_empty() {
            return Ok(());
        }
        let sql = [OPTION, &self.definitions].concat();
        self.definitions.clear();
        run(self.server, self.database, sql.into()).await.map_err(|failure| failure.context("a definition"))
    }

    /// Adds a record to the batch.
    async fn add(&mut self, kind: BatchKind, record: &[u8], depth: usize) -> Result<()> {
        self.finish_definitions().await?;
        let bytes = self.batch_bytes.saturating_sub(record.len());
        if !self.batch.as_ref().is_some_and(|batch| batch.has_room(kind, MOST_RECORDS, bytes)) {
            self.finish_batch().await?;
        }
        self.batch.get_or_insert_with(|| Batch::new(kind)).push(record, depth);
        Ok(())
    }

    async fn finish_batch(&mut self) -> Result<()> {
        match self.batch.take() {
            Some(batch) => self.send(batch.finish(OPTION)).await,
            None => Ok(()),
        }
    }

    /// Waits until everything that was given is done.
    async fn settle(&mut self) -> Result<()> {
        self.finish_batch().await?;
        while let Some(done) = self.under_way.next().await {
            done?;
        }
        self.finish_definitions().await
    }

    /// Sends a request beside the others.
    async fn send(&mut self, sql: Vec<u8>) -> Result<()> {
        self.start(Box::pin(run(self.server, self.database, sql.into()))).await
    }

    async fn start(&mut self, work: LocalBoxFuture<'a, Result<()>>) -> Result<()> {
        while self.under_way.len() >= self.parallel {
            self.under_way.next().await.transpose()?;
        }
        self.under_way.push(work);
        Ok(())
    }
}

/// Runs statements, again when others came into their way.
async fn run(server: &Server, database: &Database, sql: Bytes) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    let mut again = 0;
    loop {
        match server.import(database, sql.clone()).await? {
            Ok(()) => return Ok(()),
            Err(refused) if refused.is_conflict() && again < AGAIN => {
                again += 1;
                debug!("a request came into another's way, and is tried again"; "again" => again);
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(refused) => return Err(Failure::from(refused).with_retry(false)),
        }
    }
}
