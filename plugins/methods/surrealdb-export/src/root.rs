//! What stands above databases: namespaces, and who may do what in them.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead_plugin_sdk::method::{FailureKind, Result};
use serde_json::Value;

use crate::scope::{Database, Scope, namespace_info};
use crate::server::{Place, Server, names};

/// The object.
pub const ROOT: &str = "root.surql";

/// What stands above the databases of a backup, as far as the login may know it.
#[derive(Default)]
pub struct Above {
    /// `DEFINE NAMESPACE` by namespace.
    pub namespaces: BTreeMap<String, Option<String>>,
    /// `DEFINE DATABASE` by database.
    databases: BTreeMap<Database, String>,
    /// Users and accesses. Servers tell them without their passwords and keys.
    actors: Vec<String>,
}

impl Above {
    pub async fn ask(server: &Server, scope: &Scope, databases: &[Database]) -> Result<Self> {
        let mut above = Self::default();
        let root = known(server.ask(Place::Server, "INFO FOR ROOT").await)?.unwrap_or_default();
        let mut namespaces: BTreeSet<_> = databases.iter().map(|database| database.namespace.clone()).collect();
        if *scope == Scope::Server {
            above.add_actors(&root);
            // Also those without databases: they are not to go.
            namespaces.extend(names(&root, "namespaces"));
        }
        for namespace in namespaces {
            above.namespaces.insert(namespace.clone(), text(&root, "namespaces", &namespace));
            let Some(info) = known(namespace_info(server, &namespace).await)? else { continue };
            above.add_actors(&info);
            for database in databases.iter().filter(|database| database.namespace == namespace) {
                if let Some(definition) = text(&info, "databases", &database.name) {
                    above.databases.insert(database.clone(), definition);
                }
            }
        }
        Ok(above)
    }

    /// The `DEFINE DATABASE` of a database.
    pub fn definition(&self, database: &Database) -> Option<String> {
        self.databases.get(database).cloned()
    }

    /// A script for people. Users and accesses are comments in it: without their passwords and keys they would be an open door.
    pub fn script(&self) -> String {
        let mut script = String::from(
            "-- Namespaces, and what servers tell of users and accesses above databases: not their passwords and keys.\n",
        );
        for definition in self.namespaces.values().flatten() {
            script.push_str(&format!("{definition};\n"));
        }
        for actor in &self.actors {
            script.push_str(&format!("-- {};\n", actor.replace(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ")));
        }
        script
    }

    fn add_actors(&mut self, info: &Value) {
        for part in ["users", "accesses"] {
            let all = info.get(part).and_then(Value::as_object);
            self.actors
                .extend(all.into_iter().flat_map(|all| all.values()).filter_map(Value::as_str).map(str::to_owned));
        }
    }
}

fn text(info: &Value, part: &str, name: &str) -> Option<String> {
    info.get(part)?.get(name)?.as_str().map(str::to_owned)
}

/// A login of one database or namespace may not know what stands above it.
fn known<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failure) if matches!(failure.kind, FailureKind::Denied) => Ok(None),
        Err(failure) => Err(failure),
    }
}
