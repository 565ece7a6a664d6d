//! What goes into a tool's standard input: the launch order, then the plugin's source. The bytes move inside the kernel.

use std::fs::File;
use std::io::{self, Read, Write};

use bulkhead_model::{Failure, Result};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;
use tokio::sync::oneshot;

use super::output::CHUNK;
use crate::ByteSource;

/// How the feeding ended.
pub(super) struct Fed {
    pub(super) outcome: Result<(), Broken>,
    /// The sending end, when the source failed. A tool that saw it close would take
    /// what it has for the whole.
    pub(super) open: Option<File>,
}

/// Why not everything was fed.
pub(super) enum Broken {
    /// The tool has gone.
    Tool,
    /// The source has failed.
    Source(Failure),
}

/// Feeds on a thread. The tool sees the end only after the source has said that it ended well.
pub(super) fn feed(write: File, order: Vec<u8>, source: Option<ByteSource>) -> io::Result<oneshot::Receiver<Fed>> {
    let (tell, fed) = oneshot::channel();
    let run = move || {
        let outcome = pass(&write, &order, source);
        let open = matches!(outcome, Err(Broken::Source(_))).then_some(write);
        let _unheard = tell.send(Fed { outcome, open });
    };
    std::thread::Builder::new().name("tool-stdin".to_owned()).spawn(run)?;
    Ok(fed)
}

fn pass(mut write: &File, order: &[u8], source: Option<ByteSource>) -> Result<(), Broken> {
    write.write_all(order).map_err(|_| Broken::Tool)?;
    let Some(source) = source else { return Ok(()) };
    let mut sent = 0;
    loop {
        match rustix::pipe::splice(&source.data, None, write, None, CHUNK, SpliceFlags::MOVE) {
            Ok(0) => break,
            Ok(bytes) => sent += bytes as u64,
            Err(Errno::INTR) => {}
            Err(Errno::PIPE) => return Err(Broken::Tool),
            Err(error) => {
                return Err(Broken::Source(Failure::internal(format!(
                    "cannot feed a tool: {}",
                    io::Error::from(error)
                ))));
            }
        }
    }
    drop(source.data);
    match source.done.blocking_recv() {
        Ok(Ok(bytes)) if bytes == sent => Ok(()),
        Ok(Ok(bytes)) => {
            Err(Broken::Source(Failure::corrupt(format!("a stream of {bytes} bytes brought {sent} to the tool"))))
        }
        Ok(Err(failure)) => Err(Broken::Source(failure)),
        Err(_) => Err(Broken::Source(Failure::unavailable("the sender of a stream went away before it ended"))),
    }
}

/// Whether a tool that has exited had read all of its input: the pipe, of which the host kept a reading end, comes to its end
/// without another byte.
pub(super) fn all_read(leftover: File) -> io::Result<oneshot::Receiver<bool>> {
    let (tell, empty) = oneshot::channel();
    let run = move || {
        let empty = matches!((&leftover).read(&mut [0]), Ok(0));
        // Before the word goes out: the feeder must not stay blocked on a pipe that nobody reads.
        drop(leftover);
        let _unheard = tell.send(empty);
    };
    std::thread::Builder::new().name("tool-stdin-rest".to_owned()).spawn(run)?;
    Ok(empty)
}
