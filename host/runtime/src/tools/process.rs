//! A tool that runs: its start, the task that watches it, and its end.

mod group;
mod input;
mod lines;
mod output;
mod spawn;
mod supervise;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::group::Group;
use super::launch::{LAUNCH_COMMAND, LaunchOrder};
use super::policy::Success;
use crate::{ByteSource, Observer};

/// How a tool ended that did well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// The end of what it wrote to its standard error.
    pub stderr: String,
}

/// A tool that runs. Dropping it kills the tool and its children.
#[derive(Debug)]
pub struct Process {
    stdout: Mutex<Option<ByteSource>>,
    /// Set when nobody will take the standard output any more.
    discard: Arc<AtomicBool>,
    group: Arc<Group>,
    dropped: CancellationToken,
    ended: watch::Receiver<Option<Result<Exit>>>,
}

impl Process {
    /// The tool's standard output; once. Its `done` resolves after the tool has exited and the run was judged a success, with
    /// the number of bytes, or with the run's failure.
    pub fn stdout(&self) -> Option<ByteSource> {
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for the tool to end and to be judged. Standard output that was not taken is discarded.
    ///
    /// # Errors
    /// Why the run was no success; the same for every call.
    pub async fn wait(&self) -> Result<Exit> {
        if self.stdout.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.discard.store(true, Ordering::SeqCst);
            drop(self.stdout());
        }
        let mut ended = self.ended.clone();
        let outcome = ended.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Failure::cancelled()))
    }

    /// Ends the tool at once.
    pub(super) fn kill(&self) {
        self.dropped.cancel();
        self.group.kill();
    }

    /// Asks the tool to end; [`Process::wait`] tells how it did.
    pub(super) fn terminate(&self) {
        self.group.terminate();
    }

    /// The process id of the tool, also that of its process group.
    pub fn id(&self) -> u32 {
        self.group.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Everything about one run.
pub(super) struct Invocation {
    pub(super) tool: &'static str,
    pub(super) order: LaunchOrder,
    pub(super) directory: PathBuf,
    pub(super) stdin: Option<ByteSource>,
    pub(super) success: Success,
    /// A text that must not appear in anything the tool is heard saying.
    pub(super) secret: Option<String>,
    /// Hears the lines of standard error.
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) cancel: CancellationToken,
    pub(super) deadline: Duration,
}

/// Starts the launcher, which becomes the tool.
pub(super) async fn start(launcher: &Path, invocation: Invocation) -> Result<Process> {
    let tool = invocation.tool;
    let order = invocation.order.encode()?;
    let has_input = invocation.stdin.is_some();
    let (stdin_read, stdin_write) = pipe()?;
    let (stdout_read, stdout_write) = pipe()?;
    let (stderr_read, stderr_write) = pipe()?;
    let leftover = stdin_read.try_clone().map_err(no_descriptors)?;
    let mut command = Command::new(launcher);
    command
        .arg(LAUNCH_COMMAND)
        .env_clear()
        .current_dir(&invocation.directory)
        .stdin(Stdio::from(stdin_read))
        .stdout(Stdio::from(stdout_write))
        .stderr(Stdio::from(stderr_write));
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = spawn::spawn(command).await.map_err(|error| {
        Failure::internal(format!("cannot start the launcher {} of {tool}: {error}", launcher.display()))
    })?;
    let (group, exited) = Group::watch(child).map_err(no_thread)?;
    let (out, completion, source) = match ByteSource::pipe() {
        Ok(pipe) => pipe,
        Err(failure) => {
            group.kill();
            return Err(failure);
        }
    };
    let discard = Arc::new(AtomicBool::new(false));
    let keep_tail = matches!(invocation.success, Success::StdoutEnds(_));
    let threads = (|| {
        Ok((
            lines::listen(tool, stderr_read, invocation.secret, invocation.observer)?,
            output::carry(stdout_read, out, keep_tail, Arc::clone(&discard))?,
            input::feed(stdin_write, order, invocation.stdin)?,
        ))
    })();
    let (said, output, input) = threads.map_err(|error| {
        group.kill();
        no_thread(error)
    })?;
    let dropped = CancellationToken::new();
    let (tell, ended) = watch::channel(None);
    let run = supervise::Run {
        tool,
        success: invocation.success,
        group: Arc::clone(&group),
        exited,
        said,
        output,
        input,
        leftover: has_input.then_some(leftover),
        input_open: None,
        cancel: invocation.cancel,
        dropped: dropped.clone(),
        deadline: invocation.deadline,
    };
    tokio::spawn(async move {
        let outcome = run.supervise().await;
        completion.end(outcome.as_ref().map(|(_, bytes)| *bytes).map_err(Clone::clone));
        // Nobody may be waiting.
        let _unheard = tell.send(Some(outcome.map(|(exit, _)| exit)));
    });
    Ok(Process { stdout: Mutex::new(Some(source)), discard, group, dropped, ended })
}

fn pipe() -> Result<(std::fs::File, std::fs::File)> {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| no_descriptors(error.into()))?;
    // Best effort, as in `ByteSource::pipe`.
    let _size = rustix::pipe::fcntl_setpipe_size(&write, output::CHUNK);
    Ok((read.into(), write.into()))
}

fn no_descriptors(error: std::io::Error) -> Failure {
    Failure::unavailable(format!("no pipe for a tool: {error}"))
}

fn no_thread(error: std::io::Error) -> Failure {
    Failure::unavailable(format!("no thread for a tool: {error}"))
}
