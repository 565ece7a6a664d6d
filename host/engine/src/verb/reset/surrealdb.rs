//! Emptying a SurrealDB server: every database of the service is removed and defined again as it was. Users and accesses of the
//! server and of its namespaces stay, those of a database go with it.

use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_surrealdb::{Client, Login, Scope, Server};
use serde_json::Value;
use surql::ident;

use crate::config::ServiceScope;

/// The most time of one request: a large database takes its time to go.
const REQUEST: Duration = Duration::from_hours(1);
/// Databases of one service: a bound on what a server says.
const DATABASES: usize = 100_000;

/// What will be removed, found out before anything is.
pub(super) struct Emptying {
    client: Client,
    databases: Vec<Database>,
}

struct Database {
    scope: Scope,
    /// The statement that defines it, as the server says it; `None` for one that is not there yet.
    definition: Option<String>,
}

impl Emptying {
    /// # Errors
    /// `denied` when the service's user would go with the database, `unavailable` when the server does not answer.
    pub async fn new(server: &Server, scope: &ServiceScope) -> Result<Self> {
        if let Login::Database { database, .. } = &server.login {
            return Err(Failure::denied(format!(
                "user {:?} belongs to database {database:?} and would be removed with it",
                server.user
            ))
            .with_hint("give the service a user of the root level or of its namespace, and set `login` to that"));
        }
        let client = Client::new(server, REQUEST)?;
        let namespaces = match &scope.namespace {
            Some(namespace) => vec![namespace.clone()],
            None => {
                let root = client.run(None, "INFO FOR ROOT").await?.pop().unwrap_or_default();
                entries(&root, "namespaces")?.into_iter().map(|(name, _)| name).collect()
            }
        };
        let mut databases = Vec::new();
        for namespace in namespaces {
            databases.extend(databases_of(&client, &namespace, scope.database.as_deref()).await?);
            if databases.len() > DATABASES {
                return Err(Failure::unsupported(format!("the server holds more than {DATABASES} databases")));
            }
        }
        Ok(Self { client, databases })
    }

    /// Empties them all.
    pub async fn run(&self) -> Result<()> {
        for Database { scope, definition } in &self.databases {
            let (namespace, database) = (ident(&scope.namespace), ident(&scope.database));
            let emptied = match definition {
                // At once: a host that dies in between would leave a database that is not known any more.
                Some(again) => format!(
                    "USE NS {namespace}; BEGIN TRANSACTION; REMOVE DATABASE IF EXISTS {database}; {again}; COMMIT TRANSACTION"
                ),
                None if self.client.server().login == Login::Root => format!(
                    "DEFINE NAMESPACE IF NOT EXISTS {namespace}; USE NS {namespace}; DEFINE DATABASE IF NOT EXISTS {database}"
                ),
                None => format!("USE NS {namespace}; DEFINE DATABASE IF NOT EXISTS {database}"),
            };
            self.client
                .run(None, &emptied)
                .await
                .map_err(|failure| failure.context(format!("emptying database {scope}")))?;
        }
        Ok(())
    }
}

/// The databases of a namespace, or the one that is asked for.
async fn databases_of(client: &Client, namespace: &str, only: Option<&str>) -> Result<Vec<Database>> {
    let scope = |name: String| Scope { namespace: namespace.to_owned(), database: name };
    let asked = format!("USE NS {}; INFO FOR NS", ident(namespace));
    let known = match client.run(None, &asked).await {
        Ok(mut answers) => entries(&answers.pop().unwrap_or_default(), "databases")?,
        // A namespace that is not there has no databases, and one that was named is made.
        Err(failure) if failure.message.contains("does not exist") => Vec::new(),
        Err(failure) => return Err(failure.context(format!("looking for the databases of namespace {namespace:?}"))),
    };
    let mut found: Vec<_> = known
        .into_iter()
        .filter(|(name, _)| only.is_none_or(|only| only == name))
        .map(|(name, definition)| Database { scope: scope(name), definition: Some(definition) })
        .collect();
    if let (Some(only), true) = (only, found.is_empty()) {
        found.push(Database { scope: scope(only.to_owned()), definition: None });
    }
    Ok(found)
}

/// Names and definitions in an answer to `INFO`.
fn entries(info: &Value, key: &str) -> Result<Vec<(String, String)>> {
    let entries = info.get(key).and_then(Value::as_object).ok_or_else(|| {
        Failure::unsupported(format!("the server's answer names no {key}"))
            .with_hint("SurrealDB from version 2.0 on is known")
    })?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(entries.iter().map(|(name, definition)| (name.clone(), text(definition))).collect())
}
