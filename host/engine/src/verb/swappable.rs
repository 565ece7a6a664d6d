//! Whether a copy of a service's data files could be restored into the service.

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::PluginInfo;

use crate::config::ServiceConfig;
use crate::engine::needs_server;
use crate::executor::Run;
use crate::swap;

/// Refuses to copy data files that would not come back, and warns when the service could not be restored as things are now: a year of
/// backups is not the time to find out.
///
/// # Errors
/// `unsupported`, naming the data that is outside of the data directory.
pub(super) async fn check(run: &Run, service: &ServiceConfig, plugin: &PluginInfo) -> Result<()> {
    if !needs_server(plugin) {
        return Ok(());
    }
    let looked = service.clone();
    let looked = tokio::task::spawn_blocking(move || {
        swap::require_inside(&looked)?;
        let mut warnings = swap::side_effects(&looked);
        // Where it is not said how to stop the server, the backup is for another service.
        if swap::require_configured(&looked).is_ok()
            && let Err(obstacle) = swap::check_possible(&looked)
        {
            warnings.push(format!("this backup could not be restored into service `{}`: {obstacle}", looked.id));
        }
        Ok::<_, Failure>(warnings)
    });
    let broken = |error| Failure::internal(format!("looking at the data directory broke down: {error}"));
    for warning in looked.await.map_err(broken)?? {
        run.observer.warn(&warning);
    }
    Ok(())
}
