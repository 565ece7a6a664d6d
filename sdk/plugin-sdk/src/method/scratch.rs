//! The directory `/scratch` of this attempt's own, for the plugin (with `std::fs`) and its tools. Grant: `scratch`.

use std::path::Path;

/// Where it is.
pub fn path() -> &'static Path {
    Path::new("/scratch")
}

/// Bytes that may lie in it; an attempt that goes over is stopped.
pub fn limit() -> u64 {
    crate::bindings::method::bulkhead::host::scratch::limit()
}
