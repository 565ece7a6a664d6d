//! Databases for the tests: a SQLite file, and a PostgreSQL server started once for the test binary.

use std::fs;
use std::future::Future;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// An empty database of its own.
pub struct Database {
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("new/catalog.db").display()), _folder: folder }
    }

    pub async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = Server::get();
        let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
        // A collation for people, which treats punctuation and case unlike SQLite does: nothing may depend on it.
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        admin.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        admin.close().await.unwrap();
        Self { url: server.url(&name), _folder: tempfile::tempdir().unwrap() }
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite")
    }
}

/// Runs a test on both databases.
pub fn on_both<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("on SQLite");
    runtime.block_on(async { test(Database::sqlite()).await });
    println!("on PostgreSQL");
    runtime.block_on(async { test(Database::postgres().await).await });
}

/// A PostgreSQL server that only this process reaches: no port, a socket in its own folder. It ends with this process,
/// however that ends: its shell reads our pipe until we are gone, then stops it and removes the folder.
struct Server {
    folder: PathBuf,
    _ends_with_us: Mutex<(Child, ChildStdin)>,
}

impl Server {
    fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    fn start() -> Self {
        let (postgres, initdb) = (program("postgres"), program("initdb"));
        // In /tmp, not below TMPDIR: the path of a socket has at most 107 bytes, and `nobody` must get there.
        let folder = tempfile::Builder::new().prefix("bulkhead-pg-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let script = r#"
            "$INITDB" -D "$FOLDER/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$FOLDER/log" 2>&1 || exit 1
            "$POSTGRES" -D "$FOLDER/data" -k "$FOLDER" -c listen_addresses= -c fsync=off -c max_connections=300 \
                >>"$FOLDER/log" 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -INT $server
            wait $server
            rm -rf "$FOLDER"
        "#;
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", script])
            .current_dir(&folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("FOLDER", &folder)
            .env("POSTGRES", postgres)
            .env("INITDB", initdb)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for us; the shell must live to clean up.
            .process_group(0);
        if let Some((uid, gid)) = user {
            shell.uid(uid).gid(gid);
        }
        let mut shell = shell.spawn().unwrap();
        let pipe = shell.stdin.take().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        // The server writes this line of its pid file last: `ready`.
        while !read(&folder.join("data/postmaster.pid")).contains("ready") {
            let gone = shell.try_wait().unwrap().is_some();
            assert!(!gone && Instant::now() < deadline, "PostgreSQL did not start: {}", read(&folder.join("log")));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { folder, _ends_with_us: Mutex::new((shell, pipe)) }
    }
}

/// PostgreSQL refuses to run as root; then it runs as `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = read(Path::new("/etc/passwd"));
    let fields: Vec<&str> = users.lines().find(|line| line.starts_with("nobody:")).unwrap().split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn program(name: &str) -> PathBuf {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = packaged.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed: apt-get install -y postgresql"))
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = fs::File::open(path) {
        let _ = file.read_to_string(&mut text);
    }
    text
}
