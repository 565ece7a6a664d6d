//! Loading a dump into a running server.
//!
//! Databases of the dump are dropped and made again; others stay. Accounts of the dump are made or set to what they were, with exactly the
//! rights they had; others stay, as do the server's own accounts and the one that the host connects as.

use bulkhead_plugin_sdk::method::{
    Failure, Link, Reader, RestoreRequest, Restored, Result, Source, database, info, progress, service, tools,
};

use mariadb_check::SYSTEM;

use crate::accounts::without;
use crate::config::Config;
use crate::plugin::{CLIENT_TOOL, DATA, GRANTS, USERS};
use crate::rights::Rights;
use crate::stored_code;

/// The longest script of accounts.
const SCRIPT_BYTES: u64 = 64 << 20;

/// Restores a chain of one dump.
pub async fn run(request: &RestoreRequest, reader: &Reader) -> Result<Restored> {
    let config: Config = request.config()?;
    let link = dump(request)?;
    let data = link.object(DATA).ok_or_else(|| Failure::corrupt(format!("the backup has no object {DATA}")))?;
    progress::expect(link.objects.iter().map(|object| object.plain_bytes).sum());
    let account = database::value("SELECT CURRENT_USER()").await?.unwrap_or_default();
    let rights = Rights::ask().await?;
    rights.check(&account, config.users)?;
    stored_code::check(&link.report, &rights).await?;

    service::begin_replace().await?;
    if config.users {
        progress::phase("users");
        script(link, USERS, reader, &account).await?;
    }
    progress::phase("load");
    load(reader.open(&link.backup, &data.name).await?).await?;
    if config.users {
        progress::phase("grants");
        script(link, GRANTS, reader, &account).await?;
    }
    progress::phase("check");
    let tables =
        database::value(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM}"))
            .await?;
    info!("loaded the dump"; "tables" => tables.unwrap_or_default());
    Ok(Restored::at(link.report.positions.clone()))
}

fn dump(request: &RestoreRequest) -> Result<&Link> {
    if request.until.is_some() {
        return Err(Failure::unsupported("a dump alone restores to no other instant than its own"));
    }
    match request.chain.as_slice() {
        [link] if link.method == "dump" => Ok(link),
        _ => Err(Failure::unsupported("this method restores exactly one dump")),
    }
}

/// Runs a script of accounts, if the backup has it, but for what it says of the account that runs it: a restore must not change how the host
/// reaches the server.
async fn script(link: &Link, name: &str, reader: &Reader, account: &str) -> Result<()> {
    if link.object(name).is_none() {
        return Ok(());
    }
    let script = reader.open(&link.backup, name).await?.read_all(SCRIPT_BYTES).await?;
    let script = String::from_utf8(script).map_err(|_| Failure::corrupt(format!("{name} is not UTF-8")))?;
    load(Source::from_bytes(without(&script, account))).await.map_err(|failure| failure.context(name))
}

/// Runs SQL with the client, which stops at the first error and names it.
async fn load(sql: Source) -> Result<()> {
    let arguments = ["--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"];
    tools::run(CLIENT_TOOL, arguments, Some(sql)).await?.wait().await?;
    Ok(())
}
