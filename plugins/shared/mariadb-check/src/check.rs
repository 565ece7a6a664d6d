//! Asking a restored server whether it holds what the backup promised.

use bulkhead_plugin_sdk::method::{
    CheckRequest, Failure, FailureKind, Finding, Reader, Result, Series, Severity, database, info, progress,
};

use crate::listing::{Listing, Name};
use crate::record::{OBJECT, Record, content};
use crate::{SYSTEM, identifier};

/// The longest record that is read.
const RECORD_BYTES: u64 = 64 << 20;
/// The host keeps no more findings than this, and one that says so.
const MOST_FINDINGS: usize = 999;

/// What a backup brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The whole server, with its own database `mysql`.
    Server,
    /// The databases of its users.
    Databases,
}

/// Compares a restored server with what was recorded when it was backed up, and has it check each of its tables.
///
/// # Errors
/// When the questions could not be asked at all.
pub async fn check(request: &CheckRequest, reader: &Reader, reach: Reach) -> Result<Vec<Finding>> {
    progress::phase("check");
    let mut findings = Findings::default();
    // Other versions may sum up in other ways.
    let same_series = version(request, &mut findings).await?;
    let record = record(request, reader).await?;
    let listing = Listing::take(reach == Reach::Server).await?;
    match &record {
        Some(record) => presence(record, &listing, &mut findings),
        None => count(request, &mut findings).await?,
    }

    let recorded = record.map(|record| record.tables).unwrap_or_default();
    let (mut sound, mut compared, mut as_broken) = (0_usize, 0_usize, 0_usize);
    for (name, table) in &listing.tables {
        if findings.server_gone {
            break;
        }
        let entry = recorded.binary_search_by(|entry| (&entry.schema, &entry.name).cmp(&(&name.0, &name.1)));
        let entry = entry.ok().and_then(|at| recorded.get(at));
        if let Some(reason) = entry.and_then(|entry| entry.broken.as_deref()) {
            as_broken += 1;
            findings.add(Severity::Info, name, format!("could not be opened when it was backed up either: {reason}"));
            continue;
        }
        // A sequence has nothing to check, as every server says.
        let intact = table.sequence || sound_table(name, &mut findings).await?;
        sound += usize::from(intact);
        let Some(entry) = entry.filter(|_| intact) else { continue };
        if entry.rows.is_none() && entry.checksum.is_none() {
            continue;
        }
        let sum = same_series && entry.checksum.is_some();
        let now = match content(name, sum, None).await {
            Ok(now) => now,
            Err(failure) => {
                findings.unanswered(name, "was not read", failure).await;
                continue;
            }
        };
        compared += 1;
        if entry.rows.is_some() && now.0 != entry.rows {
            let rows = |rows: Option<u64>| rows.map_or("no number of".to_owned(), |rows| rows.to_string());
            findings.add(
                Severity::Error,
                name,
                format!("holds {} rows, {} when it was backed up", rows(now.0), rows(entry.rows)),
            );
        } else if sum && now.1 != entry.checksum {
            findings.add(Severity::Error, name, "the checksum of its rows is another than when it was backed up");
        }
    }
    let listed = listing.tables.len();
    info!("checked the tables"; "tables" => listed, "sound" => sound, "compared" => compared);
    let mut summary = format!("{sound} of {listed} tables are sound, {compared} were compared by rows and checksum");
    if as_broken > 0 {
        summary.push_str(&format!(", {as_broken} could not be opened when they were backed up either"));
    }
    findings.list.push(Finding::new(Severity::Info, "tables", summary));
    Ok(findings.bounded())
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    server_gone: bool,
}

impl Findings {
    fn add(&mut self, severity: Severity, (schema, name): &Name, message: impl Into<String>) {
        self.list.push(Finding::new(severity, format!("{schema}.{name}"), message));
    }

    /// A table about which the server did not answer: an error, when it is the table's fault.
    async fn unanswered(&mut self, name: &Name, what: &str, failure: Failure) {
        if !matches!(failure.kind, FailureKind::Unavailable) {
            self.add(Severity::Error, name, format!("{what}: {}", failure.message));
        } else if database::value("SELECT 1").await.is_ok() {
            // No answer in time may mean no more than a large table.
            self.add(Severity::Warning, name, format!("{what}: {}", failure.message));
        } else {
            self.server_gone = true;
            self.add(Severity::Error, name, format!("{what}: the server ended over it"));
        }
    }

    /// The worst first, as many as the host keeps.
    fn bounded(self) -> Vec<Finding> {
        let rank = |finding: &Finding| match finding.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Info => 2,
        };
        let mut findings = self.list;
        findings.sort_by_key(rank);
        let more = findings.len().saturating_sub(MOST_FINDINGS);
        if more > 0 {
            findings.truncate(MOST_FINDINGS);
            findings.push(Finding::new(Severity::Warning, "findings", format!("{more} more are left out")));
        }
        findings
    }
}

/// Whether the server is of the series that was backed up.
async fn version(request: &CheckRequest, findings: &mut Findings) -> Result<bool> {
    let promised = &request.link.report.server_version;
    let version = database::value("SELECT VERSION()").await?.unwrap_or_default();
    let same = Series::of(&version)? == Series::of(promised)?;
    if !same {
        findings.list.push(Finding::new(
            Severity::Warning,
            "version",
            format!("the server is {version}, was {promised}"),
        ));
    }
    Ok(same)
}

/// What was recorded, in the order of its names.
async fn record(request: &CheckRequest, reader: &Reader) -> Result<Option<Record>> {
    if request.link.object(OBJECT).is_none() {
        return Ok(None);
    }
    let text = reader.open(&request.link.backup, OBJECT).await?.read_all(RECORD_BYTES).await?;
    let mut record: Record =
        serde_json::from_slice(&text).map_err(|error| Failure::corrupt(format!("{OBJECT}: {error}")))?;
    record.tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Ok(Some(record))
}

fn presence(record: &Record, listing: &Listing, findings: &mut Findings) {
    for entry in &record.tables {
        let name = (entry.schema.clone(), entry.name.clone());
        match listing.tables.get(&name) {
            None if entry.broken.is_some() => {
                let reason = entry.broken.as_deref().unwrap_or_default();
                let message = format!("is left out: it could not be opened when it was backed up: {reason}");
                findings.add(Severity::Warning, &name, message);
            }
            None => findings.add(Severity::Error, &name, "is missing"),
            // A table that does not open has no engine; its check says why.
            Some(table) if table.engine.is_some() && entry.engine.is_some() && table.engine != entry.engine => {
                let engine = |engine: &Option<String>| engine.clone().unwrap_or_default();
                let message = format!("is kept by {}, was by {}", engine(&table.engine), engine(&entry.engine));
                findings.add(Severity::Warning, &name, message);
            }
            Some(_) => {}
        }
    }
}

/// All there is to compare for a backup without a record.
async fn count(request: &CheckRequest, findings: &mut Findings) -> Result<()> {
    let sql = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM}");
    let tables = database::value(&sql).await?.unwrap_or_default();
    let before = request.link.report.position("tables").unwrap_or("an unknown number");
    let message = format!("the backup holds no {OBJECT}: {tables} tables and views, {before} when it began");
    findings.list.push(Finding::new(Severity::Warning, OBJECT, message));
    Ok(())
}

/// Has the server check a table. Whether it found nothing wrong.
async fn sound_table(name: &Name, findings: &mut Findings) -> Result<bool> {
    let answer =
        database::query(&format!("CHECK TABLE {}.{} EXTENDED", identifier(&name.0), identifier(&name.1))).await;
    let rows = match answer {
        Ok(rows) => rows,
        Err(failure) => {
            findings.unanswered(name, "was not checked", failure).await;
            return Ok(false);
        }
    };
    let mut sound = true;
    for (kind, text) in rows.column("Msg_type")?.zip(rows.column("Msg_text")?) {
        let (kind, text) = (kind.unwrap_or_default().to_lowercase(), text.unwrap_or_default());
        let severity = match kind.as_str() {
            // `OK`, `Table is already up to date`
            "status" if text == "OK" || text.contains("up to date") => continue,
            // Engines that cannot check say so in a note.
            "note" | "info" => continue,
            "warning" => Severity::Warning,
            _ => Severity::Error,
        };
        sound &= severity != Severity::Error;
        findings.add(severity, name, format!("the server's check says: {text}"));
    }
    Ok(sound)
}
