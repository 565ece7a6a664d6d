//! Which server, as whom, and what of it.

use std::fmt;

/// A SurrealDB server and the user that the host is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port of its HTTP interface.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Name of the user.
    pub user: String,
    /// Its password. Appears in no `Debug`, log or failure.
    pub password: String,
    /// Where the user is defined.
    pub login: Login,
}

impl Server {
    /// `host:port`, as failures name it.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host.trim_matches(['[', ']']), self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, tls, user, password: _, login } = self;
        f.debug_struct("Server")
            .field("host", host)
            .field("port", port)
            .field("tls", tls)
            .field("user", user)
            .field("login", login)
            .finish_non_exhaustive()
    }
}

/// The level at which a user is defined; SurrealDB looks for it nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// `DEFINE USER ... ON ROOT`.
    Root,
    /// `DEFINE USER ... ON NAMESPACE`.
    Namespace(String),
    /// `DEFINE USER ... ON DATABASE`.
    Database {
        /// Namespace of the database.
        namespace: String,
        /// The database.
        database: String,
    },
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the root level"),
            Self::Namespace(namespace) => write!(f, "namespace {namespace:?}"),
            Self::Database { namespace, database } => write!(f, "database {database:?} of namespace {namespace:?}"),
        }
    }
}

/// The database in which statements run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub database: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of namespace {:?}", self.database, self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let server = Server {
            host: "::1".to_owned(),
            port: 8000,
            tls: false,
            user: "root".to_owned(),
            password: "hunter2".to_owned(),
            login: Login::Root,
        };
        let shown = format!("{server:?}");
        assert!(shown.contains("root") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(server.address(), "[::1]:8000");
    }
}
