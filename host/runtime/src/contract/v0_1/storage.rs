//! Storage plugins of version 0.1.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_model as model;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Accessor, Component, Linker, ResourceAny};

use super::bindings::bulkhead::host::types;
use super::bindings::storage::exports::bulkhead::storage::storage as wit;
use super::bindings::storage::{StoragePlugin, StoragePluginPre};
use super::host;
use crate::contract::Description;
use crate::state::PluginState;
use crate::storage::{ByteRange, Entry, Page, Upload};
use crate::stream::Ended;
use crate::{ByteSource, egress, stream, wasi};

type Answer<T> = wasmtime::Result<model::Result<T>>;

/// A storage plugin, linked.
#[derive(Clone)]
pub(crate) struct StorageContract {
    pre: StoragePluginPre<PluginState>,
}

/// What a bucket is opened with.
#[derive(Clone)]
pub(crate) struct Location {
    /// JSON.
    pub(crate) config: String,
    pub(crate) credentials: Option<String>,
}

/// Unwraps the plugin's answer or passes its failure on as the call's.
macro_rules! answered {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(failure) => return Ok(Err(model::Failure::from(failure))),
        }
    };
}

impl StorageContract {
    pub(crate) fn link(component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(component.engine());
        wasi::link(&mut linker)?;
        egress::link(&mut linker)?;
        host::link_common(&mut linker)?;
        Ok(Self { pre: StoragePluginPre::new(linker.instantiate_pre(component)?)? })
    }

    async fn instance(&self, store: &mut Store<PluginState>) -> wasmtime::Result<StoragePlugin> {
        self.pre.instantiate_async(store).await
    }

    pub(crate) async fn describe(&self, mut store: Store<PluginState>) -> wasmtime::Result<Description> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        let said = store.run_concurrent(async |accessor| plugin.call_describe(accessor).await).await??;
        Ok(Description {
            name: said.name,
            version: said.version,
            config_schema: said.config_schema,
            grants: said.grants.into_iter().map(|asked| (asked.grant, asked.reason)).collect(),
            method: None,
        })
    }

    pub(crate) async fn validate(&self, mut store: Store<PluginState>, at: Location) -> Answer<()> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        let answer = store
            .run_concurrent(async |accessor| plugin.call_validate(accessor, at.config, at.credentials).await)
            .await??;
        Ok(answer.map_err(Into::into))
    }

    pub(crate) async fn open(&self, mut store: Store<PluginState>, at: Location) -> Answer<()> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                answered!(bucket(plugin, accessor, at).await?);
                Ok(Ok(()))
            })
            .await?
    }

    pub(crate) async fn put(
        &self,
        mut store: Store<PluginState>,
        at: Location,
        key: String,
        data: ByteSource,
        if_absent: bool,
    ) -> Answer<u64> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        let answer: Answer<(u64, Ended, Arc<AtomicU64>)> = store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                let handed = accessor.with(|access| stream::to_guest::<types::Failure>(access, data))?;
                let source = types::Source { data: handed.data, done: handed.done };
                let options = wit::PutOptions { if_absent };
                let kept = plugin.bucket().call_put(accessor, bucket, key, source, options).await?;
                Ok(Ok((answered!(kept), handed.ended, handed.taken)))
            })
            .await?;
        // What the plugin did not read it cannot have kept; letting go of the source ends the sender.
        drop(store);
        let (kept, ended, taken) = match answer? {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        let (sent, taken) = match ended.await {
            Ok(sent) => (sent, taken.load(Ordering::Relaxed)),
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(if sent == kept && sent == taken {
            Ok(kept)
        } else {
            let message = format!("the storage plugin says it kept {kept} bytes of {sent}, and has read {taken}");
            Err(model::Failure::corrupt(message))
        })
    }

    /// Sends the reading end of a pipe as soon as the plugin has opened the object; the answer comes after the last byte.
    pub(crate) async fn get(
        &self,
        mut store: Store<PluginState>,
        at: Location,
        key: String,
        range: Option<ByteRange>,
        opened: oneshot::Sender<OwnedFd>,
    ) -> Answer<u64> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                let range = range.map(|range| wit::ByteRange { offset: range.offset, length: range.length });
                let source = answered!(plugin.bucket().call_get(accessor, bucket, key, range).await?);
                let source = accessor.with(|access| stream::from_guest(access, source.data, source.done))?;
                let _caller_went_away = opened.send(source.data);
                Ok(ByteSource::ended(source.done).await)
            })
            .await?
    }

    pub(crate) async fn head(&self, mut store: Store<PluginState>, at: Location, key: String) -> Answer<Option<Entry>> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                let found = answered!(plugin.bucket().call_head(accessor, bucket, key).await?);
                Ok(Ok(found.map(entry)))
            })
            .await?
    }

    pub(crate) async fn list(
        &self,
        mut store: Store<PluginState>,
        at: Location,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Page> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                let page = answered!(plugin.bucket().call_list(accessor, bucket, prefix, after, limit).await?);
                Ok(Ok(Page { entries: page.entries.into_iter().map(entry).collect(), next: page.next }))
            })
            .await?
    }

    pub(crate) async fn delete(&self, mut store: Store<PluginState>, at: Location, key: String) -> Answer<()> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                answered!(plugin.bucket().call_delete(accessor, bucket, key).await?);
                Ok(Ok(()))
            })
            .await?
    }

    pub(crate) async fn unfinished(
        &self,
        mut store: Store<PluginState>,
        at: Location,
        prefix: String,
        after: Option<Upload>,
    ) -> Answer<Vec<Upload>> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                let after = after.map(wit_upload);
                let uploads = answered!(plugin.bucket().call_unfinished(accessor, bucket, prefix, after).await?);
                Ok(Ok(uploads.into_iter().map(upload).collect()))
            })
            .await?
    }

    pub(crate) async fn abandon(&self, mut store: Store<PluginState>, at: Location, upload: Upload) -> Answer<()> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_storage_storage();
        store
            .run_concurrent(async |accessor| {
                let bucket = answered!(bucket(plugin, accessor, at).await?);
                answered!(plugin.bucket().call_abandon(accessor, bucket, wit_upload(upload)).await?);
                Ok(Ok(()))
            })
            .await?
    }
}

async fn bucket(
    plugin: &wit::Guest,
    accessor: &Accessor<PluginState>,
    at: Location,
) -> wasmtime::Result<Result<ResourceAny, types::Failure>> {
    plugin.bucket().call_open(accessor, at.config, at.credentials).await
}

fn entry(said: wit::Entry) -> Entry {
    Entry { key: said.key, bytes: said.bytes, modified: time(said.modified_us) }
}

fn upload(said: wit::Upload) -> Upload {
    Upload { key: said.key, id: said.id, begun: time(said.begun_us) }
}

fn wit_upload(upload: Upload) -> wit::Upload {
    let begun_us = u64::try_from(upload.begun.as_micros()).unwrap_or(0);
    wit::Upload { key: upload.key, id: upload.id, begun_us }
}

fn time(micros: u64) -> model::Timestamp {
    model::Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
