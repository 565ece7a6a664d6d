//! What comes out of a tool's standard output: counted and passed on, inside the kernel unless its end has to be looked at.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulkhead_model::{Failure, Result};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;
use tokio::sync::oneshot;

/// Bytes moved at once; also what a pipe holds.
pub(super) const CHUNK: usize = 1 << 20;

/// Bytes of the end that are kept.
const TAIL: usize = 4096;

/// How the output ended.
pub(super) struct Carried {
    /// The number of bytes that the tool wrote, or what kept the host from passing them on.
    pub(super) outcome: Result<u64>,
    /// The last bytes, when they were asked for.
    pub(super) tail: Vec<u8>,
}

/// Carries on a thread. With `discard` set, a reader that is gone is no fault.
pub(super) fn carry(
    from: File,
    to: File,
    keep_tail: bool,
    discard: Arc<AtomicBool>,
) -> io::Result<oneshot::Receiver<Carried>> {
    let (tell, carried) = oneshot::channel();
    let run = move || {
        let mut tail = Vec::new();
        let mut bytes = 0;
        let moved =
            if keep_tail { copy(&from, Some(&to), &mut bytes, &mut tail) } else { splice(&from, &to, &mut bytes) };
        // From here on the reader may see the end.
        drop(to);
        let moved = match moved {
            Err(error) if error.kind() == ErrorKind::BrokenPipe && discard.load(Ordering::SeqCst) => {
                copy(&from, None, &mut bytes, &mut tail)
            }
            other => other,
        };
        let outcome = match moved {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                Err(Failure::unavailable("the reader of the tool's output went away").with_retry(false))
            }
            Err(error) => Err(Failure::internal(format!("cannot pass on a tool's output: {error}"))),
        };
        let _unheard = tell.send(Carried { outcome, tail });
    };
    std::thread::Builder::new().name("tool-stdout".to_owned()).spawn(run)?;
    Ok(carried)
}

fn splice(from: &File, to: &File, bytes: &mut u64) -> io::Result<()> {
    loop {
        match rustix::pipe::splice(from, None, to, None, CHUNK, SpliceFlags::MOVE) {
            Ok(0) => return Ok(()),
            Ok(moved) => *bytes += moved as u64,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn copy(mut from: &File, to: Option<&File>, bytes: &mut u64, tail: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let chunk = &buffer[..read];
        *bytes += read as u64;
        tail.extend_from_slice(&chunk[read.saturating_sub(TAIL)..]);
        tail.drain(..tail.len().saturating_sub(TAIL));
        if let Some(mut to) = to {
            to.write_all(chunk)?;
        }
    }
}
