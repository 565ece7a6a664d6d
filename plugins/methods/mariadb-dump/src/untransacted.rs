//! Tables outside the transaction that a dump reads in. A dump holds each of them as it is when its turn comes, which is later than the
//! position in the binary log that the dump states: logs that are replayed from there would write to them twice.

use bulkhead_plugin_sdk::method::tools::{self, Process};
use bulkhead_plugin_sdk::method::{Chunks, Failure, Result, Sink, Source, database};
use mariadb_check::{SYSTEM, identifier};

use crate::plugin::CLIENT_TOOL;

/// Engines that take part in the transaction, and those of whose tables a dump holds no rows.
const HARMLESS: &str =
    "('InnoDB', 'ROCKSDB', 'BLACKHOLE', 'MRG_MyISAM', 'FEDERATED', 'CONNECT', 'OQGRAPH', 'SPIDER', 'VP')";
/// The most that are locked; far above what a server in one piece has.
const MOST: usize = 20_000;
/// Seconds to wait for those who use the tables now; who comes later waits as long.
const PATIENCE: u32 = 10;
/// Characters of a name that are shown.
const SHOWN: usize = 130;
/// What the session that locks says.
const LOCKED: &str = "locked";

/// The tables outside the transaction, while a dump is made.
pub struct Others {
    before: Vec<String>,
    lock: Option<Lock>,
    /// Why they are not locked.
    unlocked: String,
}

impl Others {
    /// Finds them, and locks them if they are to be.
    pub async fn begin(lock: bool) -> Result<Self> {
        let before = find().await?;
        if before.is_empty() || !lock {
            return Ok(Self { before, lock: None, unlocked: "they were not locked".to_owned() });
        }
        match Lock::take(&before).await {
            Ok(lock) => Ok(Self { before, lock: Some(lock), unlocked: String::new() }),
            // The dump is worth as much alone.
            Err(failure) => {
                Ok(Self { before, lock: None, unlocked: format!("they could not be locked: {}", failure.message) })
            }
        }
    }

    /// Lets them go. Why some of them may be in the dump as of another instant than its position; `None` when they are not.
    pub async fn end(self) -> Result<Option<String>> {
        let Self { before, lock, mut unlocked } = self;
        let mut tables = find().await?;
        match lock {
            Some(lock) => match lock.release().await {
                Ok(()) => {
                    tables.retain(|table| !before.contains(table));
                    unlocked.push_str("they were made meanwhile");
                }
                Err(failure) => unlocked = format!("they were not locked to the end: {}", failure.message),
            },
            // One that is gone may be in the dump, or not.
            None => tables.extend(before),
        }
        tables.sort();
        tables.dedup();
        let Some(first) = tables.first() else { return Ok(None) };
        let first: String = first.chars().take(SHOWN).collect();
        let number = tables.len();
        Ok(Some(format!(
            "{number} tables outside InnoDB, such as {first}, are dumped when their turn comes; {unlocked}"
        )))
    }
}

/// Their names, quoted.
async fn find() -> Result<Vec<String>> {
    let rows = database::query(&format!(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM} \
         AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND engine NOT IN {HARMLESS} \
         ORDER BY BINARY table_schema, BINARY table_name LIMIT {}",
        MOST + 1
    ))
    .await?;
    let name = |row: Vec<Option<String>>| match <[Option<String>; 2]>::try_from(row) {
        Ok([Some(schema), Some(name)]) => Some(format!("{}.{}", identifier(&schema), identifier(&name))),
        _ => None,
    };
    Ok(rows.rows.into_iter().filter_map(name).collect())
}

/// The tables, locked against writing by a session that stays open. Dropping it ends the session.
struct Lock {
    session: Process,
    say: Sink,
    answers: Chunks,
}

impl Lock {
    /// Locks tables; others stay as they are.
    async fn take(tables: &[String]) -> Result<Self> {
        if tables.len() > MOST {
            return Err(Failure::unsupported(format!("there are more than {MOST} of them")));
        }
        let (mut say, script) = Source::pipe();
        let arguments = ["--batch", "--unbuffered", "--skip-column-names", "--default-character-set=utf8mb4"];
        let session = tools::run(CLIENT_TOOL, arguments, Some(script)).await?;
        let answers = session.stdout()?.chunks(1024);
        let list = tables.join(", ");
        // By this statement a writer waits for the table's definition. With `LOCK TABLES` it would wait for the table itself, and the
        // dump behind the writer. The session says nothing then until the dump has ended.
        let statements = format!(
            "SET SESSION wait_timeout = 31536000, lock_wait_timeout = {PATIENCE};\nFLUSH LOCAL TABLES {list} WITH READ LOCK;\nSELECT '{LOCKED}';\n"
        );
        let _gone = say.write(statements).await;
        let mut lock = Self { session, say, answers };
        lock.answer().await?;
        Ok(lock)
    }

    /// Ends the session, if the tables were locked for all of the time.
    async fn release(mut self) -> Result<()> {
        let _gone = self.say.write(format!("SELECT '{LOCKED}';\n")).await;
        self.answer().await?;
        self.say.finish().await;
        self.session.wait().await.map(drop)
    }

    /// Waits for the word of the session, which ends without it at the first failure.
    async fn answer(&mut self) -> Result<()> {
        if self.answers.available().await.is_some() {
            return Ok(());
        }
        self.session.wait().await?;
        Err(Failure::unavailable("the session that locks them ended"))
    }
}
