//! Children, ports and waiting.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::problem::{Problem, Result};

/// How a child ended.
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error, lossily as text.
    pub stderr: String,
}

/// A command with nothing of this process's environment but `PATH` and `HOME`, in UTC.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", search_path()).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if let Some(home) = env::var_os("HOME") {
        command.env("HOME", home);
    }
    command
}

/// Runs a command to its end, feeding it `input`; kills it and fails at the deadline.
pub fn run(command: &mut Command, input: &[u8], deadline: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Problem::new(format!("{name} does not start: {error}")))?;
    let (mut stdin, mut out, mut err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // A child that ends early closes its input: its exit tells more than our broken pipe.
        scope.spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(input)));
        let stdout = scope.spawn(move || drain(out.as_mut()));
        let stderr = scope.spawn(move || drain(err.as_mut()));
        // Waited for rather than looked at again and again: tests run thousands of commands, and most take a few milliseconds.
        let (pid, (ended, end)) = (child.id(), mpsc::channel());
        scope.spawn(move || ended.send(child.wait()));
        let in_time = end.recv_timeout(deadline);
        if in_time.is_err() {
            kill(pid);
        }
        let stdout = stdout.join().unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr.join().unwrap_or_default()).into_owned();
        let status = in_time
            .map_err(|_| Problem::new(format!("{name}: not done after {:.1} s\n{stderr}", deadline.as_secs_f64())))??;
        Ok(Finished { code: status.code(), stdout, stderr })
    })
}

fn drain(pipe: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What arrived before a read error is still worth having.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// Polls until `probe` gives a value; fails at the deadline, or at once with the probe's problem.
pub fn wait_until<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(value) = probe()? {
            return Ok(value);
        }
        if started.elapsed() >= deadline {
            return Err(Problem::new(format!("{what}: not done after {:.1} s", deadline.as_secs_f64())));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// A port nobody listens on. It lies below the range outgoing connections are given, so only another
/// caller of this function can take it meanwhile; whoever listens on it has to be ready to try again.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = std::process::id().wrapping_mul(2_654_435_761).wrapping_add(step.wrapping_mul(7919));
        let port = 12_000 + u16::try_from(spread % 20_000).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Problem::new("no free port between 12000 and 32000"))
}

/// A program on `PATH` or where servers usually lie.
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// Like [`find_program`], but a missing program is a problem that names the cure.
pub fn program(name: &str) -> Result<PathBuf> {
    find_program(name).ok_or_else(|| Problem::new(format!("{name} is not installed; hint: `cargo xtask doctor`")))
}

/// Whether a process runs (a zombie does not).
pub fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

/// Whether a process runs and has `text` in its command line: guards against a pid that was given to another process.
/// While a process changes its program its command line is empty for a moment; that counts as running.
pub fn is_running(pid: u32, text: &Path) -> bool {
    let text = text.to_string_lossy();
    alive(pid)
        && fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.is_empty() || String::from_utf8_lossy(&line).contains(&*text))
}

/// A line of `/proc/<pid>/status` in KiB, e.g. `VmHWM` (the most memory it ever held) or `VmRSS`.
pub fn memory_kib(pid: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Sends SIGKILL; a process that is gone already is no problem.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Sends SIGTERM; a process that is gone already is no problem.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

/// Stops a process where it stands (SIGSTOP).
pub fn freeze(pid: u32) {
    signal(pid, Signal::STOP);
}

/// Lets a frozen process go on (SIGCONT).
pub fn thaw(pid: u32) {
    signal(pid, Signal::CONT);
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn search_path() -> String {
    let set = env::var("PATH").unwrap_or_default();
    format!("{set}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}
