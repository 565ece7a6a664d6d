//! Buckets: the component of S3 against a native client, and whole backups against a pipeline into `rclone`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulkhead_test_support::bucket::{BUCKET, BucketServer, S3Client, SeaweedFs};
use bulkhead_test_support::{HostOptions, MariaDb, Problem, Result, process, workspace};
use serde_json::{Value, json};

use super::jobs::{self, Jobs};
use super::pair::{Pair, Workers, pairs};
use super::place::Place;
use super::{SERVICE, by_hand, complete};
use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::{bytes, note, step};

/// No transfer may take longer.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Both sides send and ask for parts of this size, so many at a time.
pub const PART_MIB: u64 = 8;
/// Parts under way.
pub const PARALLEL: u64 = 4;

/// What was measured.
pub struct Figures {
    /// Bytes of the object.
    pub object_bytes: u64,
    /// Uploads.
    pub puts: Vec<Pair>,
    /// Downloads.
    pub gets: Vec<Pair>,
    /// The most memory that the native client held, and that the component's host held, in KiB: uploading, downloading.
    pub peak_kib: [[u64; 2]; 2],
    /// Bytes of a backup's stream.
    pub stream_bytes: u64,
    /// Whole backups.
    pub backups: Vec<Pair>,
}

/// The two programs that transfer one object.
struct Sides {
    native: PathBuf,
    through: PathBuf,
    component: PathBuf,
}

impl Sides {
    fn build() -> Result<Self> {
        step("Building the transfers, optimised");
        let packages = ["--package", "bulkhead", "--package", "bulkhead-testkit"];
        let what = ["--bin", "bulkhead", "--example", "transfer"];
        succeed(cargo(&["build", "--release", "--locked"]).args(packages).args(what))?;
        let target = &Workspace::load()?.target;
        let (manifest, own) = (workspace::root().join("xtask/native-bucket/Cargo.toml"), target.join("native-bucket"));
        let mut native = cargo(&["build", "--release", "--locked", "--manifest-path"]);
        succeed(native.arg(manifest).arg("--target-dir").arg(&own))?;
        Ok(Self {
            native: own.join("release/native-bucket"),
            through: target.join("release/examples/transfer"),
            component: workspace::plugin("s3"),
        })
    }

    /// Uploads and downloads an object; what each took.
    fn transfer(&self, program: &Path, server: &SeaweedFs, object_bytes: u64) -> Result<Value> {
        let target = server.target("").option("part_size_mib", PART_MIB).option("parallel", PARALLEL);
        let order = json!({
            "config": target.config,
            "credentials": target.credentials,
            "component": self.component,
            "key": "object",
            "bytes": object_bytes,
        });
        let mut command = process::command(program);
        let finished = process::run(&mut command, order.to_string().as_bytes(), DEADLINE)?;
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        let read = serde_json::from_str(&said).ok().filter(|_| finished.code == Some(0));
        read.ok_or_else(|| Problem::new(format!("{}: {said}{}", program.display(), finished.stderr)))
    }
}

/// Measures.
pub fn measure(place: &Place, server: &Arc<MariaDb>, object_bytes: u64, runs: usize) -> Result<Figures> {
    if process::find_program("rclone").is_none() {
        return Err(Problem::new("rclone is not installed; hint: apt-get install rclone"));
    }
    let sides = Sides::build()?;
    let store = SeaweedFs::start()?;
    let mut figures = Figures {
        object_bytes,
        puts: Vec::new(),
        gets: Vec::new(),
        peak_kib: [[0; 2]; 2],
        stream_bytes: 0,
        backups: Vec::new(),
    };
    step(&format!("{runs} paired runs: an object of {} into a bucket and back", bytes(object_bytes)));
    for run in 0..runs {
        let mut order = [&sides.native, &sides.through];
        if run % 2 == 1 {
            order.reverse();
        }
        let first = sides.transfer(order[0], &store, object_bytes)?;
        let second = sides.transfer(order[1], &store, object_bytes)?;
        let [native, through] = if run % 2 == 1 { [second, first] } else { [first, second] };
        for (at, (name, pairs)) in [("put", &mut figures.puts), ("get", &mut figures.gets)].into_iter().enumerate() {
            let number = |side: &Value, key: &str| side[name][key].as_f64().unwrap_or(0.0);
            let pair = Pair {
                by_hand: number(&native, "seconds"),
                bulkhead: number(&through, "seconds"),
                processors: [number(&native, "processors"), number(&through, "processors")],
            };
            note(&format!(
                "{name}: native {:6.2} s   component {:6.2} s   ratio {:.3}   processors {:.2} s, {:.2} s",
                pair.by_hand,
                pair.bulkhead,
                pair.ratio(),
                pair.processors[0],
                pair.processors[1]
            ));
            pairs.push(pair);
            for (side, said) in [&native, &through].into_iter().enumerate() {
                let peak = &mut figures.peak_kib[at][side];
                *peak = (*peak).max(said[name]["peak_kib"].as_u64().unwrap_or(0));
            }
        }
    }
    remove(store.client(), "object")?;
    step(&format!("{runs} paired runs: backup into a bucket"));
    (figures.backups, figures.stream_bytes) = backups(place, server, &store, runs)?;
    Ok(figures)
}

fn backups(place: &Place, server: &Arc<MariaDb>, store: &SeaweedFs, runs: usize) -> Result<(Vec<Pair>, u64)> {
    let target = store.target("").option("part_size_mib", PART_MIB).option("parallel", PARALLEL);
    let (region, access_key, secret_key) = store.keys();
    let options = HostOptions {
        extra: format!(
            "[[target]]\nid = \"bucket\"\nplugin = \"s3\"\ncredentials_env = \"BUCKET_KEYS\"\nconfig = {{ bucket = \"{BUCKET}\", \
             region = \"{region}\", endpoint = \"http://{}\", part_size_mib = {PART_MIB}, parallel = {PARALLEL} }}\n",
            store.address()
        ),
        environment: vec![("BUCKET_KEYS".to_owned(), target.credentials.to_string())],
        ..HostOptions::default()
    };
    let host = place.host(server, complete::NO_CHECKSUMS, options)?;
    // In a file: arguments and the environment of a shell are longer-lived than they look.
    let config = place.dir.join("rclone.conf");
    fs::write(
        &config,
        format!(
            "[b]\ntype = s3\nprovider = Other\naccess_key_id = {access_key}\nsecret_access_key = {secret_key}\nregion = {region}\n\
             endpoint = http://{}\nforce_path_style = true\n",
            store.address()
        ),
    )?;
    let stream = by_hand::stream(server, &place.dir, "")?;
    let pipeline = format!(
        "{stream} | zstd -3 -T0 -q | rclone --config '{}' --s3-chunk-size {PART_MIB}M --s3-upload-concurrency {PARALLEL} \
         --s3-no-check-bucket rcat b:{BUCKET}/by-hand",
        config.display()
    );
    by_hand::shell(&pipeline)?;
    let mut stream_bytes = 0;
    let measured = pairs(
        runs,
        Workers { server: server.pid(), host: host.pid() },
        &mut (Jobs::default(), &mut stream_bytes),
        |_| by_hand::shell(&pipeline),
        |(jobs, stream_bytes), _| {
            let body = json!({"backup_type": "full", "schedule": "once", "service_id": SERVICE, "target": "bucket"});
            let (job, took) = jobs.run(&host, "/v1/backups/schedules", &body)?;
            **stream_bytes = job["plain_bytes"].as_u64().unwrap_or(0);
            let backup = jobs::text(&job, "backup_id")?;
            host.run(&["backup", "delete", &backup])?.ok()?;
            process::wait_until("the backup is deleted", Duration::from_secs(60), || {
                Ok(store.objects("acme/")?.is_empty().then_some(()))
            })?;
            Ok(took)
        },
    )?;
    Ok((measured, stream_bytes))
}

fn remove(client: &S3Client, key: &str) -> Result<()> {
    let request = bulkhead_test_support::bucket::Request::new("DELETE", format!("/{BUCKET}/{key}"), b"");
    client.send(request)?.good().map(|_| ())
}
