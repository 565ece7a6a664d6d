//! A private PostgreSQL server: no port, a socket in its own folder, gone with the process that started it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::problem::{Problem, Result};
use crate::process;
use crate::template;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// Not below TMPDIR: the path of a socket has at most 107 bytes, and `nobody` must get there.
const DISK: &str = "/tmp";

/// The same, in memory.
const MEMORY: &str = "/dev/shm";

/// For the clusters of several tests; a container has 64 MiB unless somebody asked for more.
const ROOM: u64 = 1 << 30;

/// A PostgreSQL server with trust for whoever reaches its socket. It ends with this process, however that ends: its shell
/// reads our pipe until we are gone, then stops it and removes the folder.
pub struct PostgreSql {
    folder: PathBuf,
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl PostgreSql {
    /// Makes a new cluster and starts it. `settings` go to `postgres` as `-c NAME=VALUE`.
    pub fn start(settings: &[&str]) -> Result<Self> {
        Self::start_below(Path::new(DISK), settings)
    }

    /// Makes a new cluster in memory, where there is room for it, and starts it. A cluster has a thousand files, and a file system without a
    /// journal takes half a second to make them after as many were removed.
    pub fn start_in_memory() -> Result<Self> {
        let free = rustix::fs::statvfs(MEMORY).map_or(0, |memory| memory.f_bavail * memory.f_frsize);
        Self::start_below(Path::new(if free < ROOM { DISK } else { MEMORY }), &[])
    }

    fn start_below(parent: &Path, settings: &[&str]) -> Result<Self> {
        let postgres = program("postgres")?;
        let user = unprivileged()?;
        let folder = private_folder(parent, user)?;
        template::copy(&cluster(user)?, &folder.path().join("data"))?;
        let folder = folder.keep();
        let script = r#"
            "$POSTGRES" -D "$FOLDER/data" -k "$FOLDER" -c listen_addresses= -c fsync=off -c max_connections=300 "$@" \
                >"$FOLDER/log" 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -QUIT $server
            wait $server
            rm -rf "$FOLDER"
        "#;
        let mut shell = process::command("/bin/sh");
        shell
            .args(["-c", script, "postgres"])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(&folder)
            .env("FOLDER", &folder)
            .env("POSTGRES", postgres)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for us; the shell must live to clean up.
            .process_group(0);
        if let Some((uid, gid)) = user {
            shell.uid(uid).gid(gid);
        }
        let mut shell = shell.spawn()?;
        let pipe = shell.stdin.take();
        process::wait_until("PostgreSQL starts", START_DEADLINE, || {
            if shell.try_wait()?.is_some() {
                return Err(Problem::new(format!("PostgreSQL did not start: {}", read(&folder.join("log")))));
            }
            // The server writes this line of its pid file last.
            Ok(read(&folder.join("data/postmaster.pid")).contains("ready").then_some(()))
        })?;
        Ok(Self { folder, shell: Mutex::new((shell, pipe)) })
    }

    /// The address of one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// Runs statements with `psql`, and gives what it printed: unaligned rows without headers.
    pub fn sql(&self, database: &str, statements: &str, deadline: Duration) -> Result<String> {
        Self::sql_at(&self.url(database), statements, deadline)
    }

    /// The same on any server.
    pub fn sql_at(url: &str, statements: &str, deadline: Duration) -> Result<String> {
        let mut psql = process::command(program("psql")?);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]);
        let finished = process::run(&mut psql, statements.as_bytes(), deadline)?;
        match finished.code {
            Some(0) => Ok(String::from_utf8_lossy(&finished.stdout).trim_end().to_owned()),
            code => Err(Problem::new(format!("psql ended with {code:?}: {}", finished.stderr))),
        }
    }
}

impl Drop for PostgreSql {
    fn drop(&mut self) {
        if let Ok(mut shell) = self.shell.lock() {
            // Its input ends: it stops the server and tidies up.
            shell.1 = None;
            let _ = shell.0.wait();
        }
    }
}

/// A cluster that no server has used yet: making one takes longer than most tests.
fn cluster(user: Option<(u32, u32)>) -> Result<PathBuf> {
    const ARGUMENTS: &[&str] =
        &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=1", "--no-sync"];
    let initdb = program("initdb")?;
    let recipe = [vec![template::ingredient(&initdb)?], ARGUMENTS.iter().map(ToString::to_string).collect()].concat();
    template::directory("postgresql", &recipe, |to| {
        let folder = private_folder(Path::new(DISK), user)?;
        let data = folder.path().join("data");
        let mut initdb = process::command(&initdb);
        initdb.args(ARGUMENTS).arg("-D").arg(&data).current_dir(folder.path()).process_group(0);
        if let Some((uid, gid)) = user {
            initdb.uid(uid).gid(gid);
        }
        let finished = process::run(&mut initdb, b"", START_DEADLINE)?;
        if finished.code != Some(0) {
            return Err(Problem::new(format!("initdb failed: {}", finished.stderr)));
        }
        template::copy(&data, to)
    })
}

fn private_folder(parent: &Path, user: Option<(u32, u32)>) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("bulkhead-pg-").tempdir_in(parent)?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    if let Some((uid, gid)) = user {
        chown(folder.path(), Some(uid), Some(gid))?;
    }
    Ok(folder)
}

/// PostgreSQL refuses to run as root; then it runs as `nobody`.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = read(Path::new("/etc/passwd"));
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.map(Some).ok_or_else(|| Problem::new("PostgreSQL does not run as root, and there is no user `nobody`"))
}

/// The newest packaged program, or the one on PATH.
fn program(name: &str) -> Result<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = packaged.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let found = folders.into_iter().rev().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.map_or_else(|| process::program(name), Ok)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
