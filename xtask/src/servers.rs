//! Servers that have to be compiled, beside the work that does not need them yet.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bulkhead_test_support::{Problem, Result, workspace};

use crate::terminal::note;
use crate::{doctor, install};

/// Runs the commands with the lowest priority. Our end of the pipe closes when we are gone, however that happens: then everything
/// that was started here ends.
const SCRIPT: &str = r#"
exec 3<&0
nice -n 19 sh -ec "$1" </dev/null &
compiling=$!
(cat <&3 >/dev/null; kill 0) &
wait $compiling
"#;

/// A compilation that is under way.
pub struct Compiling {
    child: Child,
    log: PathBuf,
}

/// Begins to compile what is missing; `None` when nothing is.
pub fn compile() -> Result<Option<Compiling>> {
    let missing = doctor::missing(|need| need.fix.compiled().is_some());
    let servers: Vec<_> = missing.iter().filter_map(|need| need.fix.compiled()).collect();
    if servers.is_empty() {
        return Ok(None);
    }
    let log = workspace::target_dir().join("servers.log");
    let commands: Vec<String> = servers.iter().flat_map(|server| install::fetched(*server)).collect();
    for server in servers {
        note(&format!("{} {} is compiled meanwhile ({})", server.name(), server.version(), log.display()));
    }
    let words = File::create(&log)?;
    let child = Command::new("sh")
        .args(["-c", SCRIPT, "servers", &commands.join(" && ")])
        // Each for itself: what holds for the workspace is not meant for them.
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(words.try_clone()?)
        .stderr(words)
        .process_group(0)
        .spawn()?;
    Ok(Some(Compiling { child, log }))
}

impl Compiling {
    /// Waits for the end; a failure shows the compiler's last words.
    pub fn wait(mut self) -> Result<()> {
        // Kept open: the other end takes its closing for our end.
        let pipe = self.child.stdin.take();
        let status = self.child.wait()?;
        drop(pipe);
        if status.success() {
            return Ok(());
        }
        let words = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = words.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n");
        Err(Problem::new(format!("a server does not compile ({status}); {} ends with\n{last}", self.log.display())))
    }
}
