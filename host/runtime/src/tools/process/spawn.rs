//! The one thread that starts processes. The kernel kills a tool when the *thread* that started it ends, not the process, so it
//! has to be one that never does.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use tokio::sync::oneshot;

type Request = (Command, oneshot::Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Option<Sender<Request>>> = OnceLock::new();

/// Starts a process that lives at most as long as this one, if it asks the kernel for that.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts processes is gone");
    let (reply, child) = oneshot::channel();
    SPAWNER.get_or_init(begin).as_ref().and_then(|spawner| spawner.send((command, reply)).ok()).ok_or_else(gone)?;
    child.await.map_err(|_| gone())?
}

fn begin() -> Option<Sender<Request>> {
    let (requests, inbox) = channel::<Request>();
    let run = move || {
        for (mut command, reply) in inbox {
            let spawned = command.spawn();
            // Its pipes are the child's now; the host's copies would hide their ends.
            drop(command);
            if let Err(Ok(mut child)) = reply.send(spawned) {
                // Nobody waits for it any more. Both can only fail when it is gone already.
                let _killed = child.kill();
                let _reaped = child.wait();
            }
        }
    };
    std::thread::Builder::new().name("tool-spawner".to_owned()).spawn(run).ok().map(|_| requests)
}
