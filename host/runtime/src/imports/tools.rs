//! `bulkhead:host/tools`

use std::sync::Arc;

use bulkhead_model::{Failure, Result};
use wasmtime::component::{Accessor, Resource};

use crate::ByteSource;
use crate::state::{Host, PluginState};
use crate::tools::{Exit, Process, ToolScope, ToolSet};

/// A tool that runs for the plugin. Dropping it, or the store, kills it.
pub struct ProcessHandle(Arc<Process>);

/// The version that a tool states of itself.
pub(crate) async fn version(host: &Accessor<PluginState, Host>, tool: &str) -> Result<String> {
    let (tools, _scope) = host.with(|mut access| granted(access.get(), tool))?;
    tools.version(tool).await
}

/// Starts a tool.
pub(crate) async fn run(
    host: &Accessor<PluginState, Host>,
    tool: &str,
    arguments: &[String],
    stdin: Option<ByteSource>,
) -> Result<Resource<ProcessHandle>> {
    let (tools, scope) = host.with(|mut access| granted(access.get(), tool))?;
    let process = tools.run(&scope, tool, arguments, stdin).await?;
    host.with(|mut access| access.get().table.push(ProcessHandle(Arc::new(process))))
        .map_err(|_full| Failure::denied("the plugin holds too many handles"))
}

/// Takes a tool's standard output; once.
pub(crate) fn stdout(state: &PluginState, process: &Resource<ProcessHandle>) -> wasmtime::Result<Result<ByteSource>> {
    let source = state.table.get(process)?.0.stdout();
    Ok(source.ok_or_else(|| Failure::conflict("the tool's standard output has been taken already")))
}

/// Waits for a tool to end and to be judged.
pub(crate) async fn wait(
    host: &Accessor<PluginState, Host>,
    process: &Resource<ProcessHandle>,
) -> wasmtime::Result<Result<Exit>> {
    let process = host.with(|mut access| access.get().table.get(process).map(|handle| handle.0.clone()))?;
    Ok(process.wait().await)
}

/// The plugin lets go of a tool.
pub(crate) fn drop(state: &mut PluginState, process: Resource<ProcessHandle>) -> wasmtime::Result<()> {
    state.table.delete(process)?;
    Ok(())
}

fn granted(state: &PluginState, tool: &str) -> Result<(ToolSet, ToolScope)> {
    let attempt = state.granted(&format!("tool:{tool}"))?;
    Ok((state.tools.clone(), ToolScope::from(attempt)))
}
