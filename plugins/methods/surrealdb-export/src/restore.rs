//! Restoring a backup into a running server.
//!
//! Everything that can be known beforehand is: the versions, the login's rights, what the backup holds. Then the databases are removed and
//! loaded. What they have in the end is compared with what the backup says it holds.

use bulkhead_plugin_sdk::method::{
    Failure, Link, Reader, RestoreRequest, Restored, Result, info, progress, service, warn,
};
use surql::ident;

use crate::census::{Census, list};
use crate::config::Config;
use crate::contents::{Contents, Exported};
use crate::guard::{self, Surplus, only};
use crate::load::Loader;
use crate::scope::Database;
use crate::server::{Place, Server};

/// Restores a chain of one export.
pub async fn run(request: &RestoreRequest, reader: &Reader) -> Result<Restored> {
    let config: Config = request.config()?;
    let scope = config.scope()?;
    let link = export(request)?;
    progress::phase("ask");
    let contents = Contents::read(link, reader).await?;
    let server = Server::ask_who().await?;
    let from = guard::check_versions(&contents, &server)?;
    let chosen: Vec<_> =
        guard::chosen(&contents, &scope)?.into_iter().filter_map(|at| contents.databases.get(at)).collect();
    let databases: Vec<_> = chosen.iter().map(|exported| exported.name()).collect();
    guard::prepare(&server, &contents, &databases).await?;
    if from != server.series {
        progress::phase("rehearse");
        for exported in &chosen {
            guard::rehearse(&server, from, exported, &config, (reader, &link.backup)).await?;
        }
    }
    let surplus = guard::surplus(&contents, &scope, &server).await?;
    let size = |object: &str| link.object(object).map_or(0, |object| object.plain_bytes);
    progress::expect(chosen.iter().map(|exported| size(&exported.object)).sum());

    service::begin_replace().await?;
    progress::phase("wipe");
    wipe(&server, &chosen, &surplus).await?;
    for (exported, database) in chosen.iter().zip(&databases) {
        progress::phase("load");
        let loaded = Loader::new(&server, database, from, &config).load(reader, &link.backup, &exported.object).await;
        loaded.map_err(|failure| failure.context(format!("loading {database}")))?;
    }
    progress::phase("compare");
    for exported in &chosen {
        compare(&server, &contents, exported).await?;
    }
    for exported in &chosen {
        for (kind, names) in &exported.left_out {
            warn!("the server had this when the backup was made, and left it out of the export: it is not restored";
                "database" => exported.name(), "kind" => kind, "number" => names.len());
        }
    }
    let records: u64 = chosen.iter().map(|exported| exported.records()).sum();
    info!("restored"; "databases" => chosen.len(), "records" => records);
    Ok(Restored::at(link.report.positions.clone()))
}

fn export(request: &RestoreRequest) -> Result<&Link> {
    if request.until.is_some() {
        return Err(Failure::unsupported("an export alone restores to no other instant than its own"));
    }
    match request.chain.as_slice() {
        [link] if link.method == "export" => Ok(link),
        _ => Err(Failure::unsupported("this method restores exactly one export")),
    }
}

/// Removes what is there, and makes empty databases.
async fn wipe(server: &Server, chosen: &[&Exported], surplus: &Surplus) -> Result<()> {
    for namespace in &surplus.namespaces {
        server.ask(Place::Server, &format!("REMOVE NAMESPACE IF EXISTS {}", ident(namespace))).await?;
    }
    for database in &surplus.databases {
        remove(server, database).await?;
    }
    for exported in chosen {
        let database = exported.name();
        remove(server, &database).await?;
        let plain = format!("DEFINE DATABASE {}", ident(&database.name));
        let define = only(exported.definition.as_deref(), "DEFINE DATABASE ").unwrap_or(&plain);
        server.ask(Place::Namespace(&database.namespace), define).await?;
    }
    Ok(())
}

async fn remove(server: &Server, database: &Database) -> Result<()> {
    let sql = format!("REMOVE DATABASE IF EXISTS {}", ident(&database.name));
    server.ask(Place::Namespace(&database.namespace), &sql).await.map(drop)
}

/// Makes sure that a database has what the backup says.
async fn compare(server: &Server, contents: &Contents, exported: &Exported) -> Result<()> {
    let database = exported.name();
    let census = Census::take(server, &database).await?;
    let found = crate::check::compare(census, exported, &contents.server_version, server);
    for difference in &found.tolerated {
        warn!("restored otherwise than it was"; "database" => database, "what" => difference);
    }
    if found.wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::corrupt(format!("{database} does not hold what the backup does: {}", list(&found.wrong)))
        .with_hint("restore again; the service stays closed until a restore has succeeded"))
}
