use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::change::Change;
use super::show::described;
use crate::command::Session;
use crate::credentials;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead schedule create`.
#[derive(Args)]
pub struct Create {
    /// When: crontab(5), e.g. "0 3 * * *", or @daily
    #[arg(value_name = "EXPRESSION")]
    schedule: String,
    /// What kind of backup: full, dump, ...
    #[arg(long = "type", value_name = "TYPE", default_value = "full")]
    method: String,
    /// Where to keep them, instead of the default target
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// A bucket of one's own to keep them in, instead of a target: s3://..., gs://... or azure://ACCOUNT/CONTAINER...
    #[arg(long, value_name = "ADDRESS", conflicts_with = "target", requires = "credentials_file")]
    external_storage: Option<String>,
    /// Who may use that bucket: the credentials file that its provider gave; - reads it from standard input
    #[arg(long, value_name = "FILE", requires = "external_storage")]
    credentials_file: Option<PathBuf>,
    /// Make it without letting it run yet
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    change: Change,
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = self.change.into_fields();
        body.insert("service_id".to_owned(), session.service_or_only()?.into());
        body.insert("backup_type".to_owned(), self.method.into());
        body.insert("schedule".to_owned(), self.schedule.into());
        if let Some(target) = self.target {
            body.insert("target".to_owned(), target.into());
        }
        if let (Some(path), Some(file)) = (self.external_storage, &self.credentials_file) {
            let bucket = json!({ "path": path, "credentials": credentials::read(file)? });
            body.insert("external_storage".to_owned(), json!({ "bucket": bucket }));
        }
        if self.disabled {
            body.insert("enabled".to_owned(), false.into());
        }
        let schedule = session.client.post("/backups/schedules", Some(&body.into()))?;
        if session.json {
            print_json(&schedule);
        } else {
            print(&described(&schedule));
        }
        Ok(())
    }
}
