//! What a restore makes sure of before anything is taken away.

use bulkhead_plugin_sdk::method::{Failure, FailureKind, Reader, Result, Series, warn};
use surql::{ident, statements};

use crate::config::Config;
use crate::contents::{Contents, Exported};
use crate::load::Loader;
use crate::scope::{Database, REHEARSAL, Scope, databases_of, namespaces};
use crate::server::{Place, Server};

/// Whether a server can take what another one exported, as far as versions tell. Gives the series of the other one.
///
/// # Errors
/// `unsupported` for an export of a newer major version.
pub fn check_versions(contents: &Contents, server: &Server) -> Result<Series> {
    let exported = Series::of(&contents.server_version)?;
    let (from, to) = (&contents.server_version, &server.version);
    if exported.major > server.series.major {
        return Err(Failure::unsupported(format!("the backup is of SurrealDB {from}; the server is the older {to}"))
            .with_hint("restore into a server of the backup's version or a newer one"));
    }
    if exported.major < server.series.major {
        warn!("the backup is of an older major version: its definitions are tried first"; "backup" => from, "server" => to);
    } else if exported > server.series {
        warn!("the backup is of a newer version than the server: its definitions are tried first"; "backup" => from, "server" => to);
    }
    Ok(exported)
}

/// Runs the definitions of an export of another version in a database that is made for it and removed again.
///
/// # Errors
/// `unsupported` when the server does not understand one. Nothing else is changed.
pub async fn rehearse(
    server: &Server,
    from: Series,
    exported: &Exported,
    config: &Config,
    (reader, backup): (&Reader, &str),
) -> Result<()> {
    let stage = Database { namespace: exported.namespace.clone(), name: format!("{REHEARSAL}{}", random()?) };
    let name = ident(&stage.name);
    server.ask(Place::Namespace(&stage.namespace), &format!("DEFINE DATABASE {name}")).await?;
    let loader = Loader::new(server, &stage, from, config).rehearsal();
    let outcome = loader.load(reader, backup, &exported.object).await;
    let removed = server.ask(Place::Namespace(&stage.namespace), &format!("REMOVE DATABASE IF EXISTS {name}")).await;
    outcome.map_err(|failure| match failure.kind {
        FailureKind::Invalid => Failure::unsupported(failure.message)
            .context(format!("the server does not understand {}, which SurrealDB {from} has exported", exported.name()))
            .with_hint("restore into a server of the backup's version, and let SurrealDB's own tools migrate it"),
        _ => failure,
    })?;
    removed.map(drop)
}

/// The databases of a backup that are to be restored, by their place in its contents.
///
/// # Errors
/// `not-found` when the backup has none of the scope.
pub fn chosen(contents: &Contents, scope: &Scope) -> Result<Vec<usize>> {
    let within = |database: &Database| match scope {
        Scope::Database(only) => only == database,
        Scope::Namespace(namespace) => *namespace == database.namespace,
        Scope::Server => true,
    };
    let chosen: Vec<_> =
        (0..).zip(&contents.databases).filter(|(_, one)| within(&one.name())).map(|(at, _)| at).collect();
    if chosen.is_empty() && !contents.databases.is_empty() {
        let has: Vec<_> = contents.databases.iter().take(5).map(|one| one.name().to_string()).collect();
        return Err(Failure::not_found("the backup holds no database of this service")
            .with_hint(format!("it holds {}; check namespace and database of the service", has.join(", "))));
    }
    Ok(chosen)
}

/// Makes the databases that are not there, and makes sure that the login may do all that a restore does. Nothing that is there is changed.
///
/// # Errors
/// `denied`, with what the login needs.
pub async fn prepare(server: &Server, contents: &Contents, databases: &[Database]) -> Result<()> {
    for database in databases {
        let namespace = ident(&database.namespace);
        // Only a login of the whole server may define a namespace, and one of a namespace needs not to.
        let known = contents.namespaces.get(&database.namespace).and_then(Option::as_deref);
        let define = match only(known, "DEFINE NAMESPACE ").and_then(|known| known.strip_prefix("DEFINE NAMESPACE ")) {
            Some(known) => format!("DEFINE NAMESPACE IF NOT EXISTS {known}"),
            None => format!("DEFINE NAMESPACE IF NOT EXISTS {namespace}"),
        };
        match server.ask(Place::Server, &define).await {
            Err(failure) if matches!(failure.kind, FailureKind::Denied) => {}
            other => other.map(drop)?,
        }
        let sql = format!("DEFINE DATABASE IF NOT EXISTS {}", ident(&database.name));
        server.ask(Place::Namespace(&database.namespace), &sql).await.map_err(|failure| match failure.kind {
            FailureKind::Denied => failure.context(format!("the login may not replace database {database}")).with_hint(
                "a database is wiped together with its users, so a restore needs login = \"root\" or \"namespace\"",
            ),
            _ => failure,
        })?;
        // A user that cannot be there: what counts is whether it would be allowed.
        let user = ident(&format!("bulkhead asks whether it may {}", random()?));
        let sql = format!("REMOVE USER IF EXISTS {user} ON DATABASE");
        server.ask(Place::Database(database), &sql).await.map_err(|failure| match failure.kind {
            FailureKind::Denied => failure
                .context(format!("the login may not define the users of database {database}"))
                .with_hint("a restore needs a user with the role OWNER"),
            _ => failure,
        })?;
    }
    Ok(())
}

/// The databases that the backup would have if they had been there, and so have to go.
///
/// # Errors
/// As [`Scope::databases`].
pub async fn surplus(contents: &Contents, scope: &Scope, server: &Server) -> Result<Surplus> {
    let mut surplus = Surplus::default();
    let all = match scope {
        Scope::Database(_) => return Ok(surplus),
        Scope::Namespace(namespace) => vec![namespace.clone()],
        Scope::Server => namespaces(server).await?,
    };
    let kept: Vec<_> = contents.databases.iter().map(Exported::name).collect();
    for namespace in all {
        let has_kept = kept.iter().any(|database| database.namespace == namespace);
        if *scope == Scope::Server
            && contents.namespace.is_none()
            && !has_kept
            && !contents.namespaces.contains_key(&namespace)
        {
            surplus.namespaces.push(namespace);
            continue;
        }
        let others = databases_of(server, &namespace).await?;
        surplus
            .databases
            .extend(others.into_iter().filter(|database| contents.covers(database) && !kept.contains(database)));
    }
    Ok(surplus)
}

/// What is there and not in the backup.
#[derive(Debug, Default)]
pub struct Surplus {
    pub databases: Vec<Database>,
    pub namespaces: Vec<String>,
}

/// A definition out of a backup, if it is one that begins so and nothing else.
pub fn only<'a>(text: Option<&'a str>, begins: &str) -> Option<&'a str> {
    let text = text.filter(|text| text.starts_with(begins))?;
    matches!(statements(text), Ok(all) if all.len() == 1).then_some(text)
}

fn random() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::unavailable(format!("no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
