//! A target's configuration.

use bulkhead_plugin_sdk::storage::Result;
use object_bucket::{Count, Layout, Parts, address, name};
use serde::Deserialize;
use url::Url;

/// Parts of one object.
const MOST_PARTS: usize = 10_000;

const GOOGLE: &str = "https://storage.googleapis.com";

/// A target's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bucket: String,
    #[serde(default)]
    prefix: String,
    endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    #[serde(default = "usual_part")]
    part_size_mib: usize,
    #[serde(default = "usual_parallel")]
    parallel: usize,
    pub storage_class: Option<String>,
}

fn usual_part() -> usize {
    8
}

fn usual_parallel() -> usize {
    4
}

impl Config {
    /// Checks what a schema cannot.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    pub fn check(self) -> Result<Self> {
        name("bucket", &self.bucket, ".-_", 3..=222)?;
        if let Some(class) = &self.storage_class {
            name("storage_class", class, "_-", 1..=64)?;
        }
        if let Some(endpoint) = &self.token_endpoint {
            address("token_endpoint", endpoint)?;
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
        Layout::new(&self.prefix, Parts::new(self.part_size_mib, self.parallel, Count::Growing(MOST_PARTS))?)
    }

    /// Where the service is.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn place(&self) -> Result<Url> {
        address("endpoint", self.endpoint.as_deref().unwrap_or(GOOGLE))
    }
}
