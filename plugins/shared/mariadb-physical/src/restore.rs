//! Restoring: beside the live data, prepared, swapped in.

use bulkhead_plugin_sdk::method::{
    Failure, Link, Reader, RestoreRequest, Restored, Result, database, info, progress, server, tools,
};

use crate::config::Config;
use crate::plugin::{BACKUP_TOOL, OBJECT, UNPACK_TOOL};
use crate::server::match_tool;

/// What preparing writes besides the data: logs that are rolled forward and made anew.
const EXTRA_BYTES: u64 = 256 << 20;

/// Restores a chain of one full backup.
pub async fn run(request: &RestoreRequest, reader: &Reader) -> Result<Restored> {
    let config: Config = request.config()?;
    let link = full(request)?;
    let object = link.object(OBJECT).ok_or_else(|| Failure::corrupt(format!("the backup has no object {OBJECT}")))?;
    match_tool(&link.report.server_version, "the backed-up server").await?;
    same_series(&link.report.server_version).await?;

    progress::phase("unpack");
    progress::expect(object.plain_bytes);
    server::stage(object.plain_bytes + object.plain_bytes / 10 + EXTRA_BYTES).await?;
    let stream = reader.open(&link.backup, OBJECT).await?;
    tools::run(UNPACK_TOOL, ["-x", "-C", "/staging"], Some(stream)).await?.wait().await?;

    progress::phase("prepare");
    let memory = format!("--use-memory={}M", config.prepare_memory_mib);
    tools::run(BACKUP_TOOL, ["--prepare", "--target-dir=/staging", &memory], None).await?.wait().await?;

    progress::phase("swap");
    let swapped = server::swap().await?;
    info!("the restored server answers"; "downtime_ms" => swapped.downtime_ms);

    progress::phase("check");
    database::query("SELECT 1").await?;
    Ok(Restored::at(link.report.positions.clone()))
}

fn full(request: &RestoreRequest) -> Result<&Link> {
    match request.chain.as_slice() {
        [link] if link.method == "full" => {}
        _ => return Err(Failure::unsupported("this method restores exactly one full backup")),
    }
    if request.until.is_some() {
        return Err(Failure::unsupported("a full backup alone restores to no other instant than its own"));
    }
    Ok(&request.chain[0])
}

/// Refuses a target server of another series, when it can be asked: one that is down is restored all the same, which may be why it is
/// restored at all.
async fn same_series(backed_up: &str) -> Result<()> {
    use bulkhead_plugin_sdk::method::Series;

    let Ok(Some(target)) = database::value("SELECT VERSION()").await else { return Ok(()) };
    if Series::of(&target)? == Series::of(backed_up)? {
        return Ok(());
    }
    Err(Failure::unsupported(format!("the backup is of a server {backed_up}, the service runs {target}"))
        .with_hint("restore into a server of the same series, or use a backup made by the method dump"))
}
