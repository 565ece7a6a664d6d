use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::option::{PluginOption, config};
use super::show::described;
use crate::client::segment;
use crate::command::Session;
use crate::credentials;
use crate::exit::{Exit, ExitKind};
use crate::render::{print, print_json};

/// `bulkhead target update`.
#[derive(Args)]
pub struct Update {
    /// The target's id
    #[arg(value_name = "ID")]
    id: String,
    /// A key of the plugin's configuration, e.g. storage_class=STANDARD_IA; KEY=null takes it away; again for each
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<PluginOption>,
    /// New credentials: the file that the bucket's provider gave; - reads it from standard input
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// Whether backups that name no target are kept there
    #[arg(long, value_name = "true|false")]
    default: Option<bool>,
}

impl Update {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = Map::new();
        if let Some(config) = config(self.options) {
            body.insert("config".to_owned(), config);
        }
        if let Some(file) = &self.credentials_file {
            body.insert("credentials".to_owned(), credentials::read(file)?.into());
        }
        if let Some(default) = self.default {
            body.insert("default".to_owned(), default.into());
        }
        if body.is_empty() {
            return Err(Exit::new(ExitKind::Usage, "nothing to change")
                .with_hint("say what, e.g. --credentials-file FILE or --option parallel=8"));
        }
        let target = session.client.patch(&format!("/targets/{}", segment(&self.id)), &Value::Object(body))?;
        if session.json {
            print_json(&target);
        } else {
            print(&described(&target));
        }
        Ok(())
    }
}
