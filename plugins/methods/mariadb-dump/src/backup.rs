//! Making a dump.

use bulkhead_plugin_sdk::method::{
    BackupRequest, Failure, Report, Result, Series, Sink, Source, Writer, database, info, progress, spawn, tools, warn,
};

use crate::accounts::Accounts;
use crate::config::Config;
use crate::header;
use crate::plugin::{DATA, DUMP_TOOL, GRANTS, MEDIA_TYPE, USERS};

/// Databases that belong to the server.
const SYSTEM: &str = "('information_schema', 'performance_schema', 'mysql', 'sys')";
/// The first series that can dump and load the history of system-versioned tables.
const HISTORY: Series = Series { major: 10, minor: 11 };
/// Bytes of the dump in the plugin's hands at a time.
const CHUNK: usize = 256 << 10;

/// Makes a backup of three objects.
pub async fn run(request: &BackupRequest, writer: &Writer) -> Result<Report> {
    let config: Config = request.config()?;
    progress::phase("ask");
    let rows = database::query(&format!(
        "SELECT VERSION() AS version, @@server_id AS id, \
         DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ') AS now, COUNT(*) AS tables, COALESCE(SUM(data_length), 0) AS bytes, \
         COALESCE(SUM(table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND engine <> 'InnoDB'), 0) AS others \
         FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM}"
    ))
    .await?;
    let text = |name| rows.first(name).unwrap_or_default().to_owned();
    progress::expect(text("bytes").parse().unwrap_or_default());
    let others = text("others");
    if others != "0" {
        warn!("tables outside InnoDB are dumped as they are when their turn comes, not all at one instant"; "tables" => others);
    }
    let mut report = Report::new(text("version"));
    // Whatever was committed by now is in the dump.
    report.point_in_time = Some(text("now"));
    report.add("server.id", text("id"));
    report.add("tables", text("tables"));

    if config.users {
        progress::phase("users");
        let accounts = Accounts::read().await?;
        writer.write(USERS, MEDIA_TYPE, Source::from_bytes(accounts.users)).await?;
        writer.write(GRANTS, MEDIA_TYPE, Source::from_bytes(accounts.grants)).await?;
    }

    progress::phase("dump");
    // Asked for alone: next to an aggregate the server answers 0, whatever the variable says.
    let logs = database::value("SELECT @@log_bin").await?.as_deref() == Some("1");
    let history = config.history && can_dump_history(&report.server_version).await?;
    let beginning = dump(writer, logs, history).await?;
    if logs {
        let (file, position) = header::position(&beginning)
            .ok_or_else(|| Failure::unsupported("the dump does not state its position in the binary log"))?;
        let gtid = database::value(&format!("SELECT BINLOG_GTID_POS('{file}', {position})")).await?;
        report.add("binlog.file", file);
        report.add("binlog.position", position.to_string());
        report.add("gtid", gtid.unwrap_or_default());
    }
    Ok(report)
}

async fn can_dump_history(server: &str) -> Result<bool> {
    let tool = tools::version(DUMP_TOOL).await?;
    Ok(Series::of(server)? >= HISTORY && Series::of(&tool)? >= HISTORY)
}

/// Runs the tool and keeps what it writes. Returns the dump's beginning.
async fn dump(writer: &Writer, logs: bool, history: bool) -> Result<Vec<u8>> {
    let mut arguments = vec![
        "--all-databases",
        "--ignore-database=mysql",
        "--ignore-database=sys",
        "--add-drop-database",
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
        // A table whose default takes the next value of a sequence cannot be filled while it alone is locked (error 1100).
        "--skip-add-locks",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
    ];
    if logs {
        arguments.extend(["--master-data=2", "--gtid"]);
    }
    if history {
        arguments.push("--dump-history");
    }
    let tool = tools::run(DUMP_TOOL, arguments, None).await?;
    let (sink, passed_on) = Source::pipe();
    let (send, receive) = futures::channel::oneshot::channel();
    let output = tool.stdout()?;
    spawn(async move {
        let beginning = pass(output, sink).await;
        let _gone = send.send(beginning);
    });
    let written = writer.write(DATA, MEDIA_TYPE, passed_on).await?;
    tool.wait().await?;
    info!("dumped the databases"; "plain_bytes" => written.plain_bytes, "stored_bytes" => written.stored_bytes);
    receive.await.map_err(|_| Failure::unavailable("the dump was not read to its end"))
}

/// Passes the dump on and keeps its beginning, which states the position.
async fn pass(output: Source, mut sink: Sink) -> Vec<u8> {
    let mut beginning = Vec::new();
    let mut chunks = output.chunks(CHUNK);
    while let Some(chunk) = chunks.next().await {
        let room = header::LENGTH.saturating_sub(beginning.len()).min(chunk.len());
        beginning.extend_from_slice(&chunk[..room]);
        if sink.write(chunk).await.is_err() {
            // The writer has failed, and says so itself.
            return beginning;
        }
    }
    match chunks.finish().await {
        Ok(_) => sink.finish().await,
        Err(failure) => sink.fail(failure).await,
    }
    beginning
}
