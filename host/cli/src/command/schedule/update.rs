use clap::Args;
use serde_json::Value;

use super::change::Change;
use super::plan;
use super::show::described;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{print, print_json};

/// `bulkhead schedule update`.
#[derive(Args)]
pub struct Update {
    /// The schedule's number
    #[arg(value_name = "ID")]
    id: u64,
    /// When: crontab(5), e.g. "0 3 * * *"
    #[arg(long, value_name = "EXPRESSION")]
    schedule: Option<String>,
    /// Whether it runs
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// Change nothing; show which backups the new retention would keep and delete
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    change: Change,
}

impl Update {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = self.change.into_fields();
        if let Some(schedule) = self.schedule {
            body.insert("schedule".to_owned(), schedule.into());
        }
        if let Some(enabled) = self.enabled {
            body.insert("enabled".to_owned(), enabled.into());
        }
        if self.dry_run {
            let Some(policy) = body.remove("retention").filter(|_| body.is_empty()) else {
                return Err(Exit::new(ExitKind::Usage, "only a retention can be tried")
                    .with_hint("say nothing else beside --dry-run, e.g. --retention 7"));
            };
            return plan::show(session, self.id, Some(policy));
        }
        if body.is_empty() {
            return Err(Exit::new(ExitKind::Usage, "nothing to change")
                .with_hint("say what, e.g. --schedule \"0 3 * * *\" or --enabled false"));
        }
        let path = format!("/backups/schedules/{}", self.id);
        let schedule = session.client.patch(&path, &Value::Object(body))?;
        if session.json {
            print_json(&schedule);
        } else {
            print(&described(&schedule));
        }
        Ok(())
    }
}
