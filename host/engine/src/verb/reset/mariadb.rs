//! Emptying a MariaDB server: every database but its own ones. Accounts stay, with what they are granted.

use bulkhead_model::Result;

use crate::sql_client::SqlClient;

/// Those that belong to the server.
const OWN: &str = "('mysql', 'sys', 'information_schema', 'performance_schema')";

/// The databases of users.
pub(super) async fn databases(server: &SqlClient) -> Result<Vec<String>> {
    let asked = format!(
        "SELECT schema_name FROM information_schema.schemata WHERE LOWER(schema_name) NOT IN {OWN} ORDER BY schema_name"
    );
    Ok(server.ask(&asked).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Drops them, whatever refers to whatever.
pub(super) async fn drop_all(server: &SqlClient, databases: &[String]) -> Result<()> {
    server.script(drops(databases)).await.map_err(|failure| failure.context("dropping the databases"))
}

fn drops(databases: &[String]) -> String {
    let drop = |name: &String| format!("DROP DATABASE IF EXISTS `{}`;\n", name.replace('`', "``"));
    let drops: String = databases.iter().map(drop).collect();
    format!("SET SESSION foreign_key_checks = 0;\n{drops}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        let dropped = drops(&["shop".to_owned(), "a`; DROP DATABASE mysql; -- ".to_owned()]);
        assert!(dropped.contains("DROP DATABASE IF EXISTS `shop`;\n"), "{dropped}");
        assert!(dropped.contains("`a``; DROP DATABASE mysql; -- `;\n"), "{dropped}");
    }
}
