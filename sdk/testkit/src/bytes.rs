//! Bytes to send, and sources that end in all the ways that sources end.

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{ByteSource, Completion};

/// Bytes that differ by position, so that a shifted or repeated block shows.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// A source that ends well.
pub fn good(bytes: &[u8]) -> ByteSource {
    ByteSource::from_bytes(bytes.to_vec()).expect("the machine has a pipe")
}

/// A source that sends all of `bytes` and then says `word`.
pub fn saying(bytes: &[u8], word: Result<u64>) -> ByteSource {
    let (completion, done) = Completion::new();
    completion.end(word);
    ByteSource { done, ..good(bytes) }
}

/// A source that sends all of `bytes` and says nothing more.
pub fn silent(bytes: &[u8]) -> ByteSource {
    let (completion, done) = Completion::new();
    drop(completion);
    ByteSource { done, ..good(bytes) }
}

/// All sources that a consumer must not take for complete, with a name for messages.
pub fn broken(bytes: &[u8]) -> [(&'static str, ByteSource); 4] {
    let length = bytes.len() as u64;
    [
        ("failed", saying(bytes, Err(Failure::unavailable("the sender broke down")))),
        ("ended without a word", silent(bytes)),
        ("said more bytes than it sent", saying(bytes, Ok(length + 1))),
        ("said fewer bytes than it sent", saying(bytes, Ok(length - 1))),
    ]
}
