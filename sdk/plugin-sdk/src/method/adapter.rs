//! Stands between the generated trait and [`MethodPlugin`].

use std::marker::PhantomData;

use super::{
    BackupRequest, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest, Restored, Writer,
};
use crate::Result;
use crate::bindings::method::exports::bulkhead::method::method as export;

/// What [`register_method!`](crate::register_method) exports for a plugin.
#[doc(hidden)]
pub struct Adapter<P>(PhantomData<P>);

impl<P: MethodPlugin> export::Guest for Adapter<P> {
    fn describe() -> Description {
        P::describe()
    }

    fn validate(config: String) -> Result<()> {
        P::validate(&config)
    }

    async fn backup(request: BackupRequest, writer: export::Writer) -> Result<Report> {
        P::backup(request, Writer(writer)).await
    }

    async fn restore(request: RestoreRequest, reader: export::Reader) -> Result<Restored> {
        P::restore(request, Reader(reader)).await
    }

    async fn check(request: CheckRequest, reader: export::Reader) -> Result<Vec<Finding>> {
        P::check(request, Reader(reader)).await
    }
}
