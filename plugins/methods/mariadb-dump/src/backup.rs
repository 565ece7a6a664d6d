//! Making a dump.

use bulkhead_plugin_sdk::method::{
    BackupRequest, Failure, Report, Result, Series, Sink, Source, Writer, database, info, progress, spawn, tools, warn,
};
use futures::channel::oneshot::{self, Sender};
use mariadb_check::{Census, Facts, Medium, SYSTEM};

use crate::accounts::Accounts;
use crate::config::Config;
use crate::header;
use crate::plugin::{DATA, DUMP_TOOL, GRANTS, MEDIA_TYPE, USERS};

/// The first series that can dump and load the history of system-versioned tables.
const HISTORY: Series = Series { major: 10, minor: 11 };
/// Bytes of the dump in the plugin's hands at a time.
const CHUNK: usize = 256 << 10;

/// Makes a backup of four objects.
pub async fn run(request: &BackupRequest, writer: &Writer) -> Result<Report> {
    let config: Config = request.config()?;
    progress::phase("ask");
    let facts = Facts::ask().await?;
    let rows = database::query(&format!(
        "SELECT COUNT(*) AS tables, COALESCE(SUM(data_length), 0) AS bytes, \
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
    let mut report = Report::new(facts.version());
    facts.report(&mut report);
    report.add("tables", text("tables"));

    if config.users {
        progress::phase("users");
        let accounts = Accounts::read().await?;
        writer.write(USERS, MEDIA_TYPE, Source::from_bytes(accounts.users)).await?;
        writer.write(GRANTS, MEDIA_TYPE, Source::from_bytes(accounts.grants)).await?;
    }

    let logs = facts.keeps_log();
    let history = config.history && can_dump_history(&report.server_version).await?;
    let census = Census::begin(Medium::Sql { history }, config.checksum_seconds).await;
    progress::phase("dump");
    let Begun { beginning, time } = dump(writer, logs, history).await?;
    report.point_in_time = Some(time?);
    if logs {
        let (file, position) = header::position(&beginning)
            .ok_or_else(|| Failure::unsupported("the dump does not state its position in the binary log"))?;
        let gtid = database::value(&format!("SELECT BINLOG_GTID_POS('{file}', {position})")).await?;
        report.add("binlog.file", file);
        report.add("binlog.position", position.to_string());
        report.add("gtid", gtid.unwrap_or_default());
    }
    census.finish(writer).await?;
    Ok(report)
}

async fn can_dump_history(server: &str) -> Result<bool> {
    let tool = tools::version(DUMP_TOOL).await?;
    Ok(Series::of(server)? >= HISTORY && Series::of(&tool)? >= HISTORY)
}

/// What the first piece of a dump shows: by then the tool has its view of the data.
struct Begun {
    beginning: Vec<u8>,
    /// When it came. Nothing that was committed later is in the dump; what was committed in the moment before may not be, and follows
    /// the dump's position in the binary log.
    time: Result<String>,
}

/// Runs the tool and keeps what it writes.
async fn dump(writer: &Writer, logs: bool, history: bool) -> Result<Begun> {
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
    let (send, receive) = oneshot::channel();
    let output = tool.stdout()?;
    spawn(pass(output, sink, send));
    let written = writer.write(DATA, MEDIA_TYPE, passed_on).await?;
    tool.wait().await?;
    info!("dumped the databases"; "plain_bytes" => written.plain_bytes, "stored_bytes" => written.stored_bytes);
    receive.await.map_err(|_| Failure::corrupt("nothing came out of the dump"))
}

/// Passes the dump on and shows its beginning, which states the position.
async fn pass(output: Source, mut sink: Sink, begun: Sender<Begun>) {
    let mut begun = Some(begun);
    let mut chunks = output.chunks(CHUNK);
    while let Some(chunk) = chunks.next().await {
        if let Some(begun) = begun.take() {
            let beginning = chunk[..chunk.len().min(header::LENGTH)].to_vec();
            let _gone = begun.send(Begun { beginning, time: now().await });
        }
        if sink.write(chunk).await.is_err() {
            // The writer has failed, and says so itself.
            return;
        }
    }
    match chunks.finish().await {
        Ok(_) => sink.finish().await,
        Err(failure) => sink.fail(failure).await,
    }
}

async fn now() -> Result<String> {
    let now = database::value("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')").await?;
    now.ok_or_else(|| Failure::unsupported("the server does not tell the time"))
}
