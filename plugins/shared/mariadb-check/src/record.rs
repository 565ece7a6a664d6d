//! Writing down what a backup holds, for the day on which it is restored.

use std::time::{Duration, Instant};

use bulkhead_plugin_sdk::method::{Result, Source, Writer, database, info, progress, warn};
use serde::{Deserialize, Serialize};

use crate::listing::{Listing, Name, Table};
use crate::sql::literal;
use crate::{Broken, identifier};

/// The object that holds it.
pub const OBJECT: &str = "tables.json";
const MEDIA_TYPE: &str = "application/json";
const VERSION: u32 = 1;

/// What [`OBJECT`] holds.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    version: u32,
    pub(crate) tables: Vec<Entry>,
}

/// A table that was there both before and after the backup.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) engine: Option<String>,
    created: Option<String>,
    /// Rows and checksum, of a table that nobody wrote to from before the backup until they were taken.
    pub(crate) rows: Option<u64>,
    pub(crate) checksum: Option<String>,
    /// Why the server could not open it when it was backed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) broken: Option<String>,
}

/// How a backup keeps rows: what decides whether `CHECKSUM TABLE` says the same of them after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// As the server's own files.
    Files,
    /// As SQL, with the history of system-versioned tables or without.
    Sql {
        /// Whether the history is kept.
        history: bool,
    },
}

/// The tables as they are before a backup begins.
pub struct Census {
    medium: Medium,
    before: Option<Listing>,
    /// Whatever was last written to until then is not written to since, clocks being as fine as a second.
    quiet_since: Option<String>,
    budget: Duration,
    broken: Vec<Broken>,
}

impl Census {
    /// Lists the tables. `broken` are those of them that cannot be opened; `seconds` are for reading tables at the end; with 0 none is read.
    ///
    /// Never fails: a backup without it restores as well.
    pub async fn begin(medium: Medium, seconds: u32, broken: Vec<Broken>) -> Self {
        let quiet_since =
            database::value("SELECT DATE_FORMAT(UTC_TIMESTAMP() - INTERVAL 2 SECOND, '%Y-%m-%dT%H:%i:%sZ')").await;
        let before = listing().await;
        let budget = Duration::from_secs(seconds.into());
        Self { medium, before, quiet_since: quiet_since.ok().flatten(), budget, broken }
    }

    /// Lists the tables again, reads those that nobody wrote to, and writes all of it into the backup. Whether each table that was there
    /// before is there still, as far as can be told.
    ///
    /// # Errors
    /// The writer's.
    pub async fn finish(self, writer: &Writer) -> Result<bool> {
        progress::phase("tables");
        let Some(before) = &self.before else { return Ok(true) };
        let Some(after) = listing().await else { return Ok(true) };
        let all_there = before.tables.keys().all(|name| after.tables.contains_key(name));
        let mut entries: Vec<(Name, Entry)> = before
            .tables
            .iter()
            .filter(|(name, table)| after.tables.get(name).is_some_and(|now| now.created == table.created))
            .map(|(name, table)| (name.clone(), Entry::of(name, table, &self.broken)))
            .collect();
        self.read(before, &after, &mut entries).await;
        let read = entries.iter().filter(|(_, entry)| entry.rows.is_some()).count();
        info!("recorded the tables"; "tables" => entries.len(), "read" => read);
        let record = Record { version: VERSION, tables: entries.into_iter().map(|(_, entry)| entry).collect() };
        let text = serde_json::to_vec(&record).unwrap_or_default();
        writer.write(OBJECT, MEDIA_TYPE, Source::from_bytes(text)).await?;
        Ok(all_there)
    }

    /// Counts and sums up what can be compared with a restored server, small tables first, as far as the time allows.
    async fn read(&self, before: &Listing, after: &Listing, entries: &mut [(Name, Entry)]) {
        let Some(quiet_since) = &self.quiet_since else { return };
        let still = |name: &Name, now: &Listing| {
            let (Some(then), Some(table)) = (before.tables.get(name), now.tables.get(name)) else { return false };
            table.engine.as_deref() == Some("InnoDB")
                && !table.sequence
                && (&then.created, &then.updated) == (&table.created, &table.updated)
                && table.updated.as_ref().is_none_or(|updated| updated < quiet_since)
                && before.id(name).is_some_and(|id| now.id(name) == Some(id))
        };
        let mut candidates: Vec<&mut (Name, Entry)> =
            entries.iter_mut().filter(|(name, _)| still(name, after)).collect();
        candidates.sort_by_key(|(name, _)| after.tables.get(name).map_or(0, |table| table.bytes));
        let began = Instant::now();
        let mut read = Vec::new();
        for (name, entry) in candidates {
            let left = self.budget.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            // What takes too long, or is refused, stays out.
            let Ok(summable) = self.medium.sums_last(name, before).await else { continue };
            let Ok(content) = content(name, summable, Some(left)).await else { continue };
            (entry.rows, entry.checksum) = content;
            read.push(entry);
        }
        if read.is_empty() {
            return;
        }
        let now = listing().await;
        for entry in read {
            let name = (entry.schema.clone(), entry.name.clone());
            if !now.as_ref().is_some_and(|now| still(&name, now)) {
                (entry.rows, entry.checksum) = (None, None);
            }
        }
    }
}

impl Medium {
    /// Whether a restored table has the checksum that it has now. Seen with 10.11:
    /// - the sum of a virtual column is that of whatever lies in the record's buffer: it differs between two runs on one table;
    /// - a dump writes a FLOAT with six digits, the sum is over its bits;
    /// - the history of a system-versioned table counts too, and a dump may be without.
    async fn sums_last(self, name: &Name, listing: &Listing) -> Result<bool> {
        let versioned = listing.tables.get(name).is_some_and(|table| table.versioned);
        if versioned && self == (Self::Sql { history: false }) {
            return Ok(false);
        }
        let (schema, table) = (literal(&name.0), literal(&name.1));
        let float = if self == Self::Files { "" } else { "OR data_type = 'float'" };
        let odd = database::value(&format!(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {table} \
             AND (extra LIKE '%VIRTUAL GENERATED%' {float})"
        ))
        .await?;
        Ok(odd.as_deref() == Some("0"))
    }
}

impl Entry {
    fn of((schema, name): &Name, table: &Table, broken: &[Broken]) -> Self {
        let (engine, created) = (table.engine.clone(), table.created.clone());
        let broken = broken.iter().find(|broken| (&broken.schema, &broken.name) == (schema, name));
        let broken = broken.map(|broken| broken.reason.clone());
        Self { schema: schema.clone(), name: name.clone(), engine, created, rows: None, checksum: None, broken }
    }
}

async fn listing() -> Option<Listing> {
    match Listing::take(false).await {
        Ok(listing) => Some(listing),
        Err(failure) => {
            warn!("the tables are not recorded: a drill of this backup will compare less"; "reason" => failure.message);
            None
        }
    }
}

/// Rows of a table, and their checksum where it is wanted.
pub(crate) async fn content(
    (schema, name): &Name,
    sum: bool,
    within: Option<Duration>,
) -> Result<(Option<u64>, Option<String>)> {
    let table = format!("{}.{}", identifier(schema), identifier(name));
    let bound = within.map(|time| format!("SET STATEMENT max_statement_time = {} FOR ", time.as_secs().max(1)));
    let bound = bound.unwrap_or_default();
    let rows = database::value(&format!("{bound}SELECT COUNT(*) FROM {table}")).await?;
    let rows = rows.and_then(|rows| rows.parse().ok());
    if !sum {
        return Ok((rows, None));
    }
    let sums = database::query(&format!("{bound}CHECKSUM TABLE {table}")).await?;
    Ok((rows, sums.first("Checksum").map(str::to_owned)))
}
