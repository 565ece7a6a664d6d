//! A part: restored into a throw-away server, then read from there into the service as it runs.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::recovery::Until;
use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Connection, Observer as _, Rows, ToolScope};

use super::{Done, base_of, reader_of};
use crate::config::ServiceConfig;
use crate::executor::Run;
use crate::failpoint::fail_point;
use crate::request::Partial;
use crate::swap::Apart;
use crate::verb::links::Links;
use crate::verb::throw_away::{Place, Positions, ThrowAway};

/// One statement on either server.
const STATEMENT: Duration = Duration::from_mins(10);
/// The most of an answer.
const ANSWER: u64 = 16 << 20;

pub(super) async fn run(
    run: &Run,
    service: &ServiceConfig,
    chain: &Links,
    logs: &Links,
    until: Option<&Until>,
    part: &Partial,
) -> Result<Done> {
    let into = Target::of(part);
    // Before hours of work, and again right before it is made.
    into.check_absent(&service.connection).await?;
    run.observer.expect(chain.plain_bytes() + logs.plain_bytes());
    let apart = Apart::new(&run.engine.drill_dir(), &run.attempt.id)?;
    let base = base_of(chain)?;
    let throw_away = ThrowAway::new(run, service, Place::Apart(apart), base, &logs.links).await?;
    let copied = async {
        let reader = reader_of(run, chain, logs);
        let mut reached = throw_away.restore(run, service, chain, &reader).await?;
        if !logs.links.is_empty() {
            reached = throw_away.replay(run, service, base, logs, until, &reader).await?;
        }
        fail_point("restore.replayed")?;
        run.observer.phase("copy");
        copy(run, service, &throw_away, part, &into).await?;
        Ok::<Positions, Failure>(reached)
    };
    let copied = copied.await;
    throw_away.kill().await;
    Ok(Done { message: format!("Restore has succeeded! It lies in {into}."), reached: copied? })
}

/// Where the part is put.
struct Target {
    database: String,
    table: Option<String>,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.table {
            Some(table) => write!(f, "table `{}`.`{table}`", self.database),
            None => write!(f, "database `{}`", self.database),
        }
    }
}

impl Target {
    fn of(part: &Partial) -> Self {
        let table = part.table.as_ref().map(|table| part.as_table.as_ref().unwrap_or(table).clone());
        Self { database: part.as_database.as_ref().unwrap_or(&part.database).clone(), table }
    }

    /// A partial restore only ever adds.
    async fn check_absent(&self, live: &Connection) -> Result<()> {
        let condition = match &self.table {
            Some(table) => format!("table_schema = {} AND table_name = {}", text(&self.database), text(table)),
            None => format!("table_schema = {}", text(&self.database)),
        };
        let found = ask(live, &format!("SELECT COUNT(*) FROM information_schema.tables WHERE {condition}")).await?;
        if value(&found).as_deref() == Some("0") {
            return Ok(());
        }
        let field = if self.table.is_some() { "as_table" } else { "as_database" };
        Err(Failure::conflict(format!("{self} exists on the service; a part is never restored over something"))
            .with_hint(format!("name another with `{field}`, or drop it first")))
    }

    async fn database_exists(&self, live: &Connection) -> Result<bool> {
        let sql =
            format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = {}", text(&self.database));
        Ok(value(&ask(live, &sql).await?).as_deref() != Some("0"))
    }
}

async fn copy(
    run: &Run,
    service: &ServiceConfig,
    throw_away: &Arc<ThrowAway>,
    part: &Partial,
    into: &Target,
) -> Result<()> {
    let (from, live) = (throw_away.connection(), &service.connection);
    let defaults = ask(
        &from,
        &format!(
            "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = {}",
            text(&part.database)
        ),
    )
    .await?;
    let Some([Some(charset), Some(collation)]) = defaults.rows.first().map(Vec::as_slice) else {
        return Err(Failure::not_found(format!("the backup has no database `{}`", part.database)));
    };
    if let Some(table) = &part.table {
        rename_table(&from, part, table, into).await?;
    }
    into.check_absent(live).await?;
    run.confirm_lease().await?;
    let made = !into.database_exists(live).await?;
    if made {
        let sql = format!("CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}", identifier(&into.database));
        ask(live, &sql).await?;
    }
    let mut began = false;
    let loaded = load(run, service, throw_away, part, into, &mut began).await;
    if loaded.is_err()
        && let Err(left) = undo(&from, live, part, into, Begun { database: made, table: began }).await
    {
        run.observer.warn(&format!("what a failed restore has begun is left on the service: {left}"));
    }
    loaded
}

/// What a load that has failed has made.
struct Begun {
    database: bool,
    table: bool,
}

/// Drops what this attempt has made, which is only a part of the part. What somebody else has made in the meantime stays.
async fn undo(from: &Connection, live: &Connection, part: &Partial, into: &Target, begun: Begun) -> Result<()> {
    if let Some(table) = into.table.as_ref().filter(|_| begun.table) {
        ask(live, &format!("DROP TABLE IF EXISTS {}.{}", identifier(&into.database), identifier(table))).await?;
    }
    if !begun.database {
        return Ok(());
    }
    let ours = if into.table.is_some() { Vec::new() } else { tables(from, &part.database).await? };
    let there = tables(live, &into.database).await?;
    match there.iter().find(|table| !ours.contains(table)) {
        None => ask(live, &format!("DROP DATABASE IF EXISTS {}", identifier(&into.database))).await.map(drop),
        Some(table) => Err(Failure::conflict(format!(
            "somebody has made `{table}` in database `{}`, which is not dropped for that reason",
            into.database
        ))),
    }
}

async fn tables(server: &Connection, database: &str) -> Result<Vec<String>> {
    let sql = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = {}", text(database));
    Ok(ask(server, &sql).await?.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// On the throw-away server, before it is read. Beside the table that it was a copy of it can have neither triggers nor foreign keys:
/// their names are a database's own, and given.
async fn rename_table(from: &Connection, part: &Partial, table: &str, into: &Target) -> Result<()> {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
        text(&part.database),
        text(table)
    );
    if value(&ask(from, &sql).await?).as_deref() == Some("0") {
        return Err(Failure::not_found(format!("the backup has no table `{}`.`{table}`", part.database)));
    }
    match &into.table {
        Some(name) if name != table => {
            let database = identifier(&part.database);
            if into.database == part.database {
                let sql = format!(
                    "SELECT constraint_name FROM information_schema.table_constraints
                     WHERE constraint_type = 'FOREIGN KEY' AND table_schema = {} AND table_name = {}",
                    text(&part.database),
                    text(table)
                );
                for key in ask(from, &sql).await?.rows.iter().flatten().flatten() {
                    let sql =
                        format!("ALTER TABLE {database}.{} DROP FOREIGN KEY {}", identifier(table), identifier(key));
                    ask(from, &sql).await?;
                }
            }
            let sql = format!("RENAME TABLE {database}.{} TO {database}.{}", identifier(table), identifier(name));
            ask(from, &sql).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Reads the part from the throw-away server into the live one. A table's definition comes by itself: `began` says when that has
/// worked, and the table of this name is the one that was made here.
async fn load(
    run: &Run,
    service: &ServiceConfig,
    throw_away: &Arc<ThrowAway>,
    part: &Partial,
    into: &Target,
    began: &mut bool,
) -> Result<()> {
    if into.table.is_some() {
        let definition = ["--no-data", "--skip-triggers"].map(str::to_owned).to_vec();
        pass(run, service, throw_away, part, into, definition).await?;
        *began = true;
    }
    // The text of triggers, routines, events and views names the database that they were made in.
    let same = into.database == part.database && into.table == part.table;
    let mut arguments = vec![if same { "--triggers" } else { "--skip-triggers" }.to_owned()];
    if into.table.is_some() {
        arguments.push("--no-create-info".to_owned());
    } else if same {
        arguments.extend(["--routines".to_owned(), "--events".to_owned()]);
    } else {
        for view in views(&throw_away.connection(), &part.database).await? {
            arguments.push(format!("--ignore-table={}.{view}", part.database));
        }
    }
    pass(run, service, throw_away, part, into, arguments).await
}

/// Dumps with some arguments besides those that are always given, and runs what comes out on the live server.
async fn pass(
    run: &Run,
    service: &ServiceConfig,
    throw_away: &Arc<ThrowAway>,
    part: &Partial,
    into: &Target,
    more: Vec<String>,
) -> Result<()> {
    let mut arguments: Vec<String> = [
        "--single-transaction",
        "--quick",
        "--hex-blob",
        "--skip-add-locks",
        "--skip-add-drop-table",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(more);
    arguments.push(part.database.clone());
    arguments.extend(into.table.clone());
    let tools = run.engine.runtime.tools();
    let read = ToolScope::from(&throw_away.attempt(run, service));
    let write = ToolScope::from(&run.attempt_for(service));
    let dump = tools.run(&read, "mariadb-dump", &arguments, None).await?;
    let data = dump.stdout().ok_or_else(|| Failure::internal("the dump has no output"))?;
    let client = [
        "--binary-mode".to_owned(),
        "--default-character-set=utf8mb4".to_owned(),
        "--max-allowed-packet=1G".to_owned(),
        format!("--database={}", into.database),
    ];
    let client = tools.run(&write, "mariadb", &client, Some(data)).await?;
    client.wait().await.map_err(|failure| failure.context(format!("loading into {into}")))?;
    dump.wait().await.map(drop)
}

async fn views(from: &Connection, database: &str) -> Result<Vec<String>> {
    let sql = format!("SELECT table_name FROM information_schema.views WHERE table_schema = {}", text(database));
    Ok(ask(from, &sql).await?.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

async fn ask(server: &Connection, sql: &str) -> Result<Rows> {
    server.query(sql, STATEMENT, ANSWER).await
}

fn value(rows: &Rows) -> Option<String> {
    rows.rows.first()?.first()?.clone()
}

/// A name as an SQL identifier.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as an SQL string.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
