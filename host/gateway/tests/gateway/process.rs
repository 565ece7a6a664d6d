//! A front door in a process of its own, which can be killed. It is this very test program, asked for one test that is none.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bulkhead_gateway::{Fsync, Gateway, GatewayConfig, Limits};
use tokio::net::TcpListener;

use crate::scene::nowhere;

const DIRECTORY: &str = "BULKHEAD_TEST_FRONT_DOOR";
const FSYNC_MS: &str = "BULKHEAD_TEST_FSYNC_MS";

/// A front door whose servers answer nobody; it takes events because it once had a replica.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts it in a directory. `limit` is the most blocks of 512 bytes that a file of it may have.
    pub fn start(directory: &Path, fsync_ms: u64, limit: Option<u32>) -> Self {
        fs::create_dir_all(directory).unwrap();
        let position = directory.join("position.json");
        if !position.exists() {
            fs::write(position, r#"{"format":1,"copied":true,"applied":0}"#).unwrap();
        }
        let told = directory.join("address");
        let _none_yet = fs::remove_file(&told);
        let program = std::env::current_exe().unwrap();
        let mut command = match limit {
            None => Command::new(&program),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                // A write that is too large fails then, instead of killing the process.
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(&program);
                shell
            }
        };
        let child = command
            .args(["--exact", "process::serve", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .env(FSYNC_MS, fsync_ms.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let address = loop {
            match fs::read_to_string(&told).ok().and_then(|address| address.parse().ok()) {
                Some(address) => break address,
                None => assert!(Instant::now() < deadline, "the front door does not start"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Self { child, address }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
#[ignore = "no test: the front door that other tests kill"]
fn serve() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let fsync_ms: u64 = std::env::var(FSYNC_MS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fsync = if fsync_ms == 0 { Fsync::Always } else { Fsync::Every(Duration::from_millis(fsync_ms)) };
        let limits = Limits { buffer_events: 10_000_000, segment_bytes: 1 << 20, ..Limits::default() };
        let config = GatewayConfig { directory: directory.clone().into(), fsync, limits, ..nowhere() };
        let _gateway = Gateway::start(config, listener, None).await.unwrap();
        let told = Path::new(&directory).join("address");
        fs::write(told.with_extension("new"), address.to_string()).unwrap();
        fs::rename(told.with_extension("new"), told).unwrap();
        std::future::pending::<()>().await;
    });
}
