//! The tables of a server, as its dictionary lists them.

use std::collections::{BTreeMap, HashMap};

use bulkhead_plugin_sdk::method::{Result, database, warn};

use crate::SYSTEM;
use crate::sql::literal;

/// Tables that are listed at most; far above what a server in one piece has.
const MOST: usize = 100_000;
/// Tables of one answer, which the host bounds.
const PAGE: usize = 10_000;
/// Seconds for one page: opening tables waits for whoever changes their definition.
const PATIENCE: u32 = 120;

/// Database and name.
pub type Name = (String, String);

/// What the dictionary says of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// A sequence is one too.
    pub sequence: bool,
    /// Whether it keeps its history.
    pub versioned: bool,
    /// The engine; `None` for one that cannot be opened.
    pub engine: Option<String>,
    /// When it was made or last redefined, where the engine knows.
    pub created: Option<String>,
    /// When it was last written to, as far as the server remembers.
    pub updated: Option<String>,
    /// About as large as it is.
    pub bytes: u64,
}

/// The tables of a server.
pub struct Listing {
    /// By database and name.
    pub tables: BTreeMap<Name, Table>,
    /// InnoDB's own ids of them. `TRUNCATE` changes the id and neither of a table's times.
    ids: Option<HashMap<String, String>>,
}

impl Listing {
    /// Lists the tables of the job's server: of its users, or of its own database `mysql` too.
    pub async fn take(own: bool) -> Result<Self> {
        let excluded = if own { "('information_schema', 'performance_schema', 'sys')" } else { SYSTEM };
        let schemas = database::query(&format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN {excluded}"
        ))
        .await?;
        let mut tables = BTreeMap::new();
        for schema in schemas.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
            let mut after = String::new();
            while tables.len() < MOST {
                let page = page(&schema, &after).await?;
                let Some((last, _)) = page.last() else { break };
                after.clone_from(last);
                let full = page.len() == PAGE;
                tables.extend(page.into_iter().map(|(name, table)| ((schema.clone(), name), table)));
                if !full {
                    break;
                }
            }
        }
        if tables.len() >= MOST {
            warn!("lists no more than the first {MOST} tables");
        }
        Ok(Self { tables, ids: ids().await.ok() })
    }

    /// InnoDB's id of a table, or of all tables with names as odd as its own. `None` when the server does not tell.
    pub fn id(&self, name: &Name) -> Option<&str> {
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let key = if plain(&name.0) && plain(&name.1) { format!("{}/{}", name.0, name.1) } else { ODD.to_owned() };
        self.ids.as_ref()?.get(&key).map(String::as_str)
    }
}

/// What stands for all names that InnoDB spells in another way than the server.
const ODD: &str = "@";

/// InnoDB's ids. The partitions of a table count as one, and so do all tables with a name that is spelled otherwise there.
async fn ids() -> Result<HashMap<String, String>> {
    let rows = database::query(&format!(
        "SELECT IF(name LIKE '%{ODD}%', '{ODD}', SUBSTRING_INDEX(SUBSTRING_INDEX(name, '#P#', 1), '#p#', 1)) AS name, \
         CONCAT(COUNT(*), ' ', SUM(table_id)) AS id FROM information_schema.innodb_sys_tables GROUP BY 1"
    ))
    .await?;
    Ok(rows
        .rows
        .into_iter()
        .filter_map(|row| row.into_iter().collect::<Option<Vec<_>>>()?.try_into().ok())
        .map(|[name, id]: [String; 2]| (name, id))
        .collect())
}

async fn page(schema: &str, after: &str) -> Result<Vec<(String, Table)>> {
    let (schema, after) = (literal(schema), literal(after));
    let stamp = "'%Y-%m-%dT%H:%i:%sZ'";
    // Compared as bytes too: the dictionary's collation takes `Orders` for `orders`.
    let rows = database::query(&format!(
        "SET STATEMENT time_zone = '+00:00', max_statement_time = {PATIENCE} FOR \
         SELECT table_name, table_type, engine, DATE_FORMAT(create_time, {stamp}), DATE_FORMAT(update_time, {stamp}), \
         COALESCE(data_length, 0) FROM information_schema.tables WHERE table_schema = {schema} AND BINARY table_schema = BINARY {schema} \
         AND BINARY table_name > BINARY {after} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') \
         ORDER BY BINARY table_name LIMIT {PAGE}"
    ))
    .await?;
    let tables = rows.rows.into_iter().filter_map(|row| {
        let [name, kind, engine, created, updated, bytes] = <[Option<String>; 6]>::try_from(row).ok()?;
        let is = |other| kind.as_deref() == Some(other);
        let (sequence, versioned) = (is("SEQUENCE"), is("SYSTEM VERSIONED"));
        let bytes = bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_default();
        Some((name?, Table { sequence, versioned, engine, created, updated, bytes }))
    });
    Ok(tables.collect())
}
