//! A part: restored into a throw-away server, then read from there into the service as it runs.

mod contents;
mod sequences;

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::recovery::Until;
use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Connection, Observer as _, Rows, ToolScope};

use self::contents::Contents;
use super::stored_code::{self, Load};
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
        let left = copy(run, service, &throw_away, part, &into).await?;
        Ok::<(Positions, Vec<String>), Failure>((reached, left))
    };
    let copied = copied.await;
    throw_away.kill().await;
    let (reached, left) = copied?;
    let mut message = format!("Restore has succeeded! It lies in {into}.");
    if !left.is_empty() {
        message.push_str(&format!(" It is without {}.", left.join("; ")));
    }
    Ok(Done { message, reached })
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
        let database = text(&self.database);
        let sql = match &self.table {
            Some(table) => format!(
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {database} AND table_name = {}",
                text(table)
            ),
            // What is dumped of routines and events begins with dropping those of the same name.
            None => format!(
                "SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {database})
                 + (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = {database})
                 + (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = {database})"
            ),
        };
        let found = ask(live, &sql).await?;
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
) -> Result<Vec<String>> {
    let (from, live) = (throw_away.connection(), &service.connection);
    let made_as = Made::read(&from, &part.database).await?;
    if let Some(table) = &part.table {
        require_table(&from, part, table).await?;
    }
    let contents = Contents::of(&from, live, run.engine.runtime.tools(), part, into).await?;
    for left in &contents.left {
        run.observer.warn(&format!("{into} comes without {left}"));
    }
    let load_of = Load {
        database: Some(&part.database),
        table: part.table.as_deref(),
        functions: contents.routines,
        triggers: contents.triggers,
    };
    stored_code::check(&from, live, &load_of).await?;
    let sequences = sequences::named(&from, part).await?;
    contents::require_sequences(live, &sequences, part).await?;
    sequences::rename(&from, &sequences, part, into).await?;
    if let Some(table) = &part.table {
        rename_table(&from, part, table, into).await?;
    }
    into.check_absent(live).await?;
    run.confirm_lease().await?;
    let made = !into.database_exists(live).await?;
    if made {
        ask(live, &made_as.statement(&into.database)).await?;
    }
    let mut brought = Vec::new();
    if part.table.is_some() {
        brought = sequences::bring(&from, live, &sequences, part, into).await?;
    }
    let mut began = false;
    let loaded = load(run, service, throw_away, part, into, &contents, &mut began).await;
    if loaded.is_err() {
        let mut undone = undo(&from, live, part, into, Begun { database: made, table: began }).await;
        for sequence in brought.iter().filter(|_| !made) {
            let sql = format!("DROP SEQUENCE IF EXISTS {}.{}", identifier(&into.database), identifier(sequence));
            undone = ask(live, &sql).await.and(undone);
        }
        if let Err(left) = undone {
            run.observer.warn(&format!("what a failed restore has begun is left on the service: {left}"));
        }
    }
    loaded.map(|()| contents.left)
}

/// How a database is made, apart from what is in it.
struct Made {
    charset: String,
    collation: String,
    comment: String,
}

impl Made {
    async fn read(from: &Connection, database: &str) -> Result<Self> {
        let sql = format!(
            "SELECT default_character_set_name, default_collation_name, schema_comment FROM information_schema.schemata
             WHERE schema_name = {}",
            text(database)
        );
        match ask(from, &sql).await?.rows.into_iter().next().map(<[Option<String>; 3]>::try_from) {
            Some(Ok([Some(charset), Some(collation), comment])) => {
                Ok(Self { charset, collation, comment: comment.unwrap_or_default() })
            }
            _ => Err(Failure::not_found(format!("the backup has no database `{database}`"))),
        }
    }

    fn statement(&self, name: &str) -> String {
        let Self { charset, collation, comment } = self;
        let mut sql = format!("CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}", identifier(name));
        if !comment.is_empty() {
            sql.push_str(&format!(" COMMENT {}", text(comment)));
        }
        sql
    }
}

async fn require_table(from: &Connection, part: &Partial, table: &str) -> Result<()> {
    if contents::exists(from, &part.database, table).await? {
        return Ok(());
    }
    Err(Failure::not_found(format!("the backup has no table `{}`.`{table}`", part.database)))
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
                    let sql = format!(
                        "SET STATEMENT system_versioning_alter_history = KEEP FOR ALTER TABLE {database}.{} DROP FOREIGN KEY {}",
                        identifier(table),
                        identifier(key)
                    );
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
    contents: &Contents,
    began: &mut bool,
) -> Result<()> {
    let mut arguments = contents.arguments.clone();
    if into.table.is_some() {
        let definition = ["--no-data", "--skip-triggers"].map(str::to_owned).to_vec();
        pass(run, service, throw_away, part, into, definition).await?;
        *began = true;
        arguments.push("--no-create-info".to_owned());
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

async fn ask(server: &Connection, sql: &str) -> Result<Rows> {
    server.query(sql, STATEMENT, ANSWER).await
}

fn value(rows: &Rows) -> Option<String> {
    rows.rows.first()?.first()?.clone()
}

/// The first value of each row.
fn column(rows: &Rows) -> Vec<String> {
    rows.rows.iter().filter_map(|row| row.first()?.clone()).collect()
}

/// A name as an SQL identifier.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as an SQL string.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
