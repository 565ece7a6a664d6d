use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::option::{PluginOption, config};
use super::show::described;
use crate::command::Session;
use crate::credentials;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead target create`.
#[derive(Args)]
pub struct Create {
    /// Its name
    #[arg(value_name = "ID")]
    id: String,
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azure://ACCOUNT/CONTAINER/PREFIX
    #[arg(long, value_name = "ADDRESS", required_unless_present = "plugin", conflicts_with = "plugin")]
    bucket: Option<String>,
    /// A storage plugin, with all of its configuration as options
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// A key of the plugin's configuration, e.g. region=eu-west-1 or endpoint=https://...; again for each
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<PluginOption>,
    /// Who may use it: the credentials file that its provider gave; - reads it from standard input
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// Keep backups there that name no target
    #[arg(long)]
    default: bool,
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = Map::new();
        body.insert("id".to_owned(), self.id.into());
        for (field, value) in [("bucket", self.bucket), ("plugin", self.plugin)] {
            if let Some(value) = value {
                body.insert(field.to_owned(), value.into());
            }
        }
        if let Some(config) = config(self.options) {
            body.insert("config".to_owned(), config);
        }
        if let Some(file) = &self.credentials_file {
            body.insert("credentials".to_owned(), credentials::read(file)?.into());
        }
        body.insert("default".to_owned(), self.default.into());
        let target = session.client.post("/targets", Some(&Value::Object(body)))?;
        if session.json {
            print_json(&target);
        } else {
            print(&described(&target));
        }
        Ok(())
    }
}
