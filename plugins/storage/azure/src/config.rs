//! A target's configuration.

use bulkhead_plugin_sdk::storage::Result;
use object_bucket::{Count, Layout, Parts, address, name, one_of};
use serde::Deserialize;
use url::Url;

/// Blocks of one blob.
const MOST_BLOCKS: usize = 50_000;

/// A target's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub account: String,
    pub container: String,
    #[serde(default)]
    prefix: String,
    endpoint: Option<String>,
    #[serde(default = "usual_part")]
    part_size_mib: usize,
    #[serde(default = "usual_parallel")]
    parallel: usize,
    pub access_tier: Option<String>,
    #[serde(default = "usual_checksum")]
    checksum: String,
}

fn usual_part() -> usize {
    8
}

fn usual_parallel() -> usize {
    4
}

fn usual_checksum() -> String {
    "md5".to_owned()
}

impl Config {
    /// Checks what a schema cannot.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    pub fn check(self) -> Result<Self> {
        name("account", &self.account, "", 3..=24)?;
        name("container", &self.container, "-", 3..=63)?;
        one_of("checksum", &self.checksum, &["md5", "none"])?;
        if let Some(tier) = &self.access_tier {
            one_of("access_tier", tier, &["Hot", "Cool", "Cold"])?;
        }
        self.place()?;
        self.layout()?;
        Ok(self)
    }

    /// Where keys lie and how blobs are cut.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn layout(&self) -> Result<Layout> {
        Layout::new(&self.prefix, Parts::new(self.part_size_mib, self.parallel, Count::Even(MOST_BLOCKS))?)
    }

    /// Whether uploads carry a checksum.
    pub fn checked(&self) -> bool {
        self.checksum != "none"
    }

    /// Where the account is.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn place(&self) -> Result<Url> {
        match &self.endpoint {
            Some(endpoint) => address("endpoint", endpoint),
            None => address("account", &format!("https://{}.blob.core.windows.net", self.account)),
        }
    }
}
