//! Which databases a backup is of.

use std::fmt;

use bulkhead_plugin_sdk::method::{Failure, FailureKind, Result};

use crate::server::{Place, Server, names};

/// Begins the names of databases that a restore makes to try definitions in. One may be left of a host that was killed.
pub const REHEARSAL: &str = "bulkhead rehearsal ";

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Database {
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace.escape_debug(), self.name.escape_debug())
    }
}

impl Database {
    /// Whether both names can be sent.
    pub fn check_names(&self) -> Result<()> {
        check_name("namespace", &self.namespace)?;
        check_name("database", &self.name)
    }
}

/// Servers take the names of what is exported from headers, which hold no others.
pub fn check_name(kind: &str, name: &str) -> Result<()> {
    let sendable = !name.is_empty() && name.trim() == name && name.chars().all(|char| matches!(char, ' '..='~'));
    if sendable {
        return Ok(());
    }
    Err(Failure::invalid(format!("the {kind} `{}` has a name that cannot be exported", name.escape_debug()))
        .with_hint("SurrealDB's HTTP interface takes names of printable ASCII characters only: rename it"))
}

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Database(Database),
    /// All databases of a namespace.
    Namespace(String),
    /// All databases of all namespaces.
    Server,
}

impl Scope {
    /// The databases that are there, in order.
    ///
    /// # Errors
    /// `denied` when the login reaches less than the scope; `not-found` for a namespace or database that is not there.
    pub async fn databases(&self, server: &Server) -> Result<Vec<Database>> {
        let databases = match self {
            Self::Database(database) => {
                self.must_exist(server, database).await?;
                vec![database.clone()]
            }
            Self::Namespace(namespace) => databases_of(server, namespace).await?,
            Self::Server => {
                let mut databases = Vec::new();
                for namespace in namespaces(server).await? {
                    databases.extend(databases_of(server, &namespace).await?);
                }
                databases
            }
        };
        databases.iter().try_for_each(Database::check_names)?;
        Ok(databases)
    }

    async fn must_exist(&self, server: &Server, database: &Database) -> Result<()> {
        let missing = |failure: Failure| {
            if is_missing(&failure) {
                Failure::not_found(format!("the server has no database {database}"))
                    .with_hint("check namespace and database of the service")
            } else {
                failure
            }
        };
        server.ask(Place::Database(database), "INFO FOR DB").await.map(drop).map_err(missing)
    }
}

/// The namespaces of a server.
pub async fn namespaces(server: &Server) -> Result<Vec<String>> {
    let info = server.ask(Place::Server, "INFO FOR ROOT").await.map_err(|failure| match failure.kind {
        FailureKind::Denied => failure
            .context("cannot list the namespaces")
            .with_hint("all namespaces need login = \"root\" of the [[service]]; or set its namespace"),
        _ => failure,
    })?;
    Ok(names(&info, "namespaces"))
}

/// The databases of a namespace.
pub async fn databases_of(server: &Server, namespace: &str) -> Result<Vec<Database>> {
    let info = namespace_info(server, namespace).await?;
    let database = |name| Database { namespace: namespace.to_owned(), name };
    let names = names(&info, "databases").into_iter().filter(|name| !name.starts_with(REHEARSAL));
    Ok(names.map(database).collect())
}

/// What a namespace has.
pub async fn namespace_info(server: &Server, namespace: &str) -> Result<serde_json::Value> {
    let answer = server.ask(Place::Namespace(namespace), "INFO FOR NS").await;
    answer.map_err(|failure| match failure.kind {
        FailureKind::Denied => failure
            .context(format!("cannot list the databases of namespace {}", namespace.escape_debug()))
            .with_hint("they need login = \"root\" or \"namespace\" of the [[service]]; or set its database"),
        _ if is_missing(&failure) => {
            Failure::not_found(format!("the server has no namespace {}", namespace.escape_debug()))
                .with_hint("check namespace of the service")
        }
        _ => failure,
    })
}

/// Whether the server says that something is not there.
pub fn is_missing(failure: &Failure) -> bool {
    failure.message.contains("does not exist")
}
