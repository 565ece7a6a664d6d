//! What the server says of itself and of its logs.

use std::time::SystemTime;

use bulkhead_plugin_sdk::method::{Failure, Result, database};
use mariadb_log::{State, stamp};

/// The server at one moment.
pub struct Server {
    /// Its version.
    pub version: String,
    /// `@@server_id`.
    pub id: String,
    /// `@@server_uid`, where the server has one.
    pub uid: Option<String>,
    /// Everything that it has logged.
    pub state: State,
    /// The moment: what was committed by then is in `state`.
    pub clock: Clock,
}

/// The time, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// As the server tells it.
    pub server: u32,
    /// As the host tells it, where that can be told.
    pub host: Option<u32>,
}

impl Clock {
    /// Asks for both.
    ///
    /// # Errors
    /// `unsupported` when the server does not tell.
    pub async fn ask() -> Result<Self> {
        let now = database::value("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')").await?;
        let server = now.as_deref().and_then(stamp::seconds);
        let server = server.ok_or_else(|| Failure::unsupported("the server does not tell the time"))?;
        Ok(Self { server, host: host() })
    }
}

#[expect(clippy::disallowed_methods, reason = "the host's clock is a witness for the server's, and nothing more")]
fn host() -> Option<u32> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // A host that does not tell says 1970.
    now.as_secs().try_into().ok().filter(|now| *now > 0)
}

/// One of its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// Its size when it was asked for.
    pub bytes: u64,
}

impl Server {
    /// Asks.
    ///
    /// # Errors
    /// `unsupported` when the server keeps no binary log.
    pub async fn ask() -> Result<Self> {
        // First the time: what was committed by then is in the state that is read after it.
        let clock = Clock::ask().await?;
        let rows = database::query(
            "SHOW GLOBAL VARIABLES WHERE variable_name IN \
             ('version', 'server_id', 'server_uid', 'log_bin', 'gtid_binlog_state')",
        )
        .await?;
        let value = |name: &str| {
            let mut rows = rows.rows.iter();
            rows.find_map(|row| match row.as_slice() {
                [Some(key), Some(value)] if key.eq_ignore_ascii_case(name) => Some(value.clone()),
                _ => None,
            })
        };
        if value("log_bin").as_deref() != Some("ON") {
            return Err(Failure::unsupported("the server keeps no binary log").with_hint(
                "set log_bin in the server's configuration (for example `log_bin = binlog`) and restart it",
            ));
        }
        let state = value("gtid_binlog_state").unwrap_or_default();
        Ok(Self {
            version: value("version").unwrap_or_default(),
            id: value("server_id").unwrap_or_default(),
            uid: value("server_uid").filter(|uid| !uid.is_empty()),
            state: state.parse().map_err(Failure::unsupported)?,
            clock,
        })
    }
}

/// The logs that the server has, oldest first. The last one is written to.
///
/// # Errors
/// `unsupported` when it has none.
pub async fn logs() -> Result<Vec<Log>> {
    let rows = database::query("SHOW BINARY LOGS").await?;
    let logs: Option<Vec<Log>> = rows
        .column("Log_name")?
        .zip(rows.column("File_size")?)
        .map(|(name, bytes)| Some(Log { name: name?.to_owned(), bytes: bytes?.parse().ok()? }))
        .collect();
    match logs {
        Some(logs) if !logs.is_empty() => {
            logs.iter().try_for_each(|log| is_plain(&log.name))?;
            Ok(logs)
        }
        _ => Err(Failure::unsupported("the server does not list its binary logs")),
    }
}

/// Has the server begin a new log.
///
/// # Errors
/// `denied` without the right to.
pub async fn flush() -> Result<()> {
    let flushed = database::query("FLUSH BINARY LOGS").await;
    flushed.map(drop).map_err(|failure| {
        let has_hint = failure.hint.is_some();
        let failure = failure.context("FLUSH BINARY LOGS");
        if has_hint { failure } else { failure.with_hint("grant the service's user RELOAD, or set `flush` to false") }
    })
}

/// What was logged before a log.
///
/// # Errors
/// `unsupported` for an encrypted log, `corrupt` for one that does not say.
pub async fn state_before(log: &str) -> Result<State> {
    is_plain(log)?;
    let rows = database::query(&format!("SHOW BINLOG EVENTS IN '{log}' LIMIT 5")).await?;
    for (kind, info) in rows.column("Event_type")?.zip(rows.column("Info")?) {
        match kind {
            Some("Gtid_list") => {
                let list = info.unwrap_or_default().trim_matches(['[', ']']);
                return list.parse().map_err(Failure::unsupported);
            }
            Some("Start_encryption") => {
                return Err(Failure::unsupported(format!("{log} is encrypted")).with_hint(
                    "set encrypt_binlog = OFF in the server's configuration; archived logs are encrypted by the host",
                ));
            }
            _ => {}
        }
    }
    Err(Failure::corrupt(format!("{log} does not say what was logged before it")))
}

/// What is logged at a position, the last transaction of each domain; `None` when the server has nothing to say.
///
/// # Errors
/// Of the query.
pub async fn state_at(log: &str, position: u64) -> Result<Option<State>> {
    is_plain(log)?;
    let state = database::value(&format!("SELECT BINLOG_GTID_POS('{log}', {position})")).await?;
    state.map(|state| state.parse().map_err(Failure::unsupported)).transpose()
}

/// Names of logs stand in SQL and in names of objects.
fn is_plain(log: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !log.is_empty() && log.len() <= 100 && log.bytes().all(plain) && !log.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(Failure::unsupported(format!("binary logs of the name `{}` cannot be archived", log.escape_default()))
        .with_hint("set log_bin to a name of letters, digits, `-` and `_`"))
}
