//! A direct client: what it reads and writes goes past everything that is tested.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::http::{Answer, Request};
use crate::mariadb::Account;
use crate::problem::{Problem, Result};

/// One user of a server, in one database or in none.
#[derive(Clone, Debug)]
pub struct SurrealClient {
    address: SocketAddr,
    account: Account,
    scope: Option<(String, String)>,
}

impl SurrealClient {
    /// A root user, outside of any namespace.
    pub const fn new(address: SocketAddr, account: Account) -> Self {
        Self { address, account, scope: None }
    }

    /// The same user in a database.
    #[must_use]
    pub fn at(mut self, namespace: &str, database: &str) -> Self {
        self.scope = Some((namespace.to_owned(), database.to_owned()));
        self
    }

    /// Makes the namespace and the database.
    pub fn define(&self) -> Result<()> {
        let (namespace, database) = self.scope.as_ref().ok_or_else(|| Problem::new("no database was named"))?;
        let (namespace, database) = (ident(namespace), ident(database));
        let outside = Self { scope: None, ..self.clone() };
        let sql = format!(
            "DEFINE NAMESPACE IF NOT EXISTS {namespace}; USE NS {namespace}; DEFINE DATABASE IF NOT EXISTS {database};"
        );
        outside.query(&sql).map(|_| ())
    }

    /// Runs statements that must all succeed; gives what each answered.
    pub fn query(&self, sql: &str) -> Result<Vec<Value>> {
        let answers = self.answers(sql)?;
        let each = answers.into_iter().enumerate().map(|(number, mut answer)| match answer["status"].as_str() {
            Some("OK") => Ok(answer["result"].take()),
            _ => Err(Problem::new(format!("statement {}: {}: {sql}", number + 1, answer["result"]))),
        });
        each.collect()
    }

    /// What the one statement answers.
    pub fn value(&self, sql: &str) -> Result<Value> {
        let mut values = self.query(sql)?;
        match values.len() {
            1 => Ok(values.remove(0)),
            several => Err(Problem::new(format!("{several} answers to: {sql}"))),
        }
    }

    /// The server's answers, one a statement, whatever they say.
    pub fn answers(&self, sql: &str) -> Result<Vec<Value>> {
        let answer = self.send(Request::new("POST", "/sql", sql.as_bytes()))?.good()?;
        let parsed = serde_json::from_slice(&answer.body);
        parsed.map_err(|error| Problem::new(format!("no answers ({error}): {}", answer.text())))
    }

    /// The server's own export.
    pub fn export(&self) -> Result<String> {
        Ok(self.send(Request::new("GET", "/export", b""))?.good()?.text())
    }

    /// The server's own import, which says little of what failed.
    pub fn import(&self, text: &str) -> Result<Answer> {
        self.send(Request::new("POST", "/import", text.as_bytes()))
    }

    /// Whether somebody can sign in to the database: `{"user", "pass"}` of a user, or what an access (`ac`) asks for.
    pub fn signs_in(&self, who: &Value) -> Result<bool> {
        let mut who = who.clone();
        if let Some((namespace, database)) = &self.scope {
            who["ns"] = namespace.as_str().into();
            who["db"] = database.as_str().into();
        }
        let request = Request::new("POST", "/signin", who.to_string().as_bytes()).header("accept", "application/json");
        Ok(request.send(self.address)?.status == 200)
    }

    /// Sends a request as this user.
    pub fn send(&self, request: Request) -> Result<Answer> {
        let login = STANDARD.encode(format!("{}:{}", self.account.user, self.account.password));
        let mut request =
            request.header("authorization", format!("Basic {login}")).header("accept", "application/json");
        if let Some((namespace, database)) = &self.scope {
            request = request.header("surreal-ns", namespace).header("surreal-db", database);
        }
        request.send(self.address)
    }
}

/// A name for SurrealQL.
pub(super) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
