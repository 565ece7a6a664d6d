//! What a plugin can do to its host: fail, and nothing else. And the bytes that pass both ways.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bulkhead_model::{AttemptId, BackupId, Failure, Report, Result, ServiceId};
use bulkhead_runtime::{
    ArtifactReader, ArtifactWriter, Attempt, BackupRequest, ByteRange, ByteSource, EgressConfig, Level, Limits, Link,
    MethodPlugin, Observer, PluginSettings, Replacing, RestoreRequest, Runtime, RuntimeConfig, Service, StorageConfig,
    ToolSet, Written,
};
use bulkhead_test_support::workspace;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

#[path = "sandbox/own_service.rs"]
mod own_service;

fn plugins() -> TempDir {
    let fixture = workspace::example("fixture-behaviour");
    workspace::only(&[fixture, workspace::example("minimal-storage"), workspace::plugin("filesystem")]).unwrap()
}

fn config(bundled: bool, plugins: &TempDir) -> RuntimeConfig {
    let settings = PluginSettings {
        grants: bundled.then(|| vec!["scratch".to_owned(), "service".to_owned()]),
        memory_bytes: Some(32 << 20),
        compute: Some(Duration::from_millis(500)),
        log_lines: Some(10),
        ..PluginSettings::default()
    };
    let plugins = plugins.path().to_owned();
    RuntimeConfig {
        cache_dir: workspace::component_cache(),
        bundled_dir: bundled.then(|| plugins.clone()),
        plugin_dirs: if bundled { Vec::new() } else { vec![plugins] },
        tools: ToolSet::new("/nonexistent".into(), BTreeMap::new()),
        settings: BTreeMap::from([("behaviour".to_owned(), settings)]),
        default_limits: Limits::default(),
        egress: EgressConfig::default(),
    }
}

async fn runtime() -> Runtime {
    let runtime = Runtime::new(config(true, &plugins())).await.unwrap();
    assert_eq!(runtime.refused(), []);
    runtime
}

async fn runtime_of_strangers() -> Runtime {
    Runtime::new(config(false, &plugins())).await.unwrap()
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn log(&self, _level: Level, message: &str, _fields: &[(String, String)]) {
        self.0.lock().unwrap().push(message.to_owned());
    }

    fn phase(&self, _name: &str) {}

    fn expect(&self, _plain_bytes: u64) {}
}

/// Keeps what is written; gives it back when read, ending as `end` says.
#[derive(Default)]
struct Memory {
    bytes: Mutex<Vec<u8>>,
    end: Mutex<Option<Failure>>,
}

#[async_trait]
impl ArtifactWriter for Memory {
    async fn write(&self, _name: &str, _media_type: &str, data: ByteSource) -> Result<Written> {
        let bytes = data.read_all(64 << 20).await?;
        let plain_bytes = bytes.len() as u64;
        *self.bytes.lock().unwrap() = bytes;
        Ok(Written { plain_bytes, stored_bytes: plain_bytes, blake3: String::new() })
    }
}

#[async_trait]
impl ArtifactReader for Memory {
    async fn open(&self, _backup: &BackupId, _name: &str) -> Result<ByteSource> {
        let source = ByteSource::from_bytes(self.bytes.lock().unwrap().clone())?;
        let Some(failure) = self.end.lock().unwrap().clone() else { return Ok(source) };
        let (completion, done) = bulkhead_runtime::Completion::new();
        completion.end(Err(failure));
        Ok(ByteSource { done, ..source })
    }
}

struct Bench {
    plugin: MethodPlugin,
    scratch: TempDir,
    heard: Arc<Heard>,
    memory: Arc<Memory>,
    cancel: CancellationToken,
    deadline: Duration,
}

impl Bench {
    async fn new() -> Self {
        let plugin = runtime().await.method("example", &"behave".parse().unwrap()).unwrap();
        Self {
            plugin,
            scratch: TempDir::new().unwrap(),
            heard: Arc::default(),
            memory: Arc::default(),
            cancel: CancellationToken::new(),
            deadline: Duration::from_secs(60),
        }
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            id: AttemptId::new(),
            cancel: self.cancel.clone(),
            deadline: self.deadline,
            scratch: self.scratch.path().to_owned(),
            scratch_limit: 1 << 20,
            staging: None,
            increment: None,
            data_dir: None,
            connection: None,
            server: None,
            replacing: None,
            writer: Some(self.memory.clone()),
            reader: Some(self.memory.clone()),
            observer: self.heard.clone(),
        }
    }

    async fn backup(&self, config: serde_json::Value) -> Result<Report> {
        let service = service();
        let backup = BackupId::new(&service.id, "s");
        self.plugin.backup(self.attempt(), BackupRequest { backup, service, config, chain: Vec::new() }).await
    }

    async fn restore(&self) -> Result<()> {
        self.restore_into(None).await
    }

    async fn restore_into(&self, replacing: Option<Arc<dyn Replacing>>) -> Result<()> {
        let service = service();
        let link = Link {
            backup: BackupId::new(&service.id, "s"),
            method: "behave".parse().unwrap(),
            objects: Vec::new(),
            report: Report::default(),
        };
        let request = RestoreRequest { service, config: json!({}), chain: vec![link], until: None };
        self.plugin.restore(Attempt { replacing, ..self.attempt() }, request).await.map(drop)
    }

    /// Runs a behaviour that must fail, and gives the failure's code and words.
    async fn failure(&self, config: serde_json::Value) -> (String, String) {
        let failure = self.backup(config).await.unwrap_err();
        (failure.kind.code().to_owned(), failure.message)
    }
}

fn service() -> Service {
    Service { id: "db1".parse::<ServiceId>().unwrap(), engine: "example".to_owned(), server: "s".to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_whole_both_ways_or_the_call_fails() {
    let bench = Bench::new().await;
    let size = 5_000_011_u64;
    bench.backup(json!({"behaviour": "write", "bytes": size, "end": "well"})).await.unwrap();
    let bytes = bench.memory.bytes.lock().unwrap().clone();
    assert_eq!(bytes.len() as u64, size);
    assert!((0_u64..).zip(&bytes).all(|(at, byte)| *byte == (at ^ (at >> 8) ^ (at >> 16)) as u8));
    bench.restore().await.unwrap();

    let write = |end: &str| json!({"behaviour": "write", "bytes": 1000, "end": end});
    assert_eq!(bench.failure(write("failed")).await, ("unavailable".to_owned(), "the well ran dry".to_owned()));
    assert_eq!(
        bench.failure(write("lying")).await,
        ("corrupt".to_owned(), "a stream of the plugin ended after 1000 bytes, the plugin says 1001".to_owned())
    );
    assert_eq!(bench.failure(write("silent")).await.0, "unavailable");

    *bench.memory.end.lock().unwrap() = Some(Failure::corrupt("the digest is another one"));
    assert_eq!(bench.restore().await.unwrap_err().message, "the digest is another one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misbehaving_plugin_costs_its_attempt() {
    let mut bench = Bench::new().await;
    for (behaviour, words) in [
        ("spin", "plugin `behaviour` computed for 0.5 s without a pause"),
        ("grow", "plugin `behaviour` used more than its 32 MiB of memory"),
        ("recurse", "plugin `behaviour` trapped: wasm trap: call stack exhausted"),
    ] {
        let found = bench.failure(json!({"behaviour": behaviour})).await;
        assert_eq!(found, ("trap".to_owned(), words.to_owned()));
    }
    let (code, words) = bench.failure(json!({"behaviour": "panic"})).await;
    assert!(code == "trap" && words.contains("its last words: ") && words.contains("no way"), "{code}: {words}");

    let (code, words) = bench.failure(json!({"behaviour": "run", "tool": "mariadb-dump"})).await;
    let refusal = "plugin `behaviour` asked for tool `mariadb-dump`; grant it under [plugins.behaviour] grants";
    assert_eq!((code.as_str(), words.as_str()), ("denied", refusal));
    assert_eq!(bench.failure(json!({"behaviour": "run", "tool": "sh"})).await.0, "denied");
    bench.failure(json!({"behaviour": "open", "path": "/etc/passwd"})).await;
    bench.failure(json!({"behaviour": "open", "path": "/scratch/../../etc/passwd"})).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    bench.failure(json!({"behaviour": "connect", "address": address})).await;

    bench.heard.0.lock().unwrap().clear();
    bench.backup(json!({"behaviour": "log", "lines": 1000})).await.unwrap();
    let heard = bench.heard.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 11);
    assert_eq!(heard[10], "990 log lines of the plugin dropped, over its cap");

    let (code, words) = bench.failure(json!({"behaviour": "fill"})).await;
    assert!(code == "unavailable" && words.starts_with("scratch over its limit"), "{code}: {words}");

    bench.deadline = Duration::from_millis(200);
    let (code, words) = bench.failure(json!({"behaviour": "sleep"})).await;
    assert_eq!(
        (code.as_str(), words.as_str()),
        ("unavailable", "plugin `behaviour` did not end within its deadline of 0.2 s")
    );
}

#[tokio::test]
async fn a_computing_plugin_can_be_cancelled_on_a_single_thread() {
    let bench = Bench::new().await;
    let cancel = bench.cancel.clone();
    let start = Instant::now();
    let (failure, ()) = tokio::join!(bench.failure(json!({"behaviour": "spin"})), async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    });
    assert_eq!(failure.0, "cancelled");
    assert!(start.elapsed() < Duration::from_millis(450), "not before the compute limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_keeps_all_or_nothing() {
    let runtime = runtime().await;
    for name in ["filesystem", "minimal-storage"] {
        let root = TempDir::new().unwrap();
        let plugin = runtime.storage(name).unwrap();
        let config = json!({"root": root.path().join("made")});
        plugin.validate(&config, None).await.unwrap();
        let bucket = plugin.open(StorageConfig { config, credentials: None, operator: true }).await.unwrap();

        let bytes: Vec<u8> = (0_u64..5_000_011).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
        let kept = bucket.put("a/b", ByteSource::from_bytes(bytes.clone()).unwrap(), true).await.unwrap();
        assert_eq!(kept, bytes.len() as u64);
        let read = bucket.get("a/b", None).await.unwrap().read_all(bytes.len()).await.unwrap();
        assert!(read == bytes);
        let range = ByteRange { offset: 4_000_000, length: Some(1000) };
        let part = bucket.get("a/b", Some(range)).await.unwrap().read_all(1000).await.unwrap();
        assert!(part == bytes[4_000_000..4_001_000]);

        let again = bucket.put("a/b", ByteSource::from_bytes("x").unwrap(), true).await.unwrap_err();
        assert_eq!(again.kind.code(), "conflict", "{name}: {again}");
        let (completion, done) = bulkhead_runtime::Completion::new();
        completion.end(Err(Failure::unavailable("the sender broke down")));
        let broken = ByteSource { done, ..ByteSource::from_bytes("half").unwrap() };
        assert_eq!(bucket.put("c", broken, false).await.unwrap_err().message, "the sender broke down");
        let (completion, done) = bulkhead_runtime::Completion::new();
        completion.end(Ok(5));
        let short = ByteSource { done, ..ByteSource::from_bytes("four").unwrap() };
        assert_eq!(bucket.put("c", short, false).await.unwrap_err().kind.code(), "corrupt");
        assert_eq!(bucket.head("c").await.unwrap(), None);
        assert_eq!(bucket.get("c", None).await.unwrap_err().kind.code(), "not-found");

        // Not reading to the end costs nothing.
        drop(bucket.get("a/b", None).await.unwrap());

        let page = bucket.list("a", None, 10).await.unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a/b"]);
        bucket.delete("a/b").await.unwrap();
        assert_eq!(bucket.head("a/b").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_plugin_from_elsewhere_is_granted_nothing_unasked() {
    let runtime = runtime_of_strangers().await;
    let plugin = runtime.storage("filesystem").unwrap();
    let root = TempDir::new().unwrap();
    let config = StorageConfig { config: json!({"root": root.path()}), credentials: None, operator: true };
    assert_eq!(
        plugin.open(config).await.unwrap_err().message,
        "plugin `filesystem` asked for directory `root`; grant it under [plugins.filesystem] grants"
    );
}

#[tokio::test]
async fn a_damaged_cache_is_made_anew_and_a_foreign_file_is_refused() {
    let (dir, plugins) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let component = workspace::example("minimal-storage");
    std::fs::copy(&component, plugins.path().join("a.wasm")).unwrap();
    std::fs::write(plugins.path().join("b.wasm"), "no component").unwrap();
    std::fs::copy(&component, plugins.path().join("c.wasm")).unwrap();
    let cache_dir = dir.path().join("cache");
    let config = RuntimeConfig { cache_dir: cache_dir.clone(), ..config(false, &plugins) };
    let cached =
        || -> Vec<PathBuf> { std::fs::read_dir(&cache_dir).unwrap().map(|entry| entry.unwrap().path()).collect() };

    let runtime = Runtime::new(config.clone()).await.unwrap();
    assert_eq!(runtime.plugins().len(), 1);
    let refused: Vec<_> = runtime.refused().iter().map(|refused| refused.failure.kind.code()).collect();
    assert_eq!(refused, ["invalid", "conflict"]);
    let [file] = &cached()[..] else { panic!("{:?}", cached()) };
    let sound = std::fs::read(file).unwrap();

    let mut damaged = sound.clone();
    damaged[sound.len() / 2] ^= 1;
    std::fs::write(file, &damaged).unwrap();
    assert_eq!(Runtime::new(config).await.unwrap().plugins().len(), 1);
    let [file] = &cached()[..] else { panic!("{:?}", cached()) };
    assert!(std::fs::read(file).unwrap() != damaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_together_share_what_one_of_them_compiles() {
    let (dir, plugins) = (TempDir::new().unwrap(), workspace::only(&[workspace::example("minimal-storage")]).unwrap());
    let cache_dir = dir.path().join("cache");
    let config = RuntimeConfig { cache_dir: cache_dir.clone(), ..config(true, &plugins) };
    let hosts: Vec<_> = (0..4).map(|_| tokio::spawn(Runtime::new(config.clone()))).collect();
    for host in hosts {
        let runtime = host.await.unwrap().unwrap();
        assert_eq!((runtime.plugins().len(), runtime.refused()), (1, &[][..]));
    }
    let kept = std::fs::read_dir(cache_dir).unwrap().count();
    assert_eq!(kept, 1, "no part of a file is left beside it");
}
