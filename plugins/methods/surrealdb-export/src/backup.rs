//! Making a backup.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_plugin_sdk::method::{BackupRequest, Failure, Report, Result, Source, Writer, progress, sleep, warn};

use crate::census::{Census, list};
use crate::config::Config;
use crate::contents::{Contents, Exported, Table};
use crate::export;
use crate::plugin::MEDIA_TYPE;
use crate::root::{Above, ROOT};
use crate::scope::{Database, Scope};
use crate::server::{Place, Server};

/// Tables that the report names. It is bounded; `contents.json` names all.
const MOST_REPORTED: usize = 200;
/// Names of one kind of what is left out that the report and the log have; `contents.json` has more.
const MOST_NAMED: usize = 20;
/// How often tables are counted again that have other numbers of records than the export, and the time before.
const LOOKS: usize = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Exports the databases of the configuration's scope.
pub async fn run(request: &BackupRequest, writer: &Writer) -> Result<Report> {
    let config: Config = request.config()?;
    let scope = config.scope()?;
    progress::phase("ask");
    let server = Server::ask_who().await?;
    let databases = scope.databases(&server).await?;
    let above = Above::ask(&server, &scope, &databases).await?;
    if !matches!(scope, Scope::Database(_)) {
        writer.write(ROOT, MEDIA_TYPE, Source::from_bytes(above.script())).await?;
    }
    let mut exported = Vec::new();
    for (number, database) in databases.iter().enumerate() {
        progress::phase(&phase(number, databases.len()));
        let object = format!("{:04}.surql", number + 1);
        let definition = above.definition(database);
        exported.push(one(&server, database, object, definition, writer).await?);
    }
    progress::phase("contents");
    let contents = Contents::new(&server.version, &scope, exported, above.namespaces);
    contents.write(writer).await?;
    Ok(report(&contents))
}

fn phase(number: usize, all: usize) -> String {
    if all == 1 { "export".to_owned() } else { format!("export {} of {all}", number + 1) }
}

/// Exports one database, and makes sure that nothing is missing.
async fn one(
    server: &Server,
    database: &Database,
    object: String,
    definition: Option<String>,
    writer: &Writer,
) -> Result<Exported> {
    let mut before = Census::take(server, database).await?;
    let taken_at = now(server).await?;
    let counted = export::run(server, database, &object, writer).await?;
    let mut after = Census::take(server, database).await?;
    let mut left_out = before.take_left_out(server.series, &counted.definitions);
    left_out.extend(after.take_left_out(server.series, &counted.definitions));
    for (kind, names) in &left_out {
        warn!("the server leaves this out of its exports, and so it is not in the backup";
            "database" => database, "kind" => kind, "number" => names.len(), "names" => some(names));
    }
    look_again(server, database, &before, &mut after, &counted.tables).await?;
    let mut differences = before.differences(&after, &counted.tables, &counted.definitions);
    if let Some(table) = counted.open_end.filter(|table| !before.stands_still(&after, table)) {
        let table = table.escape_debug();
        differences.push(format!("table {table}: the export ends before the end of it"));
    }
    if !differences.is_empty() {
        // What is written to all the time may have been seen at a bad moment; what the server left out shows again.
        return Err(Failure::corrupt(format!("the export of {database} is not what the server has: {}", list(&differences)))
            .with_hint("the server's log may say why; a database whose tables are written to heavily is best exported at a quiet time")
            .with_retry(true));
    }
    Ok(Exported {
        object,
        namespace: database.namespace.clone(),
        database: database.name.clone(),
        taken_at,
        definition,
        tables: counted.tables,
        definitions: counted.definitions,
        left_out,
    })
}

/// Counts again, over some seconds, the tables whose numbers do not fit: one that is written to may have been seen at two moments at which it
/// was alike, or nearly. One that stands still is not excused by this.
async fn look_again(
    server: &Server,
    database: &Database,
    before: &Census,
    after: &mut Census,
    exported: &BTreeMap<String, Table>,
) -> Result<()> {
    for _ in 0..LOOKS {
        let differing = before.tables_that_differ(after, exported);
        if differing.is_empty() {
            break;
        }
        sleep(BETWEEN_LOOKS).await;
        after.see_tables_of(&Census::count_again(server, database, &differing).await?);
    }
    Ok(())
}

fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let mut some =
        names.iter().take(MOST_NAMED).map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    if more > 0 {
        some.push_str(&format!(" and {more} more"));
    }
    some
}

async fn now(server: &Server) -> Result<String> {
    let now = server.ask(Place::Server, "RETURN time::now()").await?;
    let now = now.as_str().map(str::to_owned);
    now.ok_or_else(|| Failure::unsupported("the server does not tell the time"))
}

fn report(contents: &Contents) -> Report {
    let mut report = Report::new(&contents.server_version);
    // Nothing that was written later is missing in what is in it; of several databases the first is the oldest.
    report.point_in_time = contents.databases.first().map(|exported| exported.taken_at.clone());
    report.add("databases", contents.databases.len().to_string());
    report.add("records", contents.databases.iter().map(Exported::records).sum::<u64>().to_string());
    let tables = contents.databases.iter().flat_map(|exported| {
        exported.tables.iter().map(move |(name, table)| {
            let Exported { namespace, database, .. } = exported;
            (format!("records.{namespace}.{database}.{name}"), table.records)
        })
    });
    for (name, records) in tables.take(MOST_REPORTED) {
        report.add(&name, records.to_string());
    }
    let left_out = contents.databases.iter().flat_map(|exported| {
        exported.left_out.iter().map(move |(kind, names)| {
            let Exported { namespace, database, .. } = exported;
            (format!("left_out.{namespace}.{database}.{kind}"), format!("{}: {}", names.len(), some(names)))
        })
    });
    for (kind, names) in left_out.take(MOST_REPORTED) {
        report.add(&kind, names);
    }
    report
}
