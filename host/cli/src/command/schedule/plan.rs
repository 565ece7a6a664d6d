use clap::Args;
use serde_json::Value;

use super::change::Retention;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, print, print_json, table, text, time};

/// `bulkhead schedule plan`.
#[derive(Args)]
pub struct Plan {
    /// The schedule's number
    #[arg(value_name = "ID")]
    id: u64,
    /// As if these were its rules
    #[command(flatten)]
    retention: Retention,
}

impl Plan {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        show(session, self.id, self.retention.into_field())
    }
}

/// Shows the plan of a schedule; with a `policy`, as if that were its own. Changes nothing.
pub(super) fn show(session: &Session, id: u64, policy: Option<Value>) -> Result<(), Exit> {
    let mut path = format!("/backups/schedules/{id}/retention-plan");
    if let Some(policy) = policy {
        path.push_str(&format!("?retention={}", segment(&policy.to_string())));
    }
    let plan = session.client.get(&path)?;
    if session.json {
        print_json(&plan);
        return Ok(());
    }
    let rows: Vec<_> = list(&plan["backups"])
        .iter()
        .map(|backup| {
            let reasons: Vec<_> = list(&backup["reasons"]).iter().filter_map(Value::as_str).collect();
            let fate = if text(backup, "action") == "keep" { "keep" } else { "delete" };
            vec![
                format!("{}-...", text(backup, "id").get(..8).unwrap_or_default()),
                fate.to_owned(),
                time(text(backup, "created_at")).to_owned(),
                reasons.join("; "),
            ]
        })
        .collect();
    print(&table(&["ID", "FATE", "CREATED", "WHY"], &rows, 80));
    Ok(())
}
