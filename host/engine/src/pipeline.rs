//! The byte path between a method plugin and a target: count, BLAKE3, zstd, age, SHA-256, and the same way back.
//!
//! Every direction runs on one thread of its own between two pipes, in bounded memory. Nothing is called complete before the
//! sender's word, the sizes and the digests agree.

mod decode;
mod encode;
mod intake;
mod keys;
pub mod layout;
pub mod manifest;
mod verify;

use std::sync::atomic::{AtomicU64, Ordering};

pub use decode::{decode, decode_then};
pub use encode::{EncodeFailure, EncodeOptions, Encoded, encode};
pub use keys::{Identities, Keys, Recipients};
pub use verify::{verify_plain, verify_stored};

/// What has passed so far, over all objects of an attempt. Read by the heartbeat while the threads count.
#[derive(Debug, Default)]
pub struct Meter {
    plain_bytes: AtomicU64,
    stored_bytes: AtomicU64,
}

impl Meter {
    /// Plain bytes read from the method or given to it.
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes.load(Ordering::Relaxed)
    }

    /// Bytes given to the target or read from it.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes.load(Ordering::Relaxed)
    }

    fn add_plain(&self, bytes: usize) {
        self.plain_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_stored(&self, bytes: usize) {
        self.stored_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
