//! Bytes on their way, and the word on how they ended.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use bulkhead_model::{Failure, Result};
use tokio::sync::oneshot;

/// The most the kernel lets an ordinary process keep in one pipe.
const PIPE_BYTES: usize = 1 << 20;

/// A stream of bytes inside the host: the reading end of a pipe and, beside it, how the stream ended. End of file alone says
/// nothing: a consumer calls the bytes complete only after [`ByteSource::done`] gave the number of bytes it has read.
///
/// A pipe bounds the memory, couples blocking threads with async tasks, and can be handed to a tool as it is.
#[derive(Debug)]
pub struct ByteSource {
    /// Where the bytes come out.
    pub data: OwnedFd,
    /// The total number of bytes sent, or why there are no more.
    pub done: oneshot::Receiver<Result<u64>>,
}

/// The sending side's duty to say how its stream ended. Dropped without a word, the stream counts as broken off.
#[derive(Debug)]
pub struct Completion(oneshot::Sender<Result<u64>>);

impl Completion {
    /// A completion and the receiver that learns of it.
    pub fn new() -> (Self, oneshot::Receiver<Result<u64>>) {
        let (tx, rx) = oneshot::channel();
        (Self(tx), rx)
    }

    /// Says how the stream ended. A consumer that has gone away is no error here.
    pub fn end(self, outcome: Result<u64>) {
        let _gone = self.0.send(outcome);
    }

    /// Resolves when nobody waits for the word any more.
    pub async fn abandoned(&mut self) {
        self.0.closed().await;
    }
}

impl ByteSource {
    /// A pipe: the end to write into, the duty to complete, and the source.
    ///
    /// # Errors
    /// `unavailable` when the process has no file descriptors left.
    pub fn pipe() -> Result<(File, Completion, Self)> {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| Failure::unavailable(format!("no pipe: {error}")))?;
        // Best effort: an unprivileged user who has many large pipes gets a small one.
        let _size = rustix::pipe::fcntl_setpipe_size(&write, PIPE_BYTES);
        let (completion, done) = Completion::new();
        Ok((File::from(write), completion, Self { data: read, done }))
    }

    /// A source of bytes that lie in memory, written by a thread of its own.
    ///
    /// # Errors
    /// As [`ByteSource::pipe`].
    pub fn from_bytes(bytes: impl Into<bytes::Bytes>) -> Result<Self> {
        let (mut write, completion, source) = Self::pipe()?;
        let bytes = bytes.into();
        tokio::task::spawn_blocking(move || {
            let outcome = write
                .write_all(&bytes)
                .map(|()| bytes.len() as u64)
                .map_err(|error| Failure::unavailable(format!("reader went away: {error}")));
            drop(write);
            completion.end(outcome);
        });
        Ok(source)
    }

    /// Reads all of it into memory, at most `limit` bytes.
    ///
    /// # Errors
    /// `corrupt` when there are more bytes or other ones than the sender says; the sender's failure.
    pub async fn read_all(self, limit: usize) -> Result<Vec<u8>> {
        let Self { data, done } = self;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            File::from(data).take(most).read_to_end(&mut bytes).map(|_| bytes)
        });
        let bytes = read
            .await
            .map_err(|error| Failure::internal(format!("a reader broke down: {error}")))?
            .map_err(|error| Failure::unavailable(format!("reading failed: {error}")))?;
        if bytes.len() > limit {
            return Err(Failure::corrupt(format!("there are more than {limit} bytes")));
        }
        let sent = Self::ended(done).await?;
        if sent != bytes.len() as u64 {
            return Err(Failure::corrupt(format!("{} bytes arrived, {sent} were sent", bytes.len())));
        }
        Ok(bytes)
    }

    /// Waits for the sender's word on how the stream ended.
    ///
    /// # Errors
    /// The sender's failure; `unavailable` when the sender vanished without a word.
    pub async fn ended(done: oneshot::Receiver<Result<u64>>) -> Result<u64> {
        done.await.unwrap_or_else(|_| Err(Failure::unavailable("the sender of a stream went away before it ended")))
    }
}
