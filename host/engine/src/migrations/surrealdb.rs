//! Migrations of SurrealDB: each file and the record of it are one transaction, unless the file has transactions of its own.

use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_surrealdb::{Answer, Client, Scope, Server};
use serde::Deserialize;
use surql::{Statement, statements, string};

use super::{Applied, Migration, Migrations, Place, failed, first_line};

/// The most time of one file: an index over a large table takes its time.
const FILE: Duration = Duration::from_hours(4);

/// A database to apply migrations to.
pub(crate) struct SurrealDb {
    client: Client,
    scope: Scope,
}

/// A file as it is sent.
struct Request<'a> {
    text: String,
    /// Those of the file itself.
    statements: &'a [Statement<'a>],
    /// Statements before them, each on a line of its own.
    before: usize,
    /// Statements before and after them.
    around: usize,
}

impl Request<'_> {
    /// The place of the statement that one of so many answers is to.
    fn place(&self, answer: usize, answers: usize) -> Option<Place> {
        // Servers of version 2 do not answer `BEGIN`, nor `COMMIT`.
        let before = if answers == self.statements.len() + self.around { self.before } else { 0 };
        let at = answer.checked_sub(before)?;
        let statement = self.statements.get(at)?;
        Some(Place { statement: Some(at + 1), line: statement.line, column: statement.column })
    }
}

#[derive(Deserialize)]
struct Record {
    number: u32,
    name: String,
    checksum: String,
}

impl SurrealDb {
    /// Connects with the first request.
    pub fn new(server: &Server, scope: Scope) -> Result<Self> {
        Ok(Self { client: Client::new(server, FILE)?, scope })
    }

    /// Applies what is missing; `each` is called before each file with its name.
    pub async fn apply(&self, migrations: &Migrations, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let applied = self.applied().await?;
        for migration in migrations.pending(&applied)? {
            each(&migration.name)?;
            self.run(migration).await?;
        }
        Ok(())
    }

    async fn applied(&self) -> Result<Vec<Applied>> {
        let asked = "DEFINE TABLE IF NOT EXISTS bulkhead_migration PERMISSIONS NONE;
            SELECT record::id(id) AS number, name, checksum FROM bulkhead_migration ORDER BY number";
        let mut answers = self.client.run(Some(&self.scope), asked).await?;
        let records: Vec<Record> = serde_json::from_value(answers.pop().unwrap_or_default()).map_err(|_| {
            Failure::invalid("table `bulkhead_migration` of the database holds something else than migrations")
        })?;
        let applied = |record: Record| Applied { number: record.number, name: record.name, checksum: record.checksum };
        Ok(records.into_iter().map(applied).collect())
    }

    async fn run(&self, migration: &Migration) -> Result<()> {
        let unfinished = |open: surql::Unfinished| {
            let at = Place { statement: None, line: open.at.line, column: open.at.column };
            failed(migration, Some(at), Failure::invalid(open.to_string()))
        };
        let statements = statements(&migration.text).map_err(unfinished)?;
        let record = format!(
            "CREATE bulkhead_migration:{} SET name = {}, checksum = {}, applied_at = time::now();",
            migration.number,
            string(&migration.name),
            string(&migration.checksum)
        );
        if statements.iter().any(is_transaction) {
            let all = Request { text: migration.text.clone(), statements: &statements, before: 0, around: 0 };
            self.send(migration, &all).await?;
            return self.client.run(Some(&self.scope), &record).await.map(drop);
        }
        let text = format!("BEGIN TRANSACTION;\n{}\n;{record}\nCOMMIT TRANSACTION;", migration.text);
        self.send(migration, &Request { text, statements: &statements, before: 1, around: 3 }).await
    }

    /// Sends a file, with what stands around it; nothing of it may fail.
    async fn send(&self, migration: &Migration, request: &Request<'_>) -> Result<()> {
        let answers = self.client.query(Some(&self.scope), &request.text).await.map_err(|failure| {
            let (failure, place) = take_place(failure, request.before);
            failed(migration, place, failure)
        })?;
        match culprit(&answers) {
            None => Ok(()),
            Some((at, words)) => {
                Err(failed(migration, request.place(at, answers.len()), Failure::invalid(first_line(words))))
            }
        }
    }
}

/// The statement for which all fails, and what the server says of it. Others of its transaction fail because of it.
fn culprit(answers: &[Answer]) -> Option<(usize, &str)> {
    let failed =
        || answers.iter().enumerate().filter_map(|(at, answer)| Some((at, answer.result.as_ref().err()?.as_str())));
    failed().find(|(_, words)| !words.starts_with("The query was not executed due to")).or_else(|| failed().next())
}

/// Whether a file takes care of its transactions itself.
fn is_transaction(statement: &Statement<'_>) -> bool {
    let word = statement.text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["BEGIN", "COMMIT", "CANCEL"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Where a text that the server cannot read is wrong, in the file's own lines.
fn take_place(failure: Failure, lines_before: usize) -> (Failure, Option<Place>) {
    let place = || {
        let (said, place) = failure.message.rsplit_once(" (line ")?;
        let (line, column) = place.strip_suffix(')')?.split_once(", column ")?;
        let line = line.parse::<u64>().ok()?.saturating_sub(lines_before as u64).max(1);
        Some((said.to_owned(), Place { statement: None, line, column: column.parse().ok()? }))
    };
    match place() {
        Some((message, place)) => (Failure { message, ..failure }, Some(place)),
        None => (failure, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(results: &[Result<(), &str>]) -> Vec<Answer> {
        let answer = |result: &Result<(), &str>| Answer {
            result: match result {
                Ok(()) => Ok(serde_json::Value::Null),
                Err(words) => Err((*words).to_owned()),
            },
        };
        results.iter().map(answer).collect()
    }

    #[test]
    fn the_statement_that_failed_first_is_to_blame() {
        let other = "The query was not executed due to a failed transaction";
        let seen = answers(&[Ok(()), Err(other), Err("Table `a` does not exist"), Err(other)]);
        assert_eq!(culprit(&seen), Some((2, "Table `a` does not exist")));
        assert_eq!(culprit(&answers(&[Ok(()), Ok(())])), None);
    }

    #[test]
    fn a_place_is_told_in_the_lines_of_the_file() {
        let failure = Failure::invalid("db:8000 refused: Parse error: Unexpected token (line 4, column 7)");
        let (failure, place) = take_place(failure, 1);
        assert_eq!(failure.message, "db:8000 refused: Parse error: Unexpected token");
        assert_eq!(place, Some(Place { statement: None, line: 3, column: 7 }));
    }

    #[test]
    fn a_file_with_transactions_of_its_own_is_known() {
        for (text, own) in [
            ("begin; CREATE a; COMMIT", true),
            ("CREATE begin:1; LET $cancel = 1", false),
            ("CANCEL TRANSACTION", true),
        ] {
            assert_eq!(statements(text).unwrap().iter().any(is_transaction), own, "{text}");
        }
    }
}
