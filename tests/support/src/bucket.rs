//! Real object stores on loopback for the storage plugins, fronts that are as strict as Amazon's and Google's are, and faults between
//! them and a plugin.
//!
//! Each server answers on a free port, keeps its data in a folder of its own, checks every signature, and is gone with the process
//! that started it. What one server cannot do another one can: the first lines of each file say what.

mod azurite;
mod client;
mod fault;
mod gcs;
mod s3;
mod seaweedfs;
mod sign;

use std::net::SocketAddr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::Result;

pub use azurite::Azurite;
pub use client::S3Client;
pub use fault::{Fault, FaultProxy, Kind, Seen};
pub use gcs::Gcs;
pub use s3::S3;
pub use seaweedfs::SeaweedFs;

pub use crate::http::{Answer, Request};

/// The bucket, or container, that every server here has.
pub const BUCKET: &str = "backups";

/// An object store that runs for a test.
pub trait BucketServer: Send + Sync {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// The target that keeps its objects below `prefix` there.
    fn target(&self, prefix: &str) -> TargetEntry;

    /// The keys and sizes of all objects that begin with `prefix`, asked of the server itself.
    fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>>;

    /// The bytes of an object, asked of the server itself.
    fn read(&self, key: &str) -> Result<Vec<u8>>;

    /// Makes an object without a plugin.
    fn write(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// The keys of uploads that were begun and neither completed nor aborted.
    fn unfinished(&self) -> Result<Vec<String>>;
}

/// A target in the words of its plugin.
#[derive(Clone, Debug)]
pub struct TargetEntry {
    /// The plugin.
    pub plugin: &'static str,
    /// Its configuration.
    pub config: Value,
    /// Its credentials, in the plugin's own form.
    pub credentials: Value,
}

impl TargetEntry {
    /// The same target, reached at another address of this machine: that of a proxy.
    #[must_use]
    pub fn through(mut self, address: SocketAddr) -> Self {
        for key in ["endpoint", "token_endpoint"] {
            let Some(text) = self.config[key].as_str() else { continue };
            let path = text.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
            let slash = if path.is_empty() { "" } else { "/" };
            self.config[key] = format!("http://{address}{slash}{path}").into();
        }
        self
    }

    /// The same target with one option set.
    #[must_use]
    pub fn option(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config[key] = value.into();
        self
    }
}

/// A digest as manifests have it.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
