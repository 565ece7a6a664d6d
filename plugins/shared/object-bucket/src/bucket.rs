//! An opened bucket: the contract's functions, for every service.

use std::sync::Arc;

use bulkhead_plugin_sdk::storage::{Bucket, ByteRange, Entry, Page, PutOptions, Source, Upload};
use bulkhead_plugin_sdk::{Failure, Result};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectStore};

use crate::{Connector, Fault, Layout, Operation, PutToken, Service, Unfinished, Verdict, download, upload};

/// An opened bucket.
#[derive(Debug)]
pub struct ObjectBucket<S: Service> {
    pub(crate) service: Arc<S>,
    pub(crate) layout: Layout,
}

impl<S: Service> ObjectBucket<S> {
    /// A bucket of `service`. Nothing is asked of it yet.
    pub fn new(service: S, layout: Layout) -> Self {
        Self { service: Arc::new(service), layout }
    }

    /// What requests are made with, for one put or for anything else.
    pub(crate) fn store(&self, token: Option<PutToken>) -> Result<Arc<S::Store>> {
        let store = self.service.store(Connector::new(self.service.clone(), token));
        // Not its text: it repeats what it was given.
        store.map(Arc::new).map_err(|_| Failure::invalid("configuration: no bucket can be opened with it"))
    }

    /// Looks an object up.
    pub(crate) async fn look_up(&self, path: &Path) -> Result<Option<GetResult>> {
        let head = GetOptions { head: true, ..GetOptions::default() };
        match self.store(None)?.get_opts(path, head).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => match Fault::of(&error, Operation::Head.failing()) {
                Fault { verdict: Verdict::Absent, .. } => Ok(None),
                fault => Err(fault.failure),
            },
        }
    }
}

impl<S: Service> Bucket for ObjectBucket<S> {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        upload::put(self, key, data, options.if_absent).await
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        download::get(self, key, range).await
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        let found = self.look_up(&self.layout.path(key)?).await?;
        Ok(found.map(|found| entry(key, found.meta.size, found.meta.last_modified.timestamp())))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let name = self.layout.name(prefix);
        let mut entries: Vec<Entry> = Vec::new();
        let mut more_after = after.filter(|after| *after >= prefix).map(|after| self.layout.name(after));
        // Names that are no keys are somebody else's: they take up places in the service's pages and none in ours.
        loop {
            let missing = limit - entries.len() as u32;
            let listed = self.service.clone().list(&name, more_after.as_deref(), missing).await?;
            for (name, bytes, modified) in listed.objects {
                if let Some(key) = self.layout.key(&name) {
                    entries.push(entry(key, bytes, modified));
                }
            }
            more_after = listed.more_after;
            if more_after.is_none() || entries.len() as u32 >= limit {
                let next = more_after.and(entries.last()).map(|entry| entry.key.clone());
                return Ok(Page { entries, next });
            }
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let path = self.layout.path(key)?;
        match self.service.clone().delete(&path).await {
            Ok(()) | Err(Fault { verdict: Verdict::Absent, .. }) => Ok(()),
            Err(fault) => Err(fault.failure),
        }
    }

    async fn unfinished(&self, prefix: &str, after: Option<&Upload>) -> Result<Vec<Upload>> {
        let prefix = self.layout.name(prefix);
        let mut last = after.map(|after| Unfinished {
            name: self.layout.name(&after.key),
            id: after.id.clone(),
            begun_us: after.begun_us,
        });
        // Pages that hold nothing of ours are not the end.
        loop {
            let page = self.service.clone().unfinished(&prefix, last.as_ref()).await?;
            let Some(end) = page.last().cloned() else { return Ok(Vec::new()) };
            let ours = page.into_iter().filter_map(|upload| {
                let key = self.layout.key(&upload.name)?.to_owned();
                Some(Upload { key, id: upload.id, begun_us: upload.begun_us })
            });
            let ours: Vec<Upload> = ours.collect();
            if !ours.is_empty() {
                return Ok(ours);
            }
            last = Some(end);
        }
    }

    async fn abandon(&self, upload: &Upload) -> Result<()> {
        let (path, store) = (self.layout.path(&upload.key)?, self.store(None)?);
        upload::abort::<S>(&store, &path, &upload.id).await
    }
}

/// Times are whole seconds: what looking an object up says of it has no more.
fn entry(key: &str, bytes: u64, modified: i64) -> Entry {
    Entry { key: key.to_owned(), bytes, modified_us: u64::try_from(modified).unwrap_or(0) * 1_000_000 }
}
