//! How far the attempt has come. Bytes that pass through writer and reader are counted by the host.

/// Names the phase that starts now, e.g. `prepare`.
pub fn phase(name: &str) {
    crate::bindings::method::bulkhead::host::progress::phase(name);
}

/// Sets the number of plain bytes that this attempt is expected to move.
pub fn expect(plain_bytes: u64) {
    crate::bindings::method::bulkhead::host::progress::expect(plain_bytes);
}
