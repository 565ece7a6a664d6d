//! Services: do they answer, and do the tools fit them?

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_engine::{ServiceConfig, swap};
use bulkhead_runtime::Runtime;
use bulkhead_surrealdb::{Client, Login, Server};

use super::report::Report;
use crate::config::Config;

const PING_DEADLINE: Duration = Duration::from_secs(10);

/// Checks every service.
pub async fn check(config: &Config, runtime: &Runtime, tools: &BTreeMap<String, String>, report: &mut Report) {
    if config.services.is_empty() {
        report.warning("services", "none is configured", "add a [[service]]");
    }
    for service in &config.services {
        let subject = format!("service {}", service.id);
        if let Some(server) = &service.surrealdb {
            surrealdb(service, server, &subject, report).await;
            methods(service, runtime, report);
            continue;
        }
        match service.connection.ping(PING_DEADLINE).await {
            Ok(version) => match tools.get("mariadb-backup").filter(|_| service.engine == "mariadb") {
                Some(tool) if series(tool) != series(&version) => report.problem(
                    &subject,
                    format!("the server is {version}, mariadb-backup is {tool}: physical backups need the same series"),
                    "install the mariadb-backup of the server's series and name it under [tools.mariadb-backup] path",
                ),
                _ => report.good(&subject, format!("answers, {version}")),
            },
            Err(failure) => report.failure(&subject, failure),
        }
        settings(service, &subject, report).await;
        methods(service, runtime, report);
        data_dir(service, report);
    }
}

/// Whether the server answers, and whether the user may do there what backup and restore need.
async fn surrealdb(service: &ServiceConfig, server: &Server, subject: &str, report: &mut Report) {
    let rights = match (&server.login, service.scope.database()) {
        (_, Some(scope)) => (Some(scope), "INFO FOR DB"),
        (Login::Root, None) if service.scope.namespace.is_none() => (None, "INFO FOR ROOT"),
        (_, None) => (None, "INFO FOR NS"),
    };
    let namespace = service.scope.namespace.as_deref().filter(|_| rights.0.is_none());
    let asked = match namespace {
        Some(namespace) => format!("USE NS {}; {}", surql::ident(namespace), rights.1),
        None => rights.1.to_owned(),
    };
    let looked = async {
        let client = Client::new(server, PING_DEADLINE)?;
        let version = client.version().await?;
        client.run(rights.0.as_ref(), &asked).await.map(|_| version)
    };
    match looked.await {
        Ok(version) if matches!(server.login, Login::Database { .. }) => report.warning(
            subject,
            format!("answers, SurrealDB {version}; its user belongs to the database, so it can be backed up but not restored"),
            "give it a user of the root level or of the namespace, and set `login` to that",
        ),
        Ok(version) => report.good(subject, format!("answers, SurrealDB {version}")),
        Err(failure) => report.failure(subject, failure),
    }
}

/// What moments, dumps and drills need: a server of this host that is set like the service's.
async fn settings(service: &ServiceConfig, subject: &str, report: &mut Report) {
    let Ok(beyond) = bulkhead_engine::settings_beyond(service).await else { return };
    if !beyond.is_empty() {
        report.warning(
            subject,
            format!("a server of this host cannot be set like it: {}", beyond.join(", ")),
            "only full backups can be restored, and to no moment after them; change these settings of the server to have more",
        );
    }
}

/// A method that is configured needs a plugin.
fn methods(service: &ServiceConfig, runtime: &Runtime, report: &mut Report) {
    for method in service.methods.keys() {
        if let Err(failure) = runtime.method(&service.engine, method) {
            report.failure(format!("service {}", service.id), failure);
        }
    }
}

/// What a physical backup or restore needs besides the server.
fn data_dir(service: &ServiceConfig, report: &mut Report) {
    let subject = format!("service {}", service.id);
    let Some(dir) = &service.data_dir else {
        let hint =
            "set data_dir and server = { stop = [...], start = [...] } to make full backups and restores possible";
        return report.warning(subject, "has no data_dir, so only logical methods work", hint);
    };
    if let Err(error) = std::fs::read_dir(dir) {
        let hint = "run bulkhead as a user that may read and replace it, e.g. mysql";
        report.problem(&subject, format!("the data directory {} cannot be read: {error}", dir.display()), hint);
    }
    if service.stop.is_empty() || service.start.is_empty() {
        let hint = "set server = { stop = [\"systemctl\", \"stop\", \"mariadb\"], start = [...] }";
        report.warning(subject, "cannot be stopped and started, so full backups cannot be restored into it", hint);
    } else if let Err(failure) = swap::check_possible(service) {
        let finding = format!("cannot be restored, because its data directory cannot be swapped: {}", failure.message);
        report.problem(subject, finding, failure.hint.unwrap_or_default());
    }
}

/// `10.11` of `10.11.19-MariaDB-log` or of a tool's longer sentence.
fn series(version: &str) -> Option<(u32, u32)> {
    version.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut numbers = word.split('.');
        let series = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        numbers.next().map(|_| series)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_found_in_any_version_text() {
        assert_eq!(series("10.11.19-MariaDB-log"), Some((10, 11)));
        assert_eq!(
            series("mariadb-backup based on MariaDB server 10.11.19-MariaDB debian-linux-gnu (x86_64)"),
            Some((10, 11))
        );
        assert_eq!(series("nonsense"), None);
    }
}
