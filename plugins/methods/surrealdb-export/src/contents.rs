//! What a backup holds, as it says itself: `contents.json`.

use std::collections::BTreeMap;

use bulkhead_plugin_sdk::method::{Failure, Link, Reader, Result, Source, Writer};
use serde::{Deserialize, Serialize};

use crate::scope::{Database, Scope};

/// The object.
pub const CONTENTS: &str = "contents.json";
const FORMAT: u32 = 1;
/// The longest one.
const MOST_BYTES: u64 = 64 << 20;

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    format: u32,
    /// The version of the server that was backed up.
    pub server_version: String,
    /// The namespace that was asked for; all without it.
    pub namespace: Option<String>,
    /// The database that was asked for; all of the namespace without it.
    pub database: Option<String>,
    /// In the order in which they were exported.
    pub databases: Vec<Exported>,
    /// The `DEFINE NAMESPACE` of each namespace that the backup is of, as far as the login may know it.
    pub namespaces: BTreeMap<String, Option<String>>,
}

/// A database and the object that it is in.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exported {
    pub object: String,
    pub namespace: String,
    pub database: String,
    /// The server's time right before it took the state that it then exported.
    pub taken_at: String,
    /// The `DEFINE DATABASE`, as far as the login may know it.
    pub definition: Option<String>,
    pub tables: BTreeMap<String, Table>,
    /// Definitions by kind, e.g. `INDEX`, in the whole database.
    pub definitions: BTreeMap<String, u64>,
    /// What the server had and left out of the export: names by kind, e.g. `MODEL`; a thousand of each at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, Vec<String>>,
}

/// A table of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub records: u64,
    /// Whether a restore computes its records from those of others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub view: bool,
}

impl Exported {
    pub fn name(&self) -> Database {
        Database { namespace: self.namespace.clone(), name: self.database.clone() }
    }

    /// Records of all tables.
    pub fn records(&self) -> u64 {
        self.tables.values().map(|table| table.records).sum()
    }
}

impl Contents {
    pub fn new(
        server_version: &str,
        scope: &Scope,
        databases: Vec<Exported>,
        namespaces: BTreeMap<String, Option<String>>,
    ) -> Self {
        let (namespace, database) = match scope {
            Scope::Database(database) => (Some(database.namespace.clone()), Some(database.name.clone())),
            Scope::Namespace(namespace) => (Some(namespace.clone()), None),
            Scope::Server => (None, None),
        };
        Self { format: FORMAT, server_version: server_version.to_owned(), namespace, database, databases, namespaces }
    }

    /// Whether the backup was to have this database, had it been there.
    pub fn covers(&self, database: &Database) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == database.namespace)
            && self.database.as_ref().is_none_or(|name| *name == database.name)
    }

    /// Writes them as the last object of a backup.
    pub async fn write(&self, writer: &Writer) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::corrupt(format!("{CONTENTS} cannot be written: {error}")))?;
        writer.write(CONTENTS, "application/json", Source::from_bytes(json)).await.map(drop)
    }

    /// Reads them back, and makes sure that the backup has what they name.
    ///
    /// # Errors
    /// `corrupt` for a backup that this method has not made, or not to the end.
    pub async fn read(link: &Link, reader: &Reader) -> Result<Self> {
        if link.object(CONTENTS).is_none() {
            return Err(Failure::corrupt(format!("the backup has no object {CONTENTS}")).with_hint(
                "only exports that this method has made can be restored; load others with `surreal import`",
            ));
        }
        let json = reader.open(&link.backup, CONTENTS).await?.read_all(MOST_BYTES).await?;
        let contents: Self = serde_json::from_slice(&json)
            .map_err(|error| Failure::corrupt(format!("{CONTENTS} cannot be read: {error}")))?;
        if contents.format != FORMAT {
            let format = contents.format;
            return Err(Failure::unsupported(format!("{CONTENTS} has format {format}; this plugin reads {FORMAT}"))
                .with_hint("restore with a newer Bulkhead"));
        }
        for exported in &contents.databases {
            exported.name().check_names()?;
            if link.object(&exported.object).is_none() {
                return Err(Failure::corrupt(format!("the backup has no object {}", exported.object)));
            }
        }
        Ok(contents)
    }
}
