//! What the plugin says of itself.

use bulkhead_plugin_sdk::storage::{Description, Failure, Result, StoragePlugin, parse};
use object_bucket::ObjectBucket;

use crate::config::Config;
use crate::keys::Keys;
use crate::service::S3Service;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "bucket": { "type": "string", "minLength": 1, "description": "The bucket's name." },
    "prefix": { "type": "string", "description": "Objects lie below it: `<prefix>/<key>`. Give Bulkhead one of its own in a bucket that others use." },
    "region": { "type": "string", "description": "The bucket's region.", "default": "us-east-1" },
    "endpoint": { "type": "string", "description": "Address of a service that is not Amazon's, e.g. https://minio.example.com:9000." },
    "path_style": { "type": "boolean", "description": "Whether the bucket's name stands in the path; as a rule with `endpoint` only. When false, `endpoint` is the bucket's own address." },
    "part_size_mib": { "type": "integer", "minimum": 5, "maximum": 36, "default": 8, "description": "Size of the parts that large objects travel in." },
    "parallel": { "type": "integer", "minimum": 1, "default": 4, "description": "Parts in flight; with the one that is being read at most 72 MiB." },
    "storage_class": { "type": "string", "description": "e.g. STANDARD_IA." },
    "server_side_encryption": { "enum": ["AES256", "aws:kms"], "description": "How the service encrypts objects." },
    "kms_key_id": { "type": "string", "description": "The key for aws:kms; the bucket's own when missing." },
    "object_lock": {
      "type": "object",
      "properties": {
        "mode": { "enum": ["governance", "compliance"] },
        "days": { "type": "integer", "minimum": 1, "maximum": 36500 }
      },
      "required": ["mode", "days"],
      "additionalProperties": false,
      "description": "Objects cannot be deleted or replaced for so long. The bucket needs object lock; retention has to be longer than this."
    },
    "checksum": { "enum": ["crc64nvme", "none"], "default": "crc64nvme", "description": "What the service checks uploads with; `none` for services that refuse it." },
    "instance_metadata": { "type": "string", "description": "Takes the credentials of the machine's role from this address, e.g. http://169.254.169.254. Needs the operator's word." }
  },
  "required": ["bucket"],
  "additionalProperties": false
}"#;

/// The plugin.
pub struct S3;

impl StoragePlugin for S3 {
    type Bucket = ObjectBucket<S3Service>;

    fn describe() -> Description {
        Description::new("s3", env!("CARGO_PKG_VERSION"))
            .config_schema(SCHEMA)
            .grant("endpoint:endpoint", "the service that keeps the bucket")
            .grant("host:https://{bucket}.s3.{region}.amazonaws.com", "the bucket at Amazon")
            .grant(
                "host:https://{bucket}.s3.us-east-1.amazonaws.com",
                "the bucket at Amazon, in the region that goes without saying",
            )
            .grant("host:https://s3.{region}.amazonaws.com", "buckets at Amazon whose name cannot be part of a host's")
            .grant("host:https://s3.us-east-1.amazonaws.com", "the same, in the region that goes without saying")
            .grant("endpoint:instance_metadata", "the credentials of the machine's role")
    }

    fn validate(config: &str, credentials: Option<&str>) -> Result<()> {
        let config = parse::<Config>(config)?.check()?;
        match credentials {
            Some(credentials) => Keys::parse(credentials).map(drop),
            None => config.layout().map(drop),
        }
    }

    async fn open(config: &str, credentials: Option<String>) -> Result<Self::Bucket> {
        let config = parse::<Config>(config)?.check()?;
        let keys = match (&credentials, &config.instance_metadata) {
            (Some(credentials), _) => Keys::parse(credentials)?,
            (None, Some(address)) => Keys::of_instance(address)?,
            (None, None) => {
                let failure = Failure::denied("the target has no credentials");
                return Err(failure.with_hint("give it an access key: access_key_id and secret_access_key"));
            }
        };
        let layout = config.layout()?;
        Ok(ObjectBucket::new(S3Service::new(config, keys)?, layout))
    }
}
