//! `bulkhead:host/artifacts`

use std::sync::Arc;

use bulkhead_model::{BackupId, Failure, Result};
use wasmtime::component::{Accessor, Resource};

use crate::state::{Host, PluginState};
use crate::{ArtifactReader, ArtifactWriter, ByteSource, Written};

/// The right to write the objects of the attempt's backup.
pub struct WriterHandle(Arc<dyn ArtifactWriter>);

/// The right to read the objects of the restore's chain.
pub struct ReaderHandle(Arc<dyn ArtifactReader>);

/// The attempt's writer, for a call of `backup`.
pub(crate) fn writer(state: &mut PluginState) -> wasmtime::Result<Resource<WriterHandle>> {
    let writer = state.attempt()?.writer.clone();
    let writer = writer.ok_or_else(|| Failure::internal("a backup without a writer"))?;
    Ok(state.table.push(WriterHandle(writer))?)
}

/// The attempt's reader, for a call of `restore`.
pub(crate) fn reader(state: &mut PluginState) -> wasmtime::Result<Resource<ReaderHandle>> {
    let reader = state.attempt()?.reader.clone();
    let reader = reader.ok_or_else(|| Failure::internal("a restore without a reader"))?;
    Ok(state.table.push(ReaderHandle(reader))?)
}

/// Keeps one object.
pub(crate) async fn write(
    host: &Accessor<PluginState, Host>,
    writer: &Resource<WriterHandle>,
    name: &str,
    media_type: &str,
    data: ByteSource,
) -> wasmtime::Result<Result<Written>> {
    let begun = host.with(|mut access| -> wasmtime::Result<Result<Arc<dyn ArtifactWriter>>> {
        let state = access.get();
        let writer = state.table.get(writer)?.0.clone();
        if !is_object_name(name) {
            let rule = "use 1 to 128 letters, digits, `.`, `-` and `_`, not starting with a dot";
            return Ok(Err(Failure::invalid(format!("`{}` is no object name", name.escape_default())).with_hint(rule)));
        }
        if !is_media_type(media_type) {
            return Ok(Err(Failure::invalid(format!("`{}` is no media type", media_type.escape_default()))));
        }
        if !state.written.insert(name.to_owned()) {
            return Ok(Err(Failure::conflict(format!("object `{name}` has been written already"))));
        }
        Ok(Ok(writer))
    })?;
    Ok(match begun {
        Ok(writer) => writer.write(name, media_type, data).await,
        Err(failure) => Err(failure),
    })
}

/// Opens an object of the chain.
pub(crate) async fn open(
    host: &Accessor<PluginState, Host>,
    reader: &Resource<ReaderHandle>,
    backup: &str,
    name: &str,
) -> wasmtime::Result<Result<ByteSource>> {
    let reader = host.with(|mut access| access.get().table.get(reader).map(|handle| handle.0.clone()))?;
    let backup: BackupId = match backup.parse() {
        Ok(backup) => backup,
        Err(_) => return Ok(Err(Failure::not_found("the chain has no such backup"))),
    };
    Ok(reader.open(&backup, name).await)
}

fn is_object_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

fn is_media_type(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
