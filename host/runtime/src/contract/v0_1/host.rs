//! The host's interfaces of version 0.1 on the host's plain functions.

use wasmtime::component::{Access, Accessor, Linker, Resource};

use super::bindings::bulkhead::host::{artifacts, database, log, progress, scratch, server, service, tools, types};
use crate::imports;
use crate::imports::artifacts::{ReaderHandle, WriterHandle};
use crate::imports::tools::ProcessHandle;
use crate::state::{Host, PluginState};
use crate::{Level, stream};

type Answer<T> = wasmtime::Result<Result<T, types::Failure>>;

/// Offers what every plugin may import.
pub(super) fn link_common(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Host>(linker, reach)?;
    log::add_to_linker::<_, Host>(linker, reach)
}

/// Offers what only method plugins may import.
pub(super) fn link_method(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    progress::add_to_linker::<_, Host>(linker, reach)?;
    tools::add_to_linker::<_, Host>(linker, reach)?;
    database::add_to_linker::<_, Host>(linker, reach)?;
    server::add_to_linker::<_, Host>(linker, reach)?;
    service::add_to_linker::<_, Host>(linker, reach)?;
    scratch::add_to_linker::<_, Host>(linker, reach)?;
    artifacts::add_to_linker::<_, Host>(linker, reach)
}

/// Every import passes here: whoever asks the host is not computing.
fn reach(state: &mut PluginState) -> &mut PluginState {
    state.compute.rest();
    state
}

fn take(host: &Accessor<PluginState, Host>, source: types::Source) -> wasmtime::Result<crate::ByteSource> {
    host.with(|access| stream::from_guest(access, source.data, source.done))
}

fn give(host: &Accessor<PluginState, Host>, source: crate::ByteSource) -> wasmtime::Result<types::Source> {
    let handed = host.with(|access| stream::to_guest(access, source))?;
    Ok(types::Source { data: handed.data, done: handed.done })
}

impl types::Host for PluginState {}

impl log::Host for PluginState {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        imports::log::write(self, level, &message, &fields);
        Ok(())
    }
}

impl progress::Host for PluginState {
    fn phase(&mut self, name: String) -> wasmtime::Result<()> {
        imports::progress::phase(self, &name);
        Ok(())
    }

    fn expect(&mut self, plain_bytes: u64) -> wasmtime::Result<()> {
        imports::progress::expect(self, plain_bytes);
        Ok(())
    }
}

impl scratch::Host for PluginState {
    fn limit(&mut self) -> wasmtime::Result<u64> {
        Ok(imports::scratch::limit(self))
    }
}

impl database::Host for PluginState {}

impl database::HostWithStore<PluginState> for Host {
    async fn query(host: &Accessor<PluginState, Self>, sql: String) -> Answer<database::Rows> {
        let answer = imports::database::query(host, &sql).await;
        Ok(answer.map(|rows| database::Rows { columns: rows.columns, rows: rows.rows }).map_err(Into::into))
    }
}

impl server::Host for PluginState {}

impl server::HostWithStore<PluginState> for Host {
    async fn status(host: &Accessor<PluginState, Self>) -> Answer<server::ServerStatus> {
        let status = imports::server::status(host).await;
        let status =
            status.map(|status| server::ServerStatus { running: status.running, data_bytes: status.data_bytes });
        Ok(status.map_err(Into::into))
    }

    async fn stage(host: &Accessor<PluginState, Self>, bytes: u64) -> Answer<()> {
        Ok(imports::server::stage(host, bytes).await.map_err(Into::into))
    }

    async fn stage_increment(host: &Accessor<PluginState, Self>, bytes: u64) -> Answer<()> {
        Ok(imports::server::stage_increment(host, bytes).await.map_err(Into::into))
    }

    async fn swap(host: &Accessor<PluginState, Self>) -> Answer<server::Swapped> {
        let swapped = imports::server::swap(host).await;
        let swapped = swapped
            .map(|downtime| server::Swapped { downtime_ms: u64::try_from(downtime.as_millis()).unwrap_or(u64::MAX) });
        Ok(swapped.map_err(Into::into))
    }
}

impl service::Host for PluginState {}

impl service::HostWithStore<PluginState> for Host {
    async fn begin_replace(host: &Accessor<PluginState, Self>) -> Answer<()> {
        Ok(imports::service::begin_replace(host).await.map_err(Into::into))
    }
}

impl tools::Host for PluginState {}

impl tools::HostWithStore<PluginState> for Host {
    async fn version(host: &Accessor<PluginState, Self>, tool: String) -> Answer<String> {
        Ok(imports::tools::version(host, &tool).await.map_err(Into::into))
    }

    async fn run(
        host: &Accessor<PluginState, Self>,
        tool: String,
        arguments: Vec<String>,
        stdin: Option<types::Source>,
    ) -> Answer<Resource<ProcessHandle>> {
        let stdin = stdin.map(|source| take(host, source)).transpose()?;
        Ok(imports::tools::run(host, &tool, &arguments, stdin).await.map_err(Into::into))
    }
}

impl tools::HostProcess for PluginState {
    fn drop(&mut self, process: Resource<ProcessHandle>) -> wasmtime::Result<()> {
        imports::tools::drop(self, process)
    }
}

impl tools::HostProcessWithStore<PluginState> for Host {
    fn stdout(mut host: Access<'_, PluginState, Self>, process: Resource<ProcessHandle>) -> Answer<types::Source> {
        match imports::tools::stdout(host.get(), &process)? {
            Ok(source) => {
                let handed = stream::to_guest(host, source)?;
                Ok(Ok(types::Source { data: handed.data, done: handed.done }))
            }
            Err(failure) => Ok(Err(failure.into())),
        }
    }

    async fn wait(host: &Accessor<PluginState, Self>, process: Resource<ProcessHandle>) -> Answer<tools::Exit> {
        let exit = imports::tools::wait(host, &process).await?;
        Ok(exit.map(|exit| tools::Exit { code: exit.code, stderr: exit.stderr }).map_err(Into::into))
    }
}

impl artifacts::Host for PluginState {}

impl artifacts::HostWriter for PluginState {
    fn drop(&mut self, writer: Resource<WriterHandle>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        Ok(())
    }
}

impl artifacts::HostWriterWithStore<PluginState> for Host {
    async fn write(
        host: &Accessor<PluginState, Self>,
        writer: Resource<WriterHandle>,
        name: String,
        media_type: String,
        data: types::Source,
    ) -> Answer<artifacts::Written> {
        let data = take(host, data)?;
        let written = imports::artifacts::write(host, &writer, &name, &media_type, data).await?;
        let written = written.map(|written| artifacts::Written {
            plain_bytes: written.plain_bytes,
            stored_bytes: written.stored_bytes,
            blake3: written.blake3,
        });
        Ok(written.map_err(Into::into))
    }
}

impl artifacts::HostReader for PluginState {
    fn drop(&mut self, reader: Resource<ReaderHandle>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

impl artifacts::HostReaderWithStore<PluginState> for Host {
    async fn open(
        host: &Accessor<PluginState, Self>,
        reader: Resource<ReaderHandle>,
        backup: String,
        name: String,
    ) -> Answer<types::Source> {
        match imports::artifacts::open(host, &reader, &backup, &name).await? {
            Ok(source) => Ok(Ok(give(host, source)?)),
            Err(failure) => Ok(Err(failure.into())),
        }
    }
}
