//! The byte path between a method plugin and a target: count, BLAKE3, zstd, age, SHA-256, and the same way back.
//!
//! Every direction runs on one thread of its own between two pipes, in bounded memory. Nothing is called complete before the
//! sender's word, the sizes and the digests agree.

mod decode;
mod encode;
pub(crate) mod foreign;
mod intake;
mod keys;
pub mod layout;
pub mod manifest;
mod relay;
mod verify;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub(crate) use decode::NOT_OUR_KEY;
pub use decode::{decode, decode_then};
pub use encode::{EncodeFailure, EncodeOptions, Encoded, encode};
pub use keys::{Identities, Keys, Recipients};
pub use relay::relay;
pub use verify::{verify_plain, verify_stored};

/// What has passed so far, over all objects of an attempt. Read by the heartbeat while the threads count.
#[derive(Debug, Default)]
pub struct Meter {
    plain_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    held_until: Mutex<Option<Instant>>,
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

    /// Says until when the attempt holds its lease: no byte is read from a target after that, nor copied into another one. A process
    /// that was frozen for longer must not continue, when it thaws, with a restore that another one does meanwhile.
    pub fn hold_until(&self, instant: Instant) {
        if let Ok(mut held_until) = self.held_until.lock() {
            *held_until = Some(instant);
        }
    }

    fn is_held(&self) -> bool {
        self.held_until.lock().is_ok_and(|until| until.is_none_or(|until| Instant::now() < until))
    }

    fn add_plain(&self, bytes: usize) {
        self.plain_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_stored(&self, bytes: usize) {
        self.stored_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
