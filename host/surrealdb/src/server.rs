//! Where a server is, and who asks it.

use std::fmt;

/// Address and credentials of a SurrealDB server. `Debug` hides the password; it never reaches logs, errors or answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it is spoken to by `https`.
    pub tls: bool,
    /// User name.
    pub user: String,
    /// Password, possibly empty.
    pub password: String,
    /// Where the user is known.
    pub login: Login,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("user", &self.user)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// The level at which a user is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Of the whole server.
    Root,
    /// Of this namespace.
    Namespace(String),
    /// Of this database.
    Database(Scope),
}

impl Login {
    /// The headers that say so, besides the authorization.
    pub fn headers(&self) -> Vec<(String, String)> {
        let namespace = |name: &String| ("surreal-auth-ns".to_owned(), name.clone());
        match self {
            Self::Root => Vec::new(),
            Self::Namespace(name) => vec![namespace(name)],
            Self::Database(scope) => {
                vec![namespace(&scope.namespace), ("surreal-auth-db".to_owned(), scope.database.clone())]
            }
        }
    }
}

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub database: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.database)
    }
}
