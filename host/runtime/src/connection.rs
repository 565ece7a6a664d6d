//! How to reach a service's database server.

use std::fmt;
use std::path::PathBuf;

/// Address and credentials of a database server. `Debug` hides the password; it never reaches argv, environment, logs or errors.
#[derive(Clone)]
pub struct Connection {
    /// Host name or address; unused when `socket` is set.
    pub host: String,
    /// TCP port; unused when `socket` is set.
    pub port: u16,
    /// Unix socket, preferred over TCP when set.
    pub socket: Option<PathBuf>,
    /// User name.
    pub user: String,
    /// Password, possibly empty.
    pub password: String,
    /// Whether it is a server of the attempt's own, which may ask a client for files.
    pub throw_away: bool,
    /// For servers that speak HTTP.
    pub http: Option<HttpAccess>,
}

/// How a server that speaks HTTP is spoken to, besides address, user and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAccess {
    /// Whether by `https`.
    pub tls: bool,
    /// What each request carries besides its authorization, e.g. where the user is known. No secrets.
    pub headers: Vec<(String, String)>,
    /// Where a token is to be had, which requests show instead of the password; without one, or when it is refused, the password is shown.
    pub sign_in: Option<SignIn>,
}

/// Where `{"user", "pass"}`, posted as JSON, is answered with `{"token"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignIn {
    /// The path, e.g. `/signin`.
    pub path: String,
    /// What is posted besides, e.g. where the user is known. No secrets.
    pub fields: Vec<(String, String)>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("socket", &self.socket)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
