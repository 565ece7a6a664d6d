//! Migrations of MariaDB: each file is run by the `mariadb` client, so that `DELIMITER` and all else works as it does by hand. What
//! a file has changed before it failed stays, as the server knows no transactions over such statements; the service stays closed.

use bulkhead_model::Result;

use super::{Applied, Migration, Migrations, Place, failed, number};
use crate::sql_client::SqlClient;

/// Where they are recorded.
const TABLE: &str = "`bulkhead`.`migrations`";

/// Applies what is missing; `each` is called before each file with its name.
pub(crate) async fn apply(
    server: &SqlClient,
    migrations: &Migrations,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let applied = applied(server).await?;
    for migration in migrations.pending(&applied)? {
        each(&migration.name)?;
        run(server, migration).await?;
    }
    Ok(())
}

/// Forgets what was applied, right before a dump is loaded: one that holds the records brings them, and to what one without them
/// holds nothing was applied.
pub(crate) async fn forget(server: &SqlClient) -> Result<()> {
    server.ask("DROP TABLE IF EXISTS `bulkhead`.`migrations`").await.map(drop)
}

async fn applied(server: &SqlClient) -> Result<Vec<Applied>> {
    server.ask("CREATE DATABASE IF NOT EXISTS `bulkhead` CHARACTER SET utf8mb4").await?;
    server
        .ask(&format!(
            "CREATE TABLE IF NOT EXISTS {TABLE} (
                 number INT UNSIGNED NOT NULL PRIMARY KEY,
                 name VARCHAR(255) NOT NULL,
                 checksum CHAR(64) NOT NULL,
                 applied_at TIMESTAMP NOT NULL
             ) ENGINE = InnoDB"
        ))
        .await?;
    let rows = server.ask(&format!("SELECT number, name, checksum FROM {TABLE} ORDER BY number")).await?;
    let read = |row: &Vec<Option<String>>| {
        let cell = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        Ok(Applied { number: number(&cell(0))?, name: cell(1), checksum: cell(2) })
    };
    rows.iter().map(read).collect()
}

async fn run(server: &SqlClient, migration: &Migration) -> Result<()> {
    server.script(migration.text.clone()).await.map_err(|failure| {
        let place = line(&failure.message);
        failed(migration, place, failure)
    })?;
    // Name and checksum are plain characters only.
    let record = format!(
        "INSERT INTO {TABLE} (number, name, checksum, applied_at) VALUES ({}, '{}', '{}', CURRENT_TIMESTAMP)",
        migration.number, migration.name, migration.checksum
    );
    server.ask(&record).await.map(drop).map_err(|failure| failed(migration, None, failure))
}

/// Where the client says that it failed: `ERROR 1064 (42000) at line 3: ...`.
fn line(message: &str) -> Option<Place> {
    let (_, after) = message.split_once(" at line ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Place { statement: None, line: digits.parse().ok()?, column: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_read_from_what_the_client_says() {
        let said = "mariadb exited with 1: ERROR 1064 (42000) at line 12: You have an error in your SQL syntax";
        assert_eq!(line(said), Some(Place { statement: None, line: 12, column: 0 }));
        assert_eq!(line("the server has gone away"), None);
    }
}
