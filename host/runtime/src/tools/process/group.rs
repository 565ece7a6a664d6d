//! The process group of a tool: signalled as one, and never after its number may belong to somebody else.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    reaped: Mutex<bool>,
}

impl Group {
    /// Watches the leader on a thread. When it exits, what is left of the group is killed before the leader is reaped, as
    /// its number is reserved until then.
    pub(super) fn watch(mut child: Child) -> io::Result<(Arc<Self>, oneshot::Receiver<io::Result<ExitStatus>>)> {
        let group = Arc::new(Self { leader: Pid::from_child(&child), reaped: Mutex::new(false) });
        let (tell, exited) = oneshot::channel();
        let watched = Arc::clone(&group);
        let watch = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(watched.leader), options) {}
            watched.kill();
            let mut reaped = watched.reaped.lock().unwrap_or_else(PoisonError::into_inner);
            let status = child.wait();
            *reaped = true;
            drop(reaped);
            let _unheard = tell.send(status);
        };
        match std::thread::Builder::new().name("tool-exit".to_owned()).spawn(watch) {
            Ok(_detached) => Ok((group, exited)),
            Err(error) => {
                group.kill();
                Err(error)
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            // Fails only when nobody is left to hear it.
            let _gone = rustix::process::kill_process_group(self.leader, signal);
        }
    }
}
