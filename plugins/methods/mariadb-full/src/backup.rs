//! Making a backup.

use bulkhead_plugin_sdk::method::{
    BackupRequest, Failure, Report, Result, Writer, info, progress, scratch, server, tools,
};

use crate::config::Config;
use crate::info::Info;
use crate::plugin::{BACKUP_TOOL, MEDIA_TYPE, OBJECT};
use crate::server::{Server, match_tool};

/// Where the tool writes what it has to say beside the stream.
const REPORTS: &str = "lsn";

/// Makes a backup: the tool's standard output goes to the writer as it is.
pub async fn run(request: &BackupRequest, writer: &Writer) -> Result<Report> {
    let config: Config = request.config()?;
    config.validate()?;
    progress::phase("ask");
    let server = Server::ask().await?;
    match_tool(&server.version, "the server").await?;
    if let Ok(status) = server::status().await {
        progress::expect(status.data_bytes);
    }

    progress::phase("copy");
    let arguments = [
        "--backup".to_owned(),
        "--stream=xbstream".to_owned(),
        format!("--extra-lsndir=/scratch/{REPORTS}"),
        "--tmpdir=/scratch".to_owned(),
        format!("--parallel={}", config.parallel),
    ];
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

    let mut report = Report::new(server.version);
    Info::read(&scratch::path().join(REPORTS))?.report(&mut report)?;
    report.add("server.id", server.id);
    report.add("tables", server.tables);
    Ok(report)
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
