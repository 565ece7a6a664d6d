//! SQL on the service's own server. The host holds the credentials, plugins see rows.

use std::fmt;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, OptsBuilder, Value};

use crate::Connection;

/// The most time that connecting may take of a query's deadline.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// For closing in good order; the answer is known by then.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The longest single packet, whatever the caller allows in all: statements have to fit too.
const PACKET_BYTES: (u64, u64) = (1 << 20, 1 << 30);

/// The answer to a query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values; `None` is SQL NULL, bytes that are not UTF-8 come with replacement characters.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a server does when somebody asks for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It lets this user in.
    Answers,
    /// It runs, and refuses this user or password.
    Denies,
    /// It runs, and has no connection left, for anybody or for this user.
    Full,
    /// Nothing says that it runs.
    Silent(Failure),
}

impl Connection {
    /// Runs one statement on a connection of its own. `deadline` bounds the whole of it, `max_bytes` the answer.
    ///
    /// # Errors
    /// `unavailable` (retry) when the server does not answer in time, `denied` when it refuses the user or the statement,
    /// `invalid` with the server's message for a statement that it does not take or an answer past `max_bytes`.
    pub async fn query(&self, sql: &str, deadline: Duration, max_bytes: u64) -> Result<Rows> {
        let run = async {
            let mut conn = self.connect(deadline.min(CONNECT_DEADLINE), max_bytes).await?;
            let rows = self.ask(&mut conn, sql, max_bytes).await?;
            // The server would only note an aborted client.
            let _closed = tokio::time::timeout(CLOSE_DEADLINE, conn.disconnect()).await;
            Ok(rows)
        };
        tokio::time::timeout(deadline, run).await.unwrap_or_else(|_| {
            Err(Failure::unavailable(format!(
                "{} did not answer a query within {} s",
                self.address(),
                deadline.as_secs()
            )))
        })
    }

    /// Asks the server for its version, e.g. `10.11.19-MariaDB-log`.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn ping(&self, deadline: Duration) -> Result<String> {
        let rows = self.query("SELECT VERSION()", deadline, 4096).await?;
        let version = rows.rows.into_iter().flatten().flatten().next();
        version.ok_or_else(|| Failure::unavailable(format!("{} gave no version", self.address())))
    }

    /// Whether the server is there, whatever it says to this user.
    pub async fn presence(&self, deadline: Duration) -> Presence {
        let opened = async {
            let conn = self.open(4096).await?;
            let _closed = tokio::time::timeout(CLOSE_DEADLINE, conn.disconnect()).await;
            Ok::<(), Error>(())
        };
        match tokio::time::timeout(deadline, opened).await {
            Ok(Ok(())) => Presence::Answers,
            // Too many connections: of all, of the user, within the hour, or from a host whose attempts failed too often.
            Ok(Err(Error::Server(server))) if [1040, 1129, 1203, 1226].contains(&server.code) => Presence::Full,
            Ok(Err(error)) => match self.explain(error) {
                failure if failure.kind == FailureKind::Denied => Presence::Denies,
                failure => Presence::Silent(failure),
            },
            Err(_) => Presence::Silent(self.silent("no connection in time")),
        }
    }

    async fn connect(&self, deadline: Duration, max_bytes: u64) -> Result<Conn> {
        match tokio::time::timeout(deadline, self.open(max_bytes)).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(self.explain(error)),
            Err(_) => Err(self.silent("no connection in time")),
        }
    }

    async fn open(&self, max_bytes: u64) -> std::result::Result<Conn, Error> {
        let packet = usize::try_from(max_bytes.clamp(PACKET_BYTES.0, PACKET_BYTES.1)).unwrap_or(usize::MAX);
        let mut options = OptsBuilder::default()
            .user(Some(&self.user))
            .pass(Some(&self.password))
            .prefer_socket(false)
            .stmt_cache_size(0)
            // Ours are written for no mode, and answers such as those of SHOW follow it too. Whatever the server's default is.
            .init(vec!["SET SESSION sql_mode = '', sql_select_limit = DEFAULT"])
            // Given here, they are not asked for with a query of their own.
            .max_allowed_packet(Some(packet))
            .wait_timeout(Some(usize::MAX));
        options = match &self.socket {
            Some(socket) => options.socket(Some(socket.to_string_lossy())),
            None => options.ip_or_hostname(&self.host).tcp_port(self.port),
        };
        Conn::new(options).await
    }

    async fn ask(&self, conn: &mut Conn, sql: &str, max_bytes: u64) -> Result<Rows> {
        let mut answer = conn.query_iter(sql).await.map_err(|error| self.explain(error))?;
        let columns: Vec<_> = answer.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        let mut bytes: u64 = columns.iter().map(|name| name.len() as u64).sum();
        let mut rows = Vec::new();
        while let Some(row) = answer.next().await.map_err(|error| self.explain(error))? {
            // Not the unwrap that panics on an error: it takes the row apart, and no column of it has been taken before.
            let row: Vec<_> = row.unwrap().into_iter().map(text).collect();
            // A value costs memory even when it is empty.
            bytes += row.iter().map(|value| value.as_ref().map_or(0, String::len) as u64 + 24).sum::<u64>();
            if bytes > max_bytes {
                return Err(Failure::invalid(format!("the answer to a query is longer than {max_bytes} bytes"))
                    .with_hint("ask for less at once, for example with LIMIT"));
            }
            rows.push(row);
        }
        Ok(Rows { columns, rows })
    }

    /// Where the server is, for messages.
    fn address(&self) -> impl fmt::Display {
        match &self.socket {
            Some(socket) => format!("server at {}", socket.display()),
            None => format!("server at {}:{}", self.host, self.port),
        }
    }

    fn silent(&self, why: impl fmt::Display) -> Failure {
        Failure::unavailable(format!("{} does not answer: {why}", self.address()))
    }

    /// Error numbers as in <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
    fn explain(&self, error: Error) -> Failure {
        let server = match error {
            Error::Server(server) => server,
            Error::Io(mysql_async::IoError::Io(error)) => return self.silent(error),
            Error::Driver(mysql_async::DriverError::ConnectionClosed) => {
                return self.silent("it closed the connection");
            }
            other => return Failure::new(database_kind(), format!("{}: {other}", self.address())),
        };
        // With the number at the end, by which errors are told apart whatever language the server speaks.
        let message = format!("{}: {} ({})", self.address(), server.message, server.code);
        match server.code {
            1044 | 1045 | 1130 | 1698 => Failure::denied(message)
                .with_hint("check the service's user and password, and from where that user may connect"),
            1142 | 1143 | 1227 | 1370 | 1290 => {
                Failure::denied(message).with_hint("grant the service's user what is missing")
            }
            // Too many connections, shutdown, lock wait, deadlock, statement time.
            1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1927 | 1969 => Failure::unavailable(message),
            _ if server.state.starts_with("42") => Failure::invalid(message),
            _ => Failure::new(database_kind(), message),
        }
    }
}

fn database_kind() -> FailureKind {
    FailureKind::Other("database".to_owned())
}

/// In the text protocol every value comes as bytes; the other kinds are here for completeness.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}
