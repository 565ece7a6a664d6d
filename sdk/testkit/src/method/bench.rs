//! An attempt without a server: objects are kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{AttemptId, BackupId, Failure, Report, Result};
use bulkhead_runtime::{
    ArtifactReader, ArtifactWriter, Attempt, BackupRequest, ByteSource, Level, Link, MethodPlugin, Object, Observer,
    RestoreRequest, Restored, Service, Written,
};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::bytes::{good, saying};

/// How the bench gives back what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Well,
    /// All bytes, then a failure.
    EndsBadly,
    /// Nothing is found.
    NotFound,
}

/// The most bytes that an object of the suite may have.
const MOST_BYTES: usize = 256 << 20;

/// Keeps objects, or fails to.
pub struct Memory {
    fails: Option<Failure>,
    reading: Reading,
    objects: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
}

#[async_trait]
impl ArtifactWriter for Memory {
    async fn write(&self, name: &str, media_type: &str, data: ByteSource) -> Result<Written> {
        if let Some(failure) = &self.fails {
            return Err(failure.clone());
        }
        let bytes = data.read_all(MOST_BYTES).await?;
        let size = bytes.len() as u64;
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if objects.insert(name.to_owned(), (media_type.to_owned(), bytes)).is_some() {
            return Err(Failure::conflict(format!("object {name} has been written")));
        }
        Ok(Written { plain_bytes: size, stored_bytes: size, blake3 })
    }
}

#[async_trait]
impl ArtifactReader for Memory {
    async fn open(&self, _backup: &BackupId, name: &str) -> Result<ByteSource> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        match (objects.get(name), self.reading) {
            (None, _) | (_, Reading::NotFound) => Err(Failure::not_found(format!("no object {name}"))),
            (Some((_, bytes)), Reading::Well) => Ok(good(bytes)),
            (Some((_, bytes)), Reading::EndsBadly) => Ok(saying(bytes, Err(Failure::corrupt("the digest is another")))),
        }
    }
}

/// Hears nothing.
struct Deaf;

impl Observer for Deaf {
    fn log(&self, _level: Level, _message: &str, _fields: &[(String, String)]) {}
    fn phase(&self, _name: &str) {}
    fn expect(&self, _plain_bytes: u64) {}
}

/// Where a plugin works in this suite.
pub struct Bench<'a> {
    plugin: &'a MethodPlugin,
    memory: Arc<Memory>,
    scratch: TempDir,
}

impl<'a> Bench<'a> {
    pub fn new(plugin: &'a MethodPlugin) -> Self {
        Self::with(plugin, None)
    }

    /// One whose writer refuses everything.
    pub fn failing(plugin: &'a MethodPlugin, failure: Failure) -> Self {
        Self::with(plugin, Some(failure))
    }

    fn with(plugin: &'a MethodPlugin, fails: Option<Failure>) -> Self {
        let memory = Memory { fails, reading: Reading::Well, objects: Mutex::default() };
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        Self { plugin, memory: Arc::new(memory), scratch }
    }

    /// The same objects, given back in another way.
    pub fn reading(&self, reading: Reading) -> Self {
        let objects = self.memory.objects.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let memory = Memory { fails: None, reading, objects: Mutex::new(objects) };
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        Self { plugin: self.plugin, memory: Arc::new(memory), scratch }
    }

    pub async fn backup(&self) -> Result<Report> {
        let service = self.service();
        let backup = BackupId::new(&service.id, "server");
        self.plugin
            .backup(self.attempt(), BackupRequest { backup, service, config: json!({}), chain: Vec::new() })
            .await
    }

    pub async fn restore(&self, chain: Vec<Link>) -> Result<Restored> {
        let request = RestoreRequest { service: self.service(), config: json!({}), chain, until: None };
        self.plugin.restore(self.attempt(), request).await
    }

    /// The backup that was made, as a link of a chain.
    pub fn link(&self, report: Report) -> Link {
        let objects = self.memory.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = objects.iter().map(|(name, (media_type, bytes))| Object {
            name: name.clone(),
            media_type: media_type.clone(),
            plain_bytes: bytes.len() as u64,
        });
        let method = self.plugin.info().method.clone().expect("a method plugin has a method");
        Link { backup: BackupId::new(&self.service().id, "server"), method, objects: objects.collect(), report }
    }

    fn service(&self) -> Service {
        let engine = self.plugin.info().engines.first().expect("a method plugin has an engine").clone();
        Service { id: "db1".parse().expect("db1 is a service id"), engine, server: "server".to_owned() }
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            id: AttemptId::new(),
            cancel: CancellationToken::new(),
            deadline: Duration::from_secs(60),
            scratch: self.scratch.path().to_owned(),
            scratch_limit: 64 << 20,
            staging: None,
            increment: None,
            data_dir: None,
            connection: None,
            server: None,
            replacing: None,
            writer: Some(self.memory.clone()),
            reader: Some(self.memory.clone()),
            observer: Arc::new(Deaf),
        }
    }
}
