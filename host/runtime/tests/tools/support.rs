//! What the tests stand on: scopes in temporary directories, fake tools, a private server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bulkhead_model::Result;
use bulkhead_runtime::{ByteSource, Connection, Level, Observer, ToolScope, ToolSet};
use bulkhead_test_support::{MariaDb, process};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Awkward for option files, SQL and shells alike.
pub const PASSWORD: &str = r#"p#w" '%;\x \n$(id)"#;

#[derive(Default)]
pub struct Heard(pub Mutex<Vec<String>>);

impl Observer for Heard {
    fn log(&self, _level: Level, message: &str, _fields: &[(String, String)]) {
        self.0.lock().unwrap().push(message.to_owned());
    }
    fn phase(&self, _name: &str) {}
    fn expect(&self, _plain_bytes: u64) {}
}

impl Heard {
    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// An attempt's places, removed afterwards.
pub struct Places {
    pub dir: TempDir,
    pub heard: Arc<Heard>,
    pub scope: ToolScope,
}

pub fn places() -> Places {
    let dir = tempfile::tempdir().unwrap();
    let [scratch, staging] = ["scratch", "staging"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).unwrap();
    fs::create_dir(&staging).unwrap();
    let heard = Arc::new(Heard::default());
    let scope = ToolScope {
        attempt: serde_json::from_str("\"0123456789abcdef0123456789abcdef\"").unwrap(),
        scratch,
        staging: Some(staging),
        increment: None,
        data_dir: None,
        connection: None,
        observer: Arc::clone(&heard) as _,
        cancel: CancellationToken::new(),
        deadline: Duration::from_secs(60),
    };
    Places { dir, heard, scope }
}

/// The example that `cargo test -p bulkhead-runtime` builds beside the tests (`--test tools` alone does not: it leaves an old one).
pub fn launcher() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let launcher = deps.parent().unwrap().parent().unwrap().join("examples/launcher");
    assert!(launcher.exists(), "{} is missing: cargo build -p bulkhead-runtime --examples", launcher.display());
    launcher
}

pub fn tools() -> ToolSet {
    ToolSet::new(launcher(), BTreeMap::new())
}

/// A tool set in which `tool` is this shell script.
pub fn fake(dir: &Path, tool: &str, script: &str) -> ToolSet {
    let path = dir.join(format!("fake-{tool}"));
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    ToolSet::new(launcher(), BTreeMap::from([(tool.to_owned(), path)]))
}

pub fn arguments(list: &[&str]) -> Vec<String> {
    list.iter().map(|argument| (*argument).to_owned()).collect()
}

/// All bytes of a source, and how it says it ended.
pub async fn drain(source: ByteSource) -> (Vec<u8>, Result<u64>) {
    let bytes = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        File::from(source.data).read_to_end(&mut bytes).unwrap();
        bytes
    });
    (bytes.await.unwrap(), ByteSource::ended(source.done).await)
}

/// Polls until something is so.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
}

/// A MariaDB server of a test's own, with a user `backup` whose password is [`PASSWORD`].
pub struct Server {
    dir: TempDir,
    child: Child,
    pub connection: Arc<Connection>,
}

impl Server {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        MariaDb::install(&data).unwrap();
        let port = process::free_port().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let child = clean("mariadbd")
            .env("TMPDIR", dir.path())
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve", "--server-id=1"])
            .args([
                "--log-bin=binlog",
                "--binlog-format=ROW",
                "--innodb-buffer-pool-size=32M",
                "--innodb-flush-log-at-trx-commit=0",
            ])
            .args([
                format!("--datadir={}", data.display()),
                format!("--port={port}"),
                format!("--socket={}", path("s")),
            ])
            .args([format!("--pid-file={}", path("pid")), format!("--log-error={}", path("err"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = Some(dir.path().join("s"));
        let root = Connection {
            host: String::new(),
            port: 0,
            socket,
            user: "root".to_owned(),
            password: String::new(),
            throw_away: false,
            http: None,
        };
        let mut server = Self { dir, child, connection: Arc::new(root.clone()) };
        let end = Instant::now() + Duration::from_secs(30);
        while let Err(failure) = root.ping(Duration::from_secs(5)).await {
            assert!(Instant::now() < end, "{failure}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let password = PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
        server.sql(&format!("CREATE USER backup IDENTIFIED BY '{password}'")).await;
        server.sql("GRANT ALL ON *.* TO backup").await;
        let user = "backup".to_owned();
        let host = "127.0.0.1".to_owned();
        server.connection = Arc::new(Connection {
            host,
            port,
            socket: None,
            user,
            password: PASSWORD.to_owned(),
            throw_away: false,
            http: None,
        });
        server
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub async fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.connection.query(sql, Duration::from_secs(30), 1 << 20).await.unwrap().rows
    }

    /// A place for tools that know this server.
    pub fn places(&self) -> Places {
        let mut places = places();
        places.scope.connection = Some(Arc::clone(&self.connection));
        places.scope.data_dir = Some(self.data_dir());
        places
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("TZ", "UTC");
    command
}
