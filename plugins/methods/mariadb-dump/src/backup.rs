//! Making a dump.

use bulkhead_plugin_sdk::method::{
    BackupRequest, Failure, Report, Result, Series, Sink, Source, Writer, database, info, progress, spawn, tools, warn,
};
use futures::channel::oneshot::{self, Sender};
use mariadb_check::{Broken, Census, Facts, Medium, SYSTEM};

use crate::accounts::{self, Accounts};
use crate::config::{Config, LockTables};
use crate::plugin::{DATA, DUMP_TOOL, GRANTS, MEDIA_TYPE, USERS};
use crate::untransacted::Others;
use crate::{definitions, header, left_out, stored_code};

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
        "SELECT COUNT(*) AS tables, COALESCE(SUM(data_length), 0) AS bytes FROM information_schema.tables \
         WHERE table_schema NOT IN {SYSTEM}"
    ))
    .await?;
    let text = |name| rows.first(name).unwrap_or_default().to_owned();
    progress::expect(text("bytes").parse().unwrap_or_default());
    let mut report = Report::new(facts.version());
    facts.report(&mut report);
    report.add("tables", text("tables"));
    stored_code::record(&mut report).await?;
    let broken = Broken::find().await?;
    let without = left_out::arguments(&broken, &mut report)?;
    for object in &broken {
        warn!("the dump is made without a table or view that the server cannot open"; "name" => object, "reason" => object.reason);
    }

    let mut accounts = None;
    if config.users {
        progress::phase("users");
        accounts = Some(accounts::fingerprint().await?);
        let scripts = Accounts::read().await?;
        writer.write(USERS, MEDIA_TYPE, Source::from_bytes(scripts.users)).await?;
        writer.write(GRANTS, MEDIA_TYPE, Source::from_bytes(scripts.grants)).await?;
    }

    let logs = facts.keeps_log();
    let history = config.history && can_dump_history(&report.server_version).await?;
    let census = Census::begin(Medium::Sql { history }, config.checksum_seconds, broken).await;
    let others = Others::begin(logs && config.lock_tables == LockTables::Auto).await?;
    let defined = if logs { definitions::fingerprint().await? } else { String::new() };
    progress::phase("dump");
    let Begun { beginning, time, accounts: later } = dump(writer, logs, history, without).await?;
    if accounts.is_some_and(|before| later.is_ok_and(|later| later != before)) {
        // Those of before are in the backup; what changed them comes before the position from which logs are replayed.
        return Err(Failure::conflict("accounts or their rights were changed while they were read").with_retry(true));
    }
    report.point_in_time = Some(time?);
    let mut standalone = others.end().await?;
    let all_there = census.finish(writer).await?;
    if logs && standalone.is_none() {
        standalone = if !all_there {
            Some("tables were dropped or renamed while it ran".to_owned())
        } else if definitions::fingerprint().await? != defined {
            Some("routines, triggers, events or views were made, changed or dropped while it ran".to_owned())
        } else {
            None
        };
    }
    match standalone {
        Some(reason) if logs => {
            warn!("no log can continue this dump: it restores alone"; "reason" => reason);
            report.add("standalone", reason);
        }
        None if logs => {
            let (file, position) = header::position(&beginning)
                .ok_or_else(|| Failure::unsupported("the dump does not state its position in the binary log"))?;
            let gtid = database::value(&format!("SELECT BINLOG_GTID_POS('{file}', {position})")).await?;
            report.add("binlog.file", file);
            report.add("binlog.position", position.to_string());
            report.add("gtid", gtid.unwrap_or_default());
        }
        Some(reason) => warn!("not all of the dump is of one instant"; "reason" => reason),
        None => {}
    }
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
    /// What [`accounts::fingerprint`] gave then.
    accounts: Result<String>,
}

/// Runs the tool and keeps what it writes.
async fn dump(writer: &Writer, logs: bool, history: bool, without: Vec<String>) -> Result<Begun> {
    let mut arguments: Vec<String> = [
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
    ]
    .map(str::to_owned)
    .to_vec();
    if logs {
        arguments.extend(["--master-data=2", "--gtid"].map(str::to_owned));
    }
    if history {
        arguments.push("--dump-history".to_owned());
    }
    arguments.extend(without);
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
            let _gone = begun.send(Begun { beginning, time: now().await, accounts: accounts::fingerprint().await });
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
