//! The job's own service, as those see it who use it.

use crate::Result;
use crate::bindings::method::bulkhead::host::service as host;

/// Says that the service's data goes now. A restore calls it right before the first change that it cannot take back; from then on the
/// service is closed until a restore of it has succeeded. Again it does nothing.
///
/// # Errors
/// Whatever keeps the host from closing the service: nothing may be changed then. `denied` outside of a restore.
pub async fn begin_replace() -> Result<()> {
    host::begin_replace().await
}
