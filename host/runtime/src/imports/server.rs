//! `bulkhead:host/server`

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use wasmtime::component::Accessor;

use crate::state::{Host, PluginState};
use crate::{ServerControl, ServerStatus};

/// Whether the job's own server answers, and how much it holds.
pub(crate) async fn status(host: &Accessor<PluginState, Host>) -> Result<ServerStatus> {
    host.with(|mut access| control(access.get()))?.status().await
}

/// Makes the staging directory.
pub(crate) async fn stage(host: &Accessor<PluginState, Host>, bytes: u64) -> Result<()> {
    host.with(|mut access| control(access.get()))?.stage(bytes).await
}

/// Makes the directory for an increment.
pub(crate) async fn stage_increment(host: &Accessor<PluginState, Host>, bytes: u64) -> Result<()> {
    host.with(|mut access| control(access.get()))?.stage_increment(bytes).await
}

/// Puts the staged directory in the place of the data directory; once.
pub(crate) async fn swap(host: &Accessor<PluginState, Host>) -> Result<Duration> {
    let server = host.with(|mut access| {
        let state = access.get();
        let server = control(state)?;
        if std::mem::replace(&mut state.swapped, true) {
            return Err(Failure::conflict("the data directory has been swapped in this attempt already"));
        }
        Ok(server)
    })?;
    server.swap().await
}

fn control(state: &PluginState) -> Result<Arc<dyn ServerControl>> {
    let server = state.granted("server")?.server.clone();
    server.ok_or_else(|| {
        Failure::unsupported("the host cannot stop and start this service here")
            .with_hint("only a restore may; set data_dir and server = { stop, start } of the service")
    })
}
