//! The trait that a method plugin implements.

use super::{BackupRequest, CheckRequest, Description, Finding, Reader, Report, RestoreRequest, Restored, Writer};
use crate::{Failure, Result};

/// One way to back up and restore a kind of database. Every call runs in an instance of its own: nothing is kept between calls.
pub trait MethodPlugin: 'static {
    /// Says what the plugin is and which grants it needs. Pure: calls nothing of the host.
    fn describe() -> Description;

    /// Checks a configuration when a schedule is made, long before the first backup. The host has checked it against the schema.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    fn validate(config: &str) -> Result<()> {
        let _any = config;
        Ok(())
    }

    /// Makes a backup. Success means that the writer holds objects which restore.
    ///
    /// # Errors
    /// Anything that leaves the backup incomplete. The host then forgets what was written.
    fn backup(request: BackupRequest, writer: Writer) -> impl Future<Output = Result<Report>>;

    /// Restores a chain into the request's service.
    ///
    /// # Errors
    /// Anything that leaves the service other than promised.
    fn restore(request: RestoreRequest, reader: Reader) -> impl Future<Output = Result<Restored>> {
        let _unused = (request, reader);
        async { Err(Failure::unsupported("this method does not restore")) }
    }

    /// Asks a restored server whether it holds what the backup promised; a drill calls it.
    ///
    /// # Errors
    /// When the questions could not be asked. What the answers reveal are findings.
    fn check(request: CheckRequest, reader: Reader) -> impl Future<Output = Result<Vec<Finding>>> {
        let _unused = (request, reader);
        async { Ok(Vec::new()) }
    }
}

/// Makes a type the plugin of this component.
#[macro_export]
macro_rules! register_method {
    ($plugin:ty) => {
        #[doc(hidden)]
        type RegisteredMethod = $crate::method::Adapter<$plugin>;
        $crate::bindings::method::export_method!(RegisteredMethod with_types_in $crate::bindings::method);
    };
}
