//! A server in a folder of its own, ended with the process that started it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::problem::{Problem, Result};
use crate::process;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// Another process may take the port between its choice and its use.
const TRIES: usize = 3;

/// Reads our pipe until we are gone, however that happens, then ends the server and removes its folder.
const SCRIPT: &str = r#"
folder=$1
shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -KILL $server
wait $server
rm -rf "$folder"
"#;

/// A server and its folder; dropping it ends both.
#[derive(Debug)]
pub(crate) struct ServerChild {
    folder: PathBuf,
    address: SocketAddr,
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl ServerChild {
    /// Starts what `prepare` makes of a fresh folder and a free port, and waits until `ready` says so.
    pub fn start(
        name: &str,
        prepare: impl Fn(&Path, u16) -> Result<Command>,
        ready: impl Fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        let mut failed = None;
        for _ in 0..TRIES {
            match Self::attempt(name, &prepare, &ready) {
                Ok(started) => return Ok(started),
                Err(problem) => failed = Some(problem),
            }
        }
        Err(failed.unwrap_or_else(|| Problem::new(format!("{name} does not start"))))
    }

    fn attempt(
        name: &str,
        prepare: impl Fn(&Path, u16) -> Result<Command>,
        ready: impl Fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        let port = process::free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let folder = tempfile::Builder::new().prefix(&format!("bulkhead-{name}-")).tempdir()?;
        let server = prepare(folder.path(), port)?;
        let mut shell = process::command("/bin/sh");
        shell
            .args(["-c", SCRIPT, name])
            .arg(folder.path())
            .arg(server.get_program())
            .args(server.get_args())
            .current_dir(folder.path())
            .envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for us; the shell must live to clean up.
            .process_group(0);
        let mut shell = shell.spawn()?;
        let pipe = shell.stdin.take();
        // From here on the shell removes it.
        let child = Self { folder: folder.keep(), address, shell: Mutex::new((shell, pipe)) };
        process::wait_until(&format!("{name} starts"), START_DEADLINE, || {
            Ok((TcpStream::connect(address).is_ok() && ready(address)).then_some(()))
        })
        .map_err(|problem| Problem::new(format!("{problem}:\n{}", child.log())))?;
        Ok(child)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote to its outputs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        if let Ok(mut shell) = self.shell.lock() {
            // Its input ends: it ends the server and tidies up.
            shell.1 = None;
            let _ = shell.0.wait();
        }
    }
}

/// A key nobody has used: so many hexadecimal digits, at most 64.
pub(crate) fn random_hex(digits: usize) -> Result<String> {
    let mut text = String::new();
    for _ in 0..2 {
        text.push_str(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim());
    }
    text.retain(|letter| letter != '-');
    text.truncate(digits);
    Ok(text)
}
