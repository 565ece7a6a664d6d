//! `bulkhead audit`: who did what, and what was refused.

use clap::Args;
use serde_json::Value;

use super::Session;
use crate::client::segment;
use crate::exit::Exit;
use crate::render::{list, number, print, print_json, table, text, time};

/// `bulkhead audit`.
#[derive(Args)]
pub struct Audit {
    /// Only of this caller
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Only this action, e.g. restores.create
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only from this time on, e.g. 2026-04-08T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl Audit {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        let mut path = format!("/audit?page_size={}", self.limit);
        for (field, value) in
            [("subject", self.subject), ("action", self.action), ("since", self.since), ("until", self.until)]
        {
            if let Some(value) = value {
                path.push_str(&format!("&{field}={}", segment(&value)));
            }
        }
        let page = session.client.get(&path)?;
        if session.json {
            print_json(&page);
            return Ok(());
        }
        let rows: Vec<_> = list(&page["audit"]).iter().map(row).collect();
        print(&table(&["TIME", "SUBJECT", "ACTION", "OUTCOME", "OBJECT"], &rows, 80));
        Ok(())
    }
}

fn row(entry: &Value) -> Vec<String> {
    // Never ended: the host died, or the request runs.
    let outcome = match (number(entry, "status"), text(entry, "code")) {
        (0, _) => "unknown".to_owned(),
        (status, "") => status.to_string(),
        (status, code) => format!("{status} {code}"),
    };
    vec![
        time(text(entry, "at")).to_owned(),
        text(entry, "subject").to_owned(),
        text(entry, "action").to_owned(),
        outcome,
        text(entry, "object").to_owned(),
    ]
}
