//! `bulkhead:host/service`

use bulkhead_model::{Failure, Result};
use wasmtime::component::Accessor;

use crate::state::{Host, PluginState, Replacement};

/// The service's data goes now.
pub(crate) async fn begin_replace(host: &Accessor<PluginState, Host>) -> Result<()> {
    let replacing = host.with(|mut access| {
        let state = access.get();
        match state.replacement {
            Replacement::Forbidden => Err(Failure::denied("only a restore replaces what a service holds")),
            Replacement::Begun => Ok(None),
            Replacement::Allowed => Ok(state.attempt()?.replacing.clone()),
        }
    })?;
    if let Some(replacing) = replacing {
        replacing.begin().await?;
    }
    host.with(|mut access| access.get().replacement = Replacement::Begun);
    Ok(())
}
