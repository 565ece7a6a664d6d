//! Cleans up after a process that could not: Ctrl-C, `kill -9`, an aborted test.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::problem::Result;
use crate::process;

/// A shell that waits for this process to be gone, then kills the process named in a pid file (if it is still the one that was meant:
/// the directory stands in its command line) and removes directories. Dropping it ends the watch.
#[derive(Debug)]
pub struct Guardian(Child);

const SCRIPT: &str = r#"
while [ -d /proc/"$1" ]; do sleep 1; done
if [ -s "$2" ]; then
  read -r pid <"$2"
  tr '\0' ' ' </proc/"$pid"/cmdline 2>/dev/null | grep -qF "$3" && kill -9 "$pid"
  sleep 1
fi
shift 2
rm -rf "$@"
"#;

impl Guardian {
    /// Watches; the first directory is the one in the command line.
    pub fn watch(pid_file: &Path, directories: &[&Path]) -> Result<Self> {
        let shell = process::command("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(std::process::id().to_string())
            .arg(pid_file)
            .args(directories)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not in the terminal's foreground, so that Ctrl-C does not end it too.
            .process_group(0)
            .spawn()?;
        Ok(Self(shell))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
