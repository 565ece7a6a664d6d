//! What the plugin says of itself.

use bulkhead_plugin_sdk::storage::{Description, Failure, Result, StoragePlugin, parse};
use object_bucket::ObjectBucket;

use crate::config::Config;
use crate::credentials;
use crate::service::AzureService;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "account": { "type": "string", "minLength": 1, "description": "The storage account's name." },
    "container": { "type": "string", "minLength": 1, "description": "The container's name." },
    "prefix": { "type": "string", "description": "Blobs lie below it: `<prefix>/<key>`. Give Bulkhead one of its own in a container that others use." },
    "endpoint": { "type": "string", "description": "The account's address; https://<account>.blob.core.windows.net when missing." },
    "part_size_mib": { "type": "integer", "minimum": 5, "maximum": 36, "default": 8, "description": "Size of the blocks that large blobs travel in." },
    "parallel": { "type": "integer", "minimum": 1, "default": 4, "description": "Blocks in flight; with the one that is being read at most 72 MiB." },
    "access_tier": { "enum": ["Hot", "Cool", "Cold"], "description": "The account's own when missing." },
    "checksum": { "enum": ["md5", "none"], "default": "md5", "description": "What the service checks uploads with; `none` saves the computing." }
  },
  "required": ["account", "container"],
  "additionalProperties": false
}"#;

/// The plugin.
pub struct Azure;

impl StoragePlugin for Azure {
    type Bucket = ObjectBucket<AzureService>;

    fn describe() -> Description {
        Description::new("azure", env!("CARGO_PKG_VERSION"))
            .config_schema(SCHEMA)
            .grant("host:https://{account}.blob.core.windows.net", "the account that keeps the container")
            .grant("endpoint:endpoint", "the account at another address")
    }

    fn validate(config: &str, credentials: Option<&str>) -> Result<()> {
        parse::<Config>(config)?.check()?;
        credentials.map_or(Ok(()), |credentials| credentials::parse(credentials).map(drop))
    }

    async fn open(config: &str, credentials: Option<String>) -> Result<Self::Bucket> {
        let config = parse::<Config>(config)?.check()?;
        let credentials = credentials.ok_or_else(|| {
            Failure::denied("the target has no credentials").with_hint("give it account_key or sas_token")
        })?;
        let credential = credentials::parse(&credentials)?;
        let layout = config.layout()?;
        Ok(ObjectBucket::new(AzureService::new(config, credential)?, layout))
    }
}
