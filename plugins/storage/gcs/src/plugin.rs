//! What the plugin says of itself.

use bulkhead_plugin_sdk::storage::{Description, Failure, Result, StoragePlugin, parse};
use object_bucket::ObjectBucket;

use crate::account::Account;
use crate::config::Config;
use crate::service::GcsService;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "bucket": { "type": "string", "minLength": 1, "description": "The bucket's name." },
    "prefix": { "type": "string", "description": "Objects lie below it: `<prefix>/<key>`. Give Bulkhead one of its own in a bucket that others use." },
    "endpoint": { "type": "string", "description": "Address of the service; https://storage.googleapis.com when missing." },
    "token_endpoint": { "type": "string", "description": "Where the service account signs in; https://oauth2.googleapis.com/token when missing." },
    "part_size_mib": { "type": "integer", "minimum": 5, "maximum": 36, "default": 8, "description": "Size of the parts that large objects travel in." },
    "parallel": { "type": "integer", "minimum": 1, "default": 4, "description": "Parts in flight; with the one that is being read at most 72 MiB." },
    "storage_class": { "type": "string", "description": "e.g. NEARLINE." }
  },
  "required": ["bucket"],
  "additionalProperties": false
}"#;

/// The plugin.
pub struct Gcs;

impl StoragePlugin for Gcs {
    type Bucket = ObjectBucket<GcsService>;

    fn describe() -> Description {
        Description::new("gcs", env!("CARGO_PKG_VERSION"))
            .config_schema(SCHEMA)
            .grant("host:https://storage.googleapis.com", "the service that keeps the bucket")
            .grant("host:https://oauth2.googleapis.com", "signing the service account in")
            .grant("endpoint:endpoint", "a service that speaks the same language")
            .grant("endpoint:token_endpoint", "signing in there")
    }

    fn validate(config: &str, credentials: Option<&str>) -> Result<()> {
        let config = parse::<Config>(config)?.check()?;
        credentials.map_or(Ok(()), |credentials| Account::parse(credentials, &config).map(drop))
    }

    async fn open(config: &str, credentials: Option<String>) -> Result<Self::Bucket> {
        let config = parse::<Config>(config)?.check()?;
        let credentials = credentials.ok_or_else(|| {
            Failure::denied("the target has no credentials").with_hint("give it the JSON key of a service account")
        })?;
        let account = Account::parse(&credentials, &config)?;
        let layout = config.layout()?;
        Ok(ObjectBucket::new(GcsService::new(config, account), layout))
    }
}
