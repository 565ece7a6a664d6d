//! Whether a server holds what a backup promised.

use std::collections::BTreeMap;

use bulkhead_plugin_sdk::method::{CheckRequest, Finding, Reader, Result, Series, Severity};

use crate::census::Census;
use crate::contents::{Contents, Exported, Table};
use crate::scope::is_missing;
use crate::server::Server;

/// What differs between a database and the backup of it.
#[derive(Debug, Default)]
pub struct Differences {
    pub wrong: Vec<String>,
    /// What comes back otherwise with reason: views are computed anew, another major version knows other definitions.
    pub tolerated: Vec<String>,
}

/// Compares a restored server with the backup.
pub async fn run(request: &CheckRequest, reader: &Reader) -> Result<Vec<Finding>> {
    let contents = Contents::read(&request.link, reader).await?;
    let server = Server::ask_who().await?;
    let mut findings = Vec::new();
    for exported in &contents.databases {
        let database = exported.name();
        let subject = database.to_string();
        let census = match Census::take(&server, &database).await {
            Ok(census) => census,
            Err(failure) if is_missing(&failure) => {
                findings.push(Finding::new(Severity::Error, subject, "the database is not there"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let found = compare(census, exported, &contents.server_version, &server);
        let finding = |severity| {
            let subject = subject.clone();
            move |words| Finding::new(severity, subject.clone(), words)
        };
        if found.wrong.is_empty() {
            let (tables, records) = (exported.tables.len(), exported.records());
            let words = format!("{tables} tables with {records} records are as they were");
            findings.push(Finding::new(Severity::Info, subject.clone(), words));
        }
        findings.extend(found.wrong.into_iter().map(finding(Severity::Error)));
        findings.extend(found.tolerated.into_iter().map(finding(Severity::Warning)));
    }
    Ok(findings)
}

/// Compares what a database has with what its export had.
pub fn compare(mut census: Census, exported: &Exported, from: &str, server: &Server) -> Differences {
    // What servers leave out of exports may be there or not.
    census.take_left_out(server.series, &exported.definitions);
    let tables = |view: bool| -> BTreeMap<String, Table> {
        exported
            .tables
            .iter()
            .filter(|(_, table)| table.view == view)
            .map(|(name, table)| (name.clone(), table.clone()))
            .collect()
    };
    let of = |views: bool| Census {
        tables: census
            .tables
            .iter()
            .filter(|(name, _)| exported.tables.get(*name).is_some_and(|table| table.view) == views)
            .map(|(name, count)| (name.clone(), *count))
            .collect(),
        ..Census::default()
    };
    let mut differences = Differences::default();
    let (stored, views) = (of(false), of(true));
    differences.wrong.extend(stored.differences(&stored, &tables(false), &BTreeMap::new()));
    differences.tolerated.extend(views.differences(&views, &tables(true), &BTreeMap::new()));
    let definitions = Census { definitions: census.definitions.clone(), ..Census::default() };
    let words = definitions.differences(&definitions, &BTreeMap::new(), &exported.definitions);
    let same_major = Series::of(from).is_ok_and(|from| from.major == server.series.major);
    if same_major {
        differences.wrong.extend(words)
    } else {
        differences.tolerated.extend(words)
    }
    differences
}
