//! `bulkhead catalog ...`: what the catalog says, and what lies in a target.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Session;
use crate::client::segment;
use crate::exit::{Exit, ExitKind};
use crate::render::{list, print, print_json, table, text};

/// `bulkhead catalog`.
#[derive(Subcommand)]
pub enum CatalogCommand {
    /// Write down in the catalog all backups of a target that it does not know
    Rebuild(Rebuild),
    /// Compare the catalog with what lies in a target, in both directions
    Check(Check),
}

/// `bulkhead catalog rebuild`.
#[derive(Args)]
pub struct Rebuild {
    /// The target's id
    #[arg(long, value_name = "ID")]
    target: String,
}

/// `bulkhead catalog check`.
#[derive(Args)]
pub struct Check {
    /// The target's id
    #[arg(long, value_name = "ID")]
    target: String,
}

impl CatalogCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Rebuild(rebuild) => {
                let ask = json!({ "side": "target", "register": true });
                Comparison::of(session, &rebuild.target, &[ask])?.show(session, "registered")
            }
            Self::Check(check) => {
                let asks = [json!({ "side": "target" }), json!({ "side": "catalog" })];
                Comparison::of(session, &check.target, &asks)?.show(session, "seen")
            }
        }
    }
}

/// All parts of a comparison.
pub struct Comparison {
    target: String,
    seen: u64,
    registered: u64,
    findings: Vec<Value>,
}

impl Comparison {
    /// Asks for one part after the other.
    ///
    /// # Errors
    /// Those of the host.
    pub fn of(session: &Session, target: &str, asks: &[Value]) -> Result<Self, Exit> {
        let mut all = Self { target: target.to_owned(), seen: 0, registered: 0, findings: Vec::new() };
        for ask in asks {
            let mut body: Map<String, Value> = ask.as_object().cloned().unwrap_or_default();
            let mut parts = BTreeSet::new();
            loop {
                let path = format!("/targets/{}/inspect", segment(target));
                let mut part = session.client.post(&path, Some(&Value::Object(body.clone())))?;
                all.seen += part["seen"].as_u64().unwrap_or(0);
                all.registered += part["registered"].as_u64().unwrap_or(0);
                for finding in list(&part["findings"]) {
                    if !all.findings.contains(finding) {
                        all.findings.push(finding.clone());
                    }
                }
                match part["next"].take() {
                    Value::String(next) if parts.insert(next.clone()) => body.insert("after".to_owned(), next.into()),
                    Value::String(next) => {
                        let message = format!("the listing of target {target} does not end: it comes back to `{next}`");
                        return Err(Exit::new(ExitKind::Failed, message));
                    }
                    _ => break,
                };
            }
        }
        Ok(all)
    }

    /// Prints what was found; a finding makes the command fail.
    ///
    /// # Errors
    /// When there is one.
    pub fn show(self, session: &Session, count: &str) -> Result<(), Exit> {
        let Self { target, seen, registered, findings } = self;
        if session.json {
            print_json(&json!({ "seen": seen, "registered": registered, "findings": findings }));
        } else {
            if !findings.is_empty() {
                let row = |finding: &Value| {
                    ["kind", "backup_id", "message"].map(|field| text(finding, field).to_owned()).to_vec()
                };
                let rows: Vec<Vec<String>> = findings.iter().map(row).collect();
                print(&table(&["FINDING", "BACKUP", "WHAT"], &rows, 0));
            }
            print(&match count {
                "registered" => format!("{registered} backups registered from {target}"),
                _ => format!("{seen} looked at, {} findings", findings.len()),
            });
        }
        match findings.len() {
            0 => Ok(()),
            found => Err(Exit::new(ExitKind::Failed, format!("{found} findings in target {target}"))),
        }
    }
}
