//! Statements.

use std::fmt;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::answer::{Answer, all_or_failure};
use crate::server::{Scope, Server};
use crate::transport::{Transport, whole};
use crate::words;

/// Speaks to one server. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) deadline: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.transport.server).field("deadline", &self.deadline).finish()
    }
}

impl Client {
    /// A client whose requests take no longer than `deadline`. Connects when it is first used.
    ///
    /// # Errors
    /// `invalid` when user, namespace or database cannot be named over HTTP.
    pub fn new(server: &Server, deadline: Duration) -> Result<Self> {
        Ok(Self { transport: Transport::new(server)?, deadline })
    }

    /// The server that this speaks to.
    pub fn server(&self) -> &Server {
        &self.transport.server
    }

    /// The server's version, e.g. `3.3.5`.
    ///
    /// # Errors
    /// `unavailable` when it cannot be reached, `denied` when it does not tell.
    pub async fn version(&self) -> Result<String> {
        let response = self.transport.send(Method::GET, "/version", None, whole(""), self.deadline).await?;
        let body = self.transport.read(response, self.deadline).await?;
        let version = str::from_utf8(&body).ok().and_then(|text| text.trim().strip_prefix("surrealdb-"));
        version.map(str::to_owned).ok_or_else(|| {
            let address = self.server().address();
            Failure::new(FailureKind::Other("protocol".to_owned()), format!("{address} is no SurrealDB server"))
                .with_hint("check host and port of the service")
        })
    }

    /// Whether the server is up and its storage answers.
    ///
    /// # Errors
    /// `unavailable` when not.
    pub async fn alive(&self) -> Result<()> {
        let response = self.transport.ask(Method::GET, "/health", None, whole(""), self.deadline).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(Failure::unavailable(format!(
                "{} says of itself that it is not healthy (status {})",
                self.server().address(),
                status.as_u16()
            ))),
        }
    }

    /// Runs statements and answers how each of them ended.
    ///
    /// # Errors
    /// When the request as a whole fails: `unavailable`, `denied`, or `invalid` for text that the server cannot read. It may have run
    /// when the connection broke before the answer.
    pub async fn query(&self, scope: Option<&Scope>, sql: &str) -> Result<Vec<Answer>> {
        let response = self.transport.statements(scope, sql.to_owned().into(), self.deadline).await?;
        let status = response.status();
        let body = self.transport.read(response, self.deadline).await?;
        match status.is_success() {
            true => Answer::read_all(&body),
            false => Err(words::request_failure(self.server(), status, &body)),
        }
    }

    /// Runs statements, all of which must succeed, and answers their values.
    ///
    /// # Errors
    /// As [`query`](Self::query), and the first failed statement with its number and the server's words.
    pub async fn run(&self, scope: Option<&Scope>, sql: &str) -> Result<Vec<Value>> {
        all_or_failure(self.query(scope, sql).await?)
    }
}
