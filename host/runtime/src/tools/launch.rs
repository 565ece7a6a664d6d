//! The step between the host and a tool: a fresh process that locks itself in and then becomes the tool.
//!
//! The order for it comes first on its standard input, so that neither argv nor environment nor a file shows it; what follows
//! there is the tool's own input. The defaults file with the credentials is anonymous memory: it is gone with the process,
//! also when the host is killed.

mod interpreter;
mod order;
mod sandbox;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::process::{Resource, Rlimit, Signal};

pub(super) use order::LaunchOrder;

/// The hidden subcommand by which the host's own binary becomes the launcher.
pub const LAUNCH_COMMAND: &str = "__tool";

/// Begins the first line on standard error, which is always the launcher's.
pub(super) const REPORT: &str = "bulkhead launcher: ";

/// What the first line says when the tool is about to take over; otherwise it says what went wrong.
pub(super) const LOCKED_IN: &str = "sandbox ";

/// The exit code of a launch that failed.
const NOT_LAUNCHED: i32 = 126;

/// Locks the process in and becomes the tool; returns the exit code for the process when that fails. `arguments` are those
/// after [`LAUNCH_COMMAND`]; there are none today.
pub fn launcher_main(_arguments: impl Iterator<Item = OsString>) -> i32 {
    let problem = match launch() {
        Ok(never) => match never {},
        Err(problem) => problem,
    };
    report(&problem);
    NOT_LAUNCHED
}

fn report(text: &str) {
    // Nobody is left to tell when standard error is gone.
    let _gone = writeln!(std::io::stderr(), "{REPORT}{text}");
}

fn launch() -> Result<std::convert::Infallible, String> {
    let order = read_order()?;
    // First the lifeline, then the look whether the host has died before it was tied.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot tie its life to the host's: {error}"))?;
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(order.host_pid) {
        return Err("the host is gone".to_owned());
    }
    // A core would hold the password.
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(|error| format!("cannot forbid core files: {error}"))?;
    let mut command = Command::new(&order.program);
    // Kept open over exec: the tool reads it by number.
    let defaults = order.defaults.as_deref().map(keep_in_memory).transpose()?;
    if let Some(defaults) = &defaults {
        command.arg(format!("--defaults-file=/proc/self/fd/{}", defaults.as_raw_fd()));
    }
    command.args(&order.arguments).env_clear().envs(order.environment.iter().map(|(name, value)| (name, value)));
    // Open over exec for as long as the tool lives; `lock_in` says why.
    let _myself = rustix::fs::open(sandbox::MYSELF, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
        .map_err(|error| format!("no {}: {error}", sandbox::MYSELF))?;
    let enforced = sandbox::lock_in(&order)?;
    report(&format!("{LOCKED_IN}{enforced}"));
    let error = command.exec();
    Err(format!("cannot run {}: {error}", order.program.display()))
}

/// Reads the order and not one byte more: the rest is the tool's.
fn read_order() -> Result<LaunchOrder, String> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| format!("no standard input: {error}"))?;
    let mut stdin = File::from(stdin);
    let mut length = [0; 4];
    stdin.read_exact(&mut length).map_err(|error| format!("no order: {error}"))?;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(|error| error.to_string())?;
    if length > LaunchOrder::MAX_BYTES {
        return Err("the order is too long".to_owned());
    }
    let mut text = vec![0; length];
    stdin.read_exact(&mut text).map_err(|error| format!("the order is cut short: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("the order is not understood: {error}"))
}

fn keep_in_memory(text: &str) -> Result<File, String> {
    let fd = rustix::fs::memfd_create("defaults", MemfdFlags::empty())
        .map_err(|error| format!("no memory file: {error}"))?;
    // Tools ignore an option file that others may write.
    rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR)
        .map_err(|error| format!("cannot protect the memory file: {error}"))?;
    let mut file = File::from(fd);
    file.write_all(text.as_bytes()).map_err(|error| format!("cannot write the memory file: {error}"))?;
    Ok(file)
}
