//! Services: do they answer, and do the tools fit them?

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_engine::ServiceConfig;
use bulkhead_runtime::Runtime;

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
        match service.connection.ping(PING_DEADLINE).await {
            Ok(version) => match tools.get("mariadb-backup").filter(|_| service.engine == "mariadb") {
                Some(tool) if series(tool) != series(&version) => report.problem(
                    subject,
                    format!("the server is {version}, mariadb-backup is {tool}: physical backups need the same series"),
                    "install the mariadb-backup of the server's series and name it under [tools.mariadb-backup] path",
                ),
                _ => report.good(subject, format!("answers, {version}")),
            },
            Err(failure) => report.failure(subject, failure),
        }
        methods(service, runtime, report);
        data_dir(service, report);
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
