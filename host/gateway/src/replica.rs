//! The replica: a second server with a copy of the database, from which stream processors load what they begin with.

mod apply;
mod copy;
mod query;
mod refused;
mod schema;
mod statement;

use std::collections::BTreeMap;
use std::path::Path;

use bulkhead_model::Result;
use bulkhead_surrealdb::{Client, Scope};
use serde_json::Value;

use crate::config::GatewayConfig;
use refused::Refused;
use schema::Table;

pub(crate) use apply::{STEP_BYTES, STEP_EVENTS};
pub(crate) use query::{check_reads, query};

/// Writes into the replica, in one place at a time.
#[derive(Debug)]
pub(crate) struct Replica {
    main: Client,
    client: Client,
    scope: Scope,
    /// What is known of its tables.
    tables: BTreeMap<String, Table>,
    /// Events that it did not take.
    refused: Refused,
}

impl Replica {
    pub fn new(config: &GatewayConfig, directory: &Path) -> Result<Self> {
        Ok(Self {
            main: Client::new(&config.main, config.query_deadline)?,
            client: Client::new(&config.replica, config.query_deadline)?,
            scope: config.scope.clone(),
            tables: BTreeMap::new(),
            refused: Refused::open(directory)?,
        })
    }

    /// A client for those who read.
    pub fn reader(&self) -> Client {
        self.client.clone()
    }

    /// Events that the replica does not hold because it did not take them.
    pub fn refused(&self) -> usize {
        self.refused.count()
    }

    /// What was known of it is no longer certain: a restore has written into it.
    pub fn forget(&mut self) -> Result<()> {
        self.tables.clear();
        self.refused.clear()
    }
}

/// The names of a database's tables; none when there is no such database.
async fn tables(client: &Client, scope: &Scope) -> Result<Vec<String>> {
    let answers = client.query(Some(scope), "INFO FOR DB;").await?;
    match answers.into_iter().next().map(|answer| answer.result) {
        Some(Ok(info)) => Ok(info["tables"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()),
        Some(Err(words)) if is_missing(&words) => Ok(Vec::new()),
        Some(Err(words)) => Err(bulkhead_model::Failure::invalid(words).context(client.server().address())),
        None => Ok(Vec::new()),
    }
}

/// How many records each table holds.
async fn counts(client: &Client, scope: &Scope, tables: &[String]) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    // Some at a time: a server takes statements up to a size.
    for some in tables.chunks(100) {
        let sql: String =
            some.iter().map(|table| format!("SELECT count() FROM {} GROUP ALL;\n", surql::ident(table))).collect();
        let answers = client.run(Some(scope), &sql).await?;
        let count = |answer: &Value| answer[0]["count"].as_u64().unwrap_or(0);
        counts.extend(some.iter().cloned().zip(answers.iter().map(count)));
    }
    Ok(counts)
}

/// Whether a server says that something is not there.
fn is_missing(words: &str) -> bool {
    words.contains("does not exist")
}
