//! The step between the host and a tool: a fresh process that locks itself in and then becomes the tool.

use std::ffi::OsString;

/// The hidden subcommand by which the host's own binary becomes the launcher.
pub const LAUNCH_COMMAND: &str = "__tool";

/// Applies the sandbox and becomes the tool; returns the exit code for the process when that fails.
/// `arguments` are those after [`LAUNCH_COMMAND`].
pub fn launcher_main(_arguments: impl Iterator<Item = OsString>) -> i32 {
    todo!()
}
