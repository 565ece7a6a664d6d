//! The server as a process: told to stop, told to start, asked whether it answers.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Connection, Presence};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::{Flock, FlockType, Pid, Signal};
use tokio::process::Command;
use tokio::time::Instant;

use crate::config::ServiceConfig;

/// One question whether the server answers.
const ASK: Duration = Duration::from_secs(5);
/// Between two questions.
const POLL: Duration = Duration::from_millis(100);
/// How long the outcome of a command that has failed is waited for: it may have done its work all the same.
const AFTER_FAILED_COMMAND: Duration = Duration::from_secs(5);
/// How long a server that held its files may have let go of them, without answering, before it counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(2);
/// How long after the start command has returned nobody may hold the server's files before it counts as dead: a server takes its
/// locks within the first moments, long before it answers.
const UNHELD_FOR: Duration = Duration::from_secs(15);
/// The most of a command's error output that is quoted.
const QUOTED: usize = 2048;

/// Files that a running MariaDB holds locked in its data directory.
const LOCKED_FILES: &[&str] = &["aria_log_control", "ibdata1"];

/// How to reach, stop and start the server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    connection: Connection,
    stop: Vec<String>,
    start: Vec<String>,
    start_deadline: Duration,
    stop_deadline: Duration,
}

/// How a server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It let us in.
    Welcome,
    /// It runs, but does not know our user or password: the restored data has its own.
    Denied,
    /// It runs, but other clients have taken all of its connections.
    Full,
}

impl Server {
    pub fn new(service: &ServiceConfig) -> Self {
        Self {
            connection: service.connection.clone(),
            stop: service.stop.clone(),
            start: service.start.clone(),
            start_deadline: service.start_deadline,
            stop_deadline: service.stop_deadline,
        }
    }

    /// The user that it is asked as.
    pub fn user(&self) -> &str {
        &self.connection.user
    }

    /// Whether it answers now.
    pub async fn answer(&self) -> Result<Answer> {
        match self.connection.presence(ASK).await {
            Presence::Answers => Ok(Answer::Welcome),
            Presence::Denies => Ok(Answer::Denied),
            Presence::Full => Ok(Answer::Full),
            Presence::Silent(failure) => Err(failure),
        }
    }

    /// Whether a server runs on `data_dir`, also one that is too busy to answer.
    pub async fn runs(&self, data_dir: &Path) -> bool {
        holder(data_dir) == Holder::Held || self.answer().await.is_ok()
    }

    /// Tells the server to stop and waits until it neither answers nor holds its files. Fails only if it is still there.
    pub async fn stop(&self, data_dir: &Path) -> Result<()> {
        let told = run("stop", &self.stop, self.stop_deadline).await;
        let end = Instant::now() + if told.is_ok() { self.stop_deadline } else { AFTER_FAILED_COMMAND };
        loop {
            if self.answer().await.is_err() && holder(data_dir) != Holder::Held {
                return Ok(());
            }
            if Instant::now() >= end {
                let still = Failure::unavailable(format!(
                    "the server is still running {} s after it was told to stop",
                    self.stop_deadline.as_secs()
                ))
                .with_hint(
                    "a server that needs longer to shut down needs a longer `stop_deadline` in [service.server]",
                );
                return Err(told.err().unwrap_or(still).with_retry(false));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Tells the server to start and waits until it answers from `data_dir`. One that is there already is not told, until it has gone:
    /// an earlier order to stop may still be on its way to take effect.
    pub async fn start(&self, data_dir: &Path, after_told: impl FnOnce() -> Result<()>) -> Result<Answer> {
        // A second server on the same files would end by itself, but leave its pid file behind for the command that stops the first.
        let told = match holder(data_dir) {
            Holder::Held => None,
            Holder::Nobody | Holder::Unknown => Some(self.tell_to_start().await),
        };
        after_told()?;
        if let Some(told) = told {
            return self.wait_for_answer(data_dir, told).await;
        }
        match self.wait_while_held(data_dir).await {
            Some(answer) => Ok(answer),
            None => {
                let told = self.tell_to_start().await;
                self.wait_for_answer(data_dir, told).await
            }
        }
    }

    async fn tell_to_start(&self) -> Result<()> {
        run("start", &self.start, self.start_deadline).await
    }

    /// Waits for a server that holds its files already, and was not told to start: until it answers, or has gone. It may be on its way
    /// up or down. The answer; `None` when it gave none in all the time that either takes.
    async fn wait_while_held(&self, data_dir: &Path) -> Option<Answer> {
        let end = Instant::now() + self.start_deadline.max(self.stop_deadline);
        let mut held_at = Instant::now();
        loop {
            let answer = self.answer().await;
            match (answer, holder(data_dir)) {
                (Ok(answer), Holder::Held) => return Some(answer),
                (_, Holder::Held) => held_at = Instant::now(),
                _ if held_at.elapsed() >= DEAD_AFTER => return None,
                _ => {}
            }
            if Instant::now() >= end {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether a server comes up that a host may have told to start before it died.
    pub async fn comes_by_itself(&self, data_dir: &Path) -> bool {
        // With nothing to tell a server on its way from none, waiting would only be waiting.
        holder(data_dir) != Holder::Unknown && self.wait_for_answer(data_dir, Ok(())).await.is_ok()
    }

    async fn wait_for_answer(&self, data_dir: &Path, told: Result<()>) -> Result<Answer> {
        let patience = if told.is_ok() { self.start_deadline } else { self.start_deadline.min(AFTER_FAILED_COMMAND) };
        let end = Instant::now() + patience;
        let mut unheld_since = Instant::now();
        let mut unheld_for = UNHELD_FOR;
        loop {
            let answer = self.answer().await;
            let holder = holder(data_dir);
            match (&answer, holder) {
                (Ok(answer), Holder::Held | Holder::Unknown) => return Ok(*answer),
                (_, Holder::Held) => (unheld_since, unheld_for) = (Instant::now(), DEAD_AFTER),
                _ => {}
            }
            let dead = holder == Holder::Nobody && unheld_since.elapsed() >= unheld_for;
            if dead || Instant::now() >= end {
                let why = match (told, answer) {
                    (Err(failure), _) => failure.message,
                    (_, Ok(_)) => format!("something answers for it that does not use `{}`", data_dir.display()),
                    (_, Err(_)) if dead => "it ended while starting".to_owned(),
                    (_, Err(failure)) => format!("no answer within {} s: {}", patience.as_secs(), failure.message),
                };
                return Err(Failure::unavailable(format!("the server did not come up: {why}"))
                    .with_hint("its own error log says more")
                    .with_retry(false));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether the server answers from `data_dir` now.
    pub async fn answers_from(&self, data_dir: &Path) -> bool {
        self.answer().await.is_ok() && holder(data_dir) != Holder::Nobody
    }
}

/// Whether a process holds the locks of a running server in a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Held,
    Nobody,
    /// There is nothing to tell it by: another engine, or files that this host may not open.
    Unknown,
}

/// Asks without taking the lock, so that a server that is just starting is never in the way.
fn holder(data_dir: &Path) -> Holder {
    let mut holder = Holder::Unknown;
    for name in LOCKED_FILES {
        let Ok(file) = File::open(data_dir.join(name)) else { continue };
        match rustix::process::fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)) {
            Ok(Some(_)) => return Holder::Held,
            Ok(None) => holder = Holder::Nobody,
            Err(_) => {}
        }
    }
    holder
}

/// Runs a configured command to its end, in its own process group and with nothing of this host's environment.
async fn run(what: &str, command: &[String], deadline: Duration) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::invalid(format!("no command to {what} the server is configured")));
    };
    let failed = |why: String| Failure::unavailable(format!("the command to {what} the server ({program}) {why}"));
    let stderr = rustix::fs::memfd_create("stderr", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map(File::from)
        .map_err(|error| failed(format!("cannot be given an error output: {error}")))?;
    let for_child = stderr.try_clone().map_err(|error| failed(format!("cannot be given an error output: {error}")))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(for_child)
        .process_group(0)
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let ended = tokio::time::timeout(deadline, child.wait()).await;
    // A server that was started in the background keeps this file open for years: it must not grow any more.
    let _best_effort = rustix::fs::fcntl_add_seals(&stderr, SealFlags::GROW);
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("ended with {status}{}", quote(&stderr)))),
        Ok(Err(error)) => Err(failed(format!("cannot be waited for: {error}"))),
        Err(_) => {
            if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
                let _gone = rustix::process::kill_process_group(group, Signal::KILL);
            }
            let _reaped = child.wait().await;
            Err(failed(format!("did not end within {} s{}", deadline.as_secs(), quote(&stderr))))
        }
    }
}

/// The end of what a command has printed, on one line.
fn quote(stderr: &File) -> String {
    let length = stderr.metadata().map_or(0, |metadata| metadata.len());
    let mut tail = vec![0; QUOTED];
    let read = stderr.read_at(&mut tail, length.saturating_sub(QUOTED as u64)).unwrap_or(0);
    let text = String::from_utf8_lossy(tail.get(..read).unwrap_or_default()).into_owned();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { line } else { format!(": {line}") }
}
