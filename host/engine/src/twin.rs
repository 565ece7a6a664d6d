//! What makes a server of the host's own the twin of another: the settings that change what a statement, a row or a file means, and
//! the local time. Read when a backup is made and kept in its report; read again, where the server answers, when it is restored.
//!
//! Statements of a log mean what they meant where they were logged only on such a server: `NOW()` is local, `1/3` has as many digits
//! as `div_precision_increment` says, and a data directory with another page size does not open.

mod local_time;
mod settings;

use std::time::Duration;

use bulkhead_model::{BackupId, Failure, LocalTime, Report, Result};
use bulkhead_runtime::Connection;

use self::settings::Sense;
use crate::config::ServiceConfig;

/// One question.
const ASK: Duration = Duration::from_secs(10);
/// Far more than all settings.
const ANSWER: u64 = 1 << 20;
/// How the positions of a report begin that say how its server was set.
const POSITION: &str = "twin.";
/// The server's local time, as [`LocalTime`] reads.
const LOCAL_TIME: &str = "twin.local_time";
/// Whether the server knows time zones by name.
const NAMED_ZONES: &str = "twin.named_zones";
/// Settings that no server of the host's own can have, by name.
const BEYOND: &str = "twin.beyond";
/// All settings that change what a statement means, in short: what backups of logs say instead of each.
const DIGEST: &str = "twin.digest";

/// How a server is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Twin {
    settings: Vec<(&'static str, Sense, String)>,
    /// Settings that are on the list with a value that is not.
    beyond: Vec<String>,
    local_time: Option<LocalTime>,
    named_zones: bool,
}

impl Twin {
    /// Asks a server.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn ask(server: &Connection) -> Result<Self> {
        let names: Vec<String> = settings::names().map(|name| format!("'{name}'")).collect();
        let sql = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(", "));
        let mut twin = Self::default();
        for row in server.query(&sql, ASK, ANSWER).await?.rows {
            if let [Some(name), value] = row.as_slice() {
                twin.take(&name.to_lowercase(), value.as_deref().unwrap_or_default());
            }
        }
        twin.local_time = Some(local_time::ask(server).await?);
        // Needs no right to read the tables.
        let sql = "SELECT CONVERT_TZ('2000-01-01 00:00:00', 'UTC', 'Europe/Berlin') IS NOT NULL";
        let known = server.query(sql, ASK, ANSWER).await?;
        twin.named_zones = known.rows.first().and_then(|row| row.first()?.as_deref()) == Some("1");
        Ok(twin)
    }

    /// What a report says; `None` when it says nothing, as those did that were made before this was asked.
    pub fn of(report: &Report) -> Option<Self> {
        let mut twin = Self::default();
        let mut said = false;
        for (position, value) in &report.positions {
            let Some(name) = position.strip_prefix(POSITION) else { continue };
            said |= position != DIGEST;
            match position.as_str() {
                LOCAL_TIME => twin.local_time = value.parse().ok(),
                NAMED_ZONES => twin.named_zones = value == "1",
                BEYOND => {
                    let named = value.split(',').filter_map(|name| settings::names().find(|known| *known == name));
                    twin.beyond.extend(named.map(str::to_owned));
                }
                DIGEST => {}
                _ => twin.take(name, value),
            }
        }
        said.then_some(twin)
    }

    fn take(&mut self, name: &str, value: &str) {
        match settings::admit(name, value) {
            Some((name, sense)) => self.settings.push((name, sense, value.to_owned())),
            None => self.beyond.extend(settings::names().find(|known| *known == name).map(str::to_owned)),
        }
    }

    /// Puts it into the report of a backup, in the place of what a plugin may have said. Of a backup of logs, which there are many of,
    /// the report holds only what has to be the same in all of them.
    pub fn add_to(&self, report: &mut Report, is_log: bool) {
        remove_from(report);
        let mut add = |name: &str, value: String| report.positions.push((name.to_owned(), value));
        if let Some(local_time) = &self.local_time {
            add(LOCAL_TIME, local_time.to_string());
        }
        add(DIGEST, self.digest());
        if is_log {
            return;
        }
        if self.named_zones {
            add(NAMED_ZONES, "1".to_owned());
        }
        if !self.beyond.is_empty() {
            add(BEYOND, self.beyond.join(","));
        }
        for (name, _, value) in &self.settings {
            add(&format!("{POSITION}{name}"), value.clone());
        }
    }

    /// Settings that a server of the host's own cannot have.
    pub fn beyond(&self) -> &[String] {
        &self.beyond
    }

    fn digest(&self) -> String {
        let mut text = String::new();
        for (name, _, value) in self.of_sense(Sense::Meaning) {
            text.push_str(&format!("{name}={value}\n"));
        }
        blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
    }

    fn of_sense(&self, wanted: Sense) -> impl Iterator<Item = &(&'static str, Sense, String)> {
        self.settings.iter().filter(move |(_, sense, _)| *sense == wanted)
    }
}

/// How a service's server is set; `None` for one that is not set like this.
///
/// # Errors
/// As [`Twin::ask`].
pub(crate) async fn of_service(service: &ServiceConfig) -> Result<Option<Twin>> {
    match &service.surrealdb {
        Some(_) => Ok(None),
        None => Twin::ask(&service.connection).await.map(Some),
    }
}

/// Removes what a report says of settings: only the host may say it.
pub(crate) fn remove_from(report: &mut Report) {
    report.positions.retain(|(position, _)| !position.starts_with(POSITION));
}

/// A backup of logs, and what it says.
pub(crate) type Log<'a> = (&'a BackupId, &'a Report);

/// Settings of a service's server that a server of the host's own cannot have: what needs one is refused.
///
/// # Errors
/// `unavailable` when the server does not answer.
pub async fn settings_beyond(service: &ServiceConfig) -> Result<Vec<String>> {
    Ok(of_service(service).await?.map(|twin| twin.beyond).unwrap_or_default())
}

/// What a server of the host's own is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Names and values, all of which [`settings`] admits.
    pub settings: Vec<(&'static str, String)>,
    /// `None` leaves it in UTC.
    pub local_time: Option<LocalTime>,
    /// Whether statements may name time zones.
    pub named_zones: bool,
    /// What has to be said about it.
    pub warnings: Vec<String>,
}

impl Wanted {
    /// For the restore of a base and of logs on top of it. `installs` says that the data directory is newly made, for a server that is
    /// set like `live`.
    ///
    /// # Errors
    /// `unsupported` when the logs were written under more than one local time, or when a setting cannot be had.
    pub fn choose(base: &Report, logs: &[Log<'_>], live: Option<&Twin>, installs: bool) -> Result<Self> {
        let said = Twin::of(base);
        let mut wanted = Self::default();
        let digest = logs.iter().rev().find_map(|(_, report)| report.position(DIGEST));
        let fits = |twin: &&Twin| digest.is_none_or(|digest| twin.digest() == digest);
        let known = [said.as_ref(), live];
        let meaning = known.into_iter().flatten().find(fits).or(said.as_ref()).or(live);
        if let (Some(meaning), Some(digest)) = (meaning, digest)
            && meaning.digest() != digest
        {
            wanted.warnings.push(
                "settings of the server were changed between the base and the logs; the logs are replayed with those of the base".to_owned(),
            );
        }
        if meaning.is_none() {
            wanted.warnings.push(
                "neither the backup nor the service says how the server was set (time zone, modes): the host's defaults are taken".to_owned(),
            );
        }
        let layout = if installs { live.or(said.as_ref()) } else { None };
        let beyond: Vec<&str> = meaning.into_iter().chain(layout).flat_map(Twin::beyond).map(String::as_str).collect();
        if !beyond.is_empty() && (installs || !logs.is_empty()) {
            return Err(Failure::unsupported(format!(
                "a server of this host cannot be set like the service's: {}",
                beyond.join(", ")
            ))
            .with_hint("restore a full backup without logs, or change these settings of the server"));
        }
        let pair = |(name, _, value): &(&'static str, Sense, String)| (*name, value.clone());
        wanted.settings.extend(meaning.into_iter().flat_map(|twin| twin.of_sense(Sense::Meaning)).map(pair));
        wanted.settings.extend(layout.into_iter().flat_map(|twin| twin.of_sense(Sense::Layout)).map(pair));
        wanted.local_time =
            one_local_time(logs)?.or_else(|| known.into_iter().flatten().find_map(|twin| twin.local_time.clone()));
        wanted.named_zones = known.into_iter().flatten().any(|twin| twin.named_zones);
        Ok(wanted)
    }

    /// Fails unless a server is set as wanted.
    ///
    /// # Errors
    /// `unsupported`, naming each setting that differs.
    pub async fn check(&self, server: &Connection) -> Result<()> {
        let twin = Twin::ask(server).await?;
        let differs = |(name, value): &&(&'static str, String)| {
            let has = twin.settings.iter().find(|(known, ..)| known == name);
            has.is_some_and(|(_, _, has)| !has.eq_ignore_ascii_case(value))
        };
        let mut named: Vec<String> =
            self.settings.iter().filter(differs).map(|(name, value)| format!("{name}={value}")).collect();
        let local_time = self.local_time.clone().unwrap_or_else(LocalTime::utc);
        if twin.local_time.as_ref() != Some(&local_time) {
            named.push(format!("local time {local_time}"));
        }
        if named.is_empty() {
            return Ok(());
        }
        Err(Failure::unsupported(format!("this host's own server does not take over: {}", named.join(", ")))
            .with_hint("install the MariaDB server of the service's version on this host"))
    }
}

/// The local time under which all logs were written, if they say.
fn one_local_time(logs: &[Log<'_>]) -> Result<Option<LocalTime>> {
    let mut first: Option<(&BackupId, &str)> = None;
    for (log, report) in logs {
        let Some(said) = report.position(LOCAL_TIME) else { continue };
        match first {
            Some((earlier, before)) if before != said => {
                return Err(Failure::unsupported(format!(
                    "the server's local time was {before} when {} was made, and {said} when {} was: statements of both cannot be replayed together",
                    earlier, log
                ))
                .with_hint("restore to a moment before the change, or begin with a backup that was made after it"));
            }
            Some(_) => {}
            None => first = Some((log, said)),
        }
    }
    first.map(|(_, said)| said.parse().map_err(Failure::unsupported)).transpose()
}

#[cfg(test)]
mod tests;
