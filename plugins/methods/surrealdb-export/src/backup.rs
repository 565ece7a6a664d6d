//! Making a backup.

use bulkhead_plugin_sdk::method::{BackupRequest, Failure, Report, Result, Source, Writer, progress, warn};

use crate::census::{Census, list};
use crate::config::Config;
use crate::contents::{Contents, Exported};
use crate::export;
use crate::plugin::MEDIA_TYPE;
use crate::root::{Above, ROOT};
use crate::scope::{Database, Scope};
use crate::server::{Place, Server};

/// Tables that the report names. It is bounded; `contents.json` names all.
const MOST_REPORTED: usize = 200;
/// Kinds of definitions that exports of 2.x leave out.
const NOT_EXPORTED_BY_2: [&str; 5] = ["API", "BUCKET", "CONFIG", "MODULE", "SEQUENCE"];

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
    let before = Census::take(server, database).await?;
    if before.models > 0 {
        warn!("models of machine learning are not part of an export"; "database" => database, "models" => before.models);
    }
    let taken_at = now(server).await?;
    let counted = export::run(server, database, &object, writer).await?;
    let after = Census::take(server, database).await?;
    let (before, after) = if server.series.major < 3 {
        (
            before.without(&NOT_EXPORTED_BY_2, &counted.definitions),
            after.without(&NOT_EXPORTED_BY_2, &counted.definitions),
        )
    } else {
        (before, after)
    };
    let differences = before.differences(&after, &counted.tables, &counted.definitions);
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
    })
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
    report
}
