//! What a server lists and cannot open: a MERGE table without its child, a discarded tablespace, a view without its table. It is no
//! fault of a backup that it holds nothing of them, nor of a restore that they are as broken afterwards.

use bulkhead_plugin_sdk::method::{Failure, FailureKind, Result, database};

use crate::{SYSTEM, identifier};

/// The most that is looked into; also keeps the arguments of a tool that leaves them out within their bound.
const MOST: usize = 500;
/// Seconds for one attempt to open something.
const PATIENCE: u32 = 10;
/// The most of the server's words that are kept of each.
const WORDS: usize = 300;

/// Errors that say that there is nothing to be read, as opposed to data that is there and damaged:
/// a MERGE table whose children are not there, an unknown engine, a view on what is not there, a tablespace that is missing or was
/// discarded, a table that its engine does not know.
const DANGLING: [&str; 6] = ["(1168)", "(1286)", "(1356)", "(1812)", "(1814)", "(1932)"];

/// A table or view that the server lists and cannot open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its database.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What the server says of it.
    pub reason: String,
    /// Whether there is no data behind it. Otherwise there is, and it is damaged.
    pub dangling: bool,
}

impl Broken {
    /// All that the job's server has, in the order of their names.
    ///
    /// # Errors
    /// As [`database::query`]; `unsupported` for more than can be dealt with.
    pub async fn find() -> Result<Vec<Self>> {
        // What cannot be opened has no engine; a view then has the error in the place of its comment. A table whose tablespace was
        // discarded is of InnoDB, and without a page.
        let rows = database::query(&format!(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM} \
             AND (table_type = 'VIEW' AND table_comment <> 'VIEW' OR table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') \
             AND (engine IS NULL OR engine = 'InnoDB' AND COALESCE(data_length, 0) = 0)) \
             ORDER BY BINARY table_schema, BINARY table_name LIMIT {}",
            MOST + 1
        ))
        .await?;
        if rows.rows.len() > MOST {
            return Err(Failure::unsupported(format!(
                "the server cannot open more than {MOST} of its tables and views"
            ))
            .with_hint("repair or drop them: SELECT * FROM information_schema.tables WHERE engine IS NULL"));
        }
        let mut broken = Vec::new();
        for row in rows.rows {
            let Ok([Some(schema), Some(name), Some(kind)]) = <[Option<String>; 3]>::try_from(row) else { continue };
            let object = format!("{}.{}", identifier(&schema), identifier(&name));
            // A view is opened only: its first row may take long.
            let open = if kind == "VIEW" {
                format!("SHOW COLUMNS FROM {object}")
            } else {
                format!("SET STATEMENT max_statement_time = {PATIENCE} FOR SELECT 1 FROM {object} LIMIT 1")
            };
            match database::query(&open).await {
                // What is only busy, or not ours to read, is not broken.
                Ok(_) => {}
                Err(failure) if matches!(failure.kind, FailureKind::Unavailable | FailureKind::Denied) => {}
                Err(Failure { message, .. }) => broken.push(Self {
                    dangling: DANGLING.iter().any(|code| message.ends_with(code)),
                    reason: message.chars().take(WORDS).collect(),
                    schema,
                    name,
                }),
            }
        }
        Ok(broken)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}
