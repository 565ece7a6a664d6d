//! What a `[[service]]` of engine `surrealdb` says besides the others.

use bulkhead_engine::ServiceScope;
use bulkhead_runtime::{Connection, HttpAccess, SignIn};
use bulkhead_surrealdb::{Login, Server};

use super::Context;
use super::reader::Section;
use super::service::{host, password, port};

/// The engine's name.
pub const ENGINE: &str = "surrealdb";

/// Where SurrealDB listens unless it is told otherwise.
const PORT: u16 = 8000;

/// `namespace` and `database`: both, the namespace alone for all its databases, or none for all that the server holds.
pub fn scope(section: &Section<'_>) -> ServiceScope {
    let name = |key: &str| section.text(key).inspect(|name| check_name(section, key, name));
    let scope = ServiceScope { namespace: name("namespace"), database: name("database") };
    if scope.namespace.is_none() && scope.database.is_some() {
        section.wrong("namespace", "is missing beside database", "add namespace = \"NAME\"");
    }
    scope
}

/// Where the server is, and who asks it.
pub fn server(section: &Section<'_>, context: &Context, scope: &ServiceScope) -> Server {
    let login = section.choice(
        "login",
        &[("root", Level::Root), ("namespace", Level::Namespace), ("database", Level::Database)],
        Level::Root,
    );
    let missing = |key: &str| {
        section.wrong(
            "login",
            format!("needs {key}"),
            format!("add {key} = \"NAME\", or log in as a user of the root level"),
        );
        Login::Root
    };
    let login = match (login, &scope.namespace, &scope.database) {
        (Level::Root, ..) => Login::Root,
        (Level::Namespace, Some(namespace), _) => Login::Namespace(namespace.clone()),
        (Level::Database, Some(namespace), Some(database)) => {
            Login::Database { namespace: namespace.clone(), database: database.clone() }
        }
        (_, None, _) => missing("namespace"),
        (Level::Database, Some(_), None) => missing("database"),
    };
    address(section, context, login)
}

/// A server of the same kind, e.g. the replica, with an address and credentials of its own.
pub fn address(section: &Section<'_>, context: &Context, login: Login) -> Server {
    Server {
        host: host(section),
        port: port(section, PORT),
        tls: section.boolean("tls", false),
        user: section.required_text("user", "backup").unwrap_or_default(),
        password: password(section, context, false),
        login,
    }
}

/// The same, as plugins reach it.
pub fn connection(server: &Server) -> Connection {
    Connection {
        host: server.host.clone(),
        port: server.port,
        socket: None,
        user: server.user.clone(),
        password: server.password.clone(),
        throw_away: false,
        http: Some(HttpAccess {
            tls: server.tls,
            headers: headers(&server.login),
            sign_in: Some(sign_in(&server.login)),
        }),
    }
}

/// Where the user is known, as SurrealDB is told.
fn headers(login: &Login) -> Vec<(String, String)> {
    let namespace = |name: &String| ("surreal-auth-ns".to_owned(), name.clone());
    match login {
        Login::Root => Vec::new(),
        Login::Namespace(name) => vec![namespace(name)],
        Login::Database { namespace: of, database } => {
            vec![namespace(of), ("surreal-auth-db".to_owned(), database.clone())]
        }
    }
}

/// The same, as it is told when a token is asked for.
fn sign_in(login: &Login) -> SignIn {
    let fields = match login {
        Login::Root => Vec::new(),
        Login::Namespace(namespace) => vec![("ns".to_owned(), namespace.clone())],
        Login::Database { namespace, database } => {
            vec![("ns".to_owned(), namespace.clone()), ("db".to_owned(), database.clone())]
        }
    };
    SignIn { path: "/signin".to_owned(), fields }
}

#[derive(Clone, Copy)]
enum Level {
    Root,
    Namespace,
    Database,
}

/// Names travel in headers.
fn check_name(section: &Section<'_>, key: &str, name: &str) {
    if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
        section.wrong(key, "is empty, too long or holds control characters", format!("write e.g. {key} = \"main\""));
    }
}
