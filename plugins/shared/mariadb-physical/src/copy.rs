//! Copying the data files of a server that runs.

use bulkhead_plugin_sdk::method::{
    Failure, Report, Result, Writer, database, info, progress, scratch, server, tools, warn,
};
use mariadb_check::{Broken, Census, Medium};

use crate::config::Copying;
use crate::info::Info;
use crate::server::{Server, match_tool};
use crate::{BACKUP_TOOL, MEDIA_TYPE, OBJECT};

/// Where the tool writes what it has to say beside the stream.
const REPORTS: &str = "lsn";

/// The backup that a copy goes on top of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its id.
    pub backup: String,
    /// Where it ends in InnoDB's log: pages that changed since are copied.
    pub lsn: u64,
}

/// Makes a backup, complete or on top of a base: the tool's standard output goes to the writer as it is.
///
/// # Errors
/// Of the tool, of the writer; `corrupt` when the tool made something else than it was asked for.
pub async fn copy(server: Server, config: &Copying, base: Option<&Base>, writer: &Writer) -> Result<Report> {
    match_tool(server.version(), "the server").await?;
    if let (Ok(status), None) = (server::status().await, base) {
        progress::expect(status.data_bytes);
    }
    let census = Census::begin(Medium::Files, config.checksum_seconds, broken().await).await;

    progress::phase("copy");
    let mut arguments = vec![
        "--backup".to_owned(),
        "--stream=xbstream".to_owned(),
        format!("--extra-lsndir=/scratch/{REPORTS}"),
        "--tmpdir=/scratch".to_owned(),
        format!("--parallel={}", config.parallel),
    ];
    arguments.extend(base.map(|base| format!("--incremental-lsn={}", base.lsn)));
    let tool = tools::run(BACKUP_TOOL, arguments, None).await?;
    let written = match writer.write(OBJECT, MEDIA_TYPE, tool.stdout()?).await {
        Ok(written) => tool.wait().await.map(|_| written),
        Err(failure) => Err(failure),
    };
    let written = written.map_err(|failure| if server.encrypts { name_keys(failure) } else { failure })?;
    // The tool does not look where its standard output goes.
    if written.plain_bytes == 0 {
        return Err(Failure::corrupt(format!("{BACKUP_TOOL} says that it has completed, but nothing came out of it")));
    }
    info!("copied the data files"; "plain_bytes" => written.plain_bytes, "stored_bytes" => written.stored_bytes);

    let mut report = Report::new(server.version());
    let info = Info::read(&scratch::path().join(REPORTS))?;
    info.report(base.map(|base| base.lsn), &mut report)?;
    if let Some([file, position, gtid]) = info.binlog() {
        report.add("binlog.file", file);
        report.add("binlog.position", position);
        // What the tool states has also what a replica only received, which is not in its log.
        let logged = database::value(&format!("SELECT BINLOG_GTID_POS('{file}', {position})")).await;
        report.add("gtid", logged.ok().flatten().unwrap_or_else(|| gtid.to_owned()));
    }
    server.report(&mut report);
    if let Some(base) = base {
        report.add("base", base.backup.clone());
    }
    census.finish(writer).await?;
    Ok(report)
}

/// The tables that cannot be opened: their files are copied as they are.
async fn broken() -> Vec<Broken> {
    let broken = match Broken::find().await {
        Ok(broken) => broken,
        Err(failure) => {
            warn!("cannot tell which tables are broken: a drill may call this backup damaged"; "reason" => failure.message);
            return Vec::new();
        }
    };
    for table in &broken {
        warn!("the server cannot open a table or view: it is backed up as broken as it is"; "name" => table, "reason" => table.reason);
    }
    broken
}

/// The tool says of keys that it may not read no more than "cannot read redo log header".
fn name_keys(failure: Failure) -> Failure {
    if failure.hint.is_some() {
        return failure;
    }
    failure.with_hint(format!(
        "the server can encrypt its data: {BACKUP_TOOL} needs its keys; name their files in [tools.{BACKUP_TOOL}] read"
    ))
}
