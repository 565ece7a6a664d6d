//! A target's configuration.

use bulkhead_plugin_sdk::storage::{Failure, Result};
use object_bucket::{Count, Layout, Parts, address, name, one_of, word};
use serde::Deserialize;
use url::Url;

/// Parts of one object.
const MOST_PARTS: usize = 10_000;

/// A target's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bucket: String,
    #[serde(default)]
    prefix: String,
    #[serde(default = "usual_region")]
    pub region: String,
    endpoint: Option<String>,
    path_style: Option<bool>,
    #[serde(default = "usual_part")]
    part_size_mib: usize,
    #[serde(default = "usual_parallel")]
    parallel: usize,
    pub storage_class: Option<String>,
    pub server_side_encryption: Option<String>,
    pub kms_key_id: Option<String>,
    pub object_lock: Option<ObjectLock>,
    #[serde(default = "usual_checksum")]
    checksum: String,
    pub instance_metadata: Option<String>,
}

/// How long objects cannot be deleted or replaced.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectLock {
    pub mode: String,
    pub days: u32,
}

fn usual_region() -> String {
    "us-east-1".to_owned()
}

fn usual_part() -> usize {
    8
}

fn usual_parallel() -> usize {
    4
}

fn usual_checksum() -> String {
    "crc64nvme".to_owned()
}

impl Config {
    /// Checks what a schema cannot.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    pub fn check(self) -> Result<Self> {
        name("bucket", &self.bucket, ".-_", 3..=63)?;
        name("region", &self.region, "-_", 1..=64)?;
        one_of("checksum", &self.checksum, &["crc64nvme", "none"])?;
        if let Some(class) = &self.storage_class {
            name("storage_class", class, "_-", 1..=64)?;
        }
        if let Some(encryption) = &self.server_side_encryption {
            one_of("server_side_encryption", encryption, &["AES256", "aws:kms"])?;
        }
        if let Some(key) = &self.kms_key_id {
            word("kms_key_id", key)?;
            if self.server_side_encryption.as_deref() != Some("aws:kms") {
                return Err(Failure::invalid(
                    "configuration: `kms_key_id` needs `server_side_encryption` to be `aws:kms`",
                ));
            }
        }
        if let Some(lock) = &self.object_lock {
            one_of("object_lock.mode", &lock.mode, &["governance", "compliance"])?;
            if !(1..=36_500).contains(&lock.days) {
                let message = format!("configuration: `object_lock.days` is 1 to 36500, not {}", lock.days);
                return Err(Failure::invalid(message));
            }
            if !self.checked() {
                return Err(Failure::invalid(
                    "configuration: `object_lock` needs a `checksum`: the service asks for one",
                ));
            }
        }
        if let Some(metadata) = &self.instance_metadata {
            address("instance_metadata", metadata)?;
        }
        self.place()?;
        self.layout()?;
        Ok(self)
    }

    /// Where keys lie and how objects are cut.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn layout(&self) -> Result<Layout> {
        // R2 takes parts of one size only, the last one aside.
        let even = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.contains(".r2.cloudflarestorage.com"));
        let count = if even { Count::Even(MOST_PARTS) } else { Count::Growing(MOST_PARTS) };
        Layout::new(&self.prefix, Parts::new(self.part_size_mib, self.parallel, count)?)
    }

    /// Whether uploads carry a checksum.
    pub fn checked(&self) -> bool {
        self.checksum != "none"
    }

    /// Where the bucket is, its name included.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn place(&self) -> Result<Url> {
        let Self { bucket, region, .. } = self;
        let place = match &self.endpoint {
            None if self.path_style.unwrap_or(bucket.contains('.') || bucket.contains('_')) => {
                format!("https://s3.{region}.amazonaws.com/{bucket}")
            }
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
            Some(endpoint) => {
                let endpoint = address("endpoint", endpoint)?;
                if self.path_style.unwrap_or(true) {
                    format!("{}/{bucket}", endpoint.as_str().trim_end_matches('/'))
                } else if endpoint.host_str().is_some_and(|host| host.starts_with(&format!("{bucket}."))) {
                    endpoint.to_string()
                } else {
                    let failure = Failure::invalid(
                        "configuration: `path_style` is false, and `endpoint` is not the bucket's own address",
                    );
                    return Err(failure.with_hint(format!(
                        "write the bucket's name in front of the host, `{bucket}.<host>`, or leave `path_style` out"
                    )));
                }
            }
        };
        Url::parse(&place).map_err(|_| Failure::invalid("configuration: `bucket` and `region` make no address"))
    }
}
