//! What the plugin says of itself.

use bulkhead_plugin_sdk::storage::{Description, Failure, Result, StoragePlugin, parse};

use crate::root::Root;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "root": { "type": "string", "minLength": 1, "description": "Directory that holds the objects. It must exist." }
  },
  "required": ["root"],
  "additionalProperties": false
}"#;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    root: String,
}

/// The plugin.
pub struct Filesystem;

impl StoragePlugin for Filesystem {
    type Bucket = Root;

    fn describe() -> Description {
        Description::new("filesystem", env!("CARGO_PKG_VERSION"))
            .config_schema(SCHEMA)
            .grant("directory:root", "keeps the objects as files in it")
    }

    fn validate(config: &str, _credentials: Option<&str>) -> Result<()> {
        let config: Config = parse(config)?;
        if config.root.is_empty() {
            return Err(Failure::invalid("configuration: root is empty"));
        }
        Ok(())
    }

    async fn open(config: &str, _credentials: Option<String>) -> Result<Root> {
        Self::validate(config, None)?;
        Root::preopened()
    }
}
