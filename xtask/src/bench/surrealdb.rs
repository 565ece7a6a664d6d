//! SurrealDB: export and import against the server's own command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulkhead_test_support::{
    BulkheadHost, HostOptions, Problem, Result, ServiceEntry, SurrealDb, SurrealDbOptions, process, workspace,
};
use serde_json::json;

use super::SERVICE;
use super::jobs::{Jobs, Memory};
use super::pair::{Pair, Workers, pairs};
use super::place::Place;
use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::{done, note, step};

/// No run may take longer.
const DEADLINE: Duration = Duration::from_secs(3600);

const NAMESPACE: &str = "bench";
const DATABASE: &str = "main";

/// Indexes on the table of records: single columns, pairs, and one that is unique.
pub const INDEXES: usize = 20;
/// Relations between records.
pub const RELATIONS: usize = 10_000;
/// Records of one statement while the server is filled.
const BATCH: usize = 1_000;

/// What was measured.
pub struct Figures {
    /// The server's version.
    pub version: String,
    /// Records, relations besides.
    pub records: usize,
    /// Bytes of the export.
    pub export_bytes: u64,
    /// Exports.
    pub exports: Vec<Pair>,
    /// Imports into an empty database.
    pub imports: Vec<Pair>,
    /// The host's.
    pub memory: Memory,
    /// The most that the server held, in KiB: before the imports, after them.
    pub server_kib: [u64; 2],
}

/// Measures.
pub fn measure(place: &Place, records: usize, program: Option<&Path>, runs: usize) -> Result<Figures> {
    let program = match program {
        Some(program) => fs::canonicalize(program)?,
        None => build()?,
    };
    let server =
        SurrealDb::start_with(&SurrealDbOptions { program: Some(program.clone()), ..SurrealDbOptions::default() })?;
    fill(&server, records)?;
    let mut entry = ServiceEntry::surrealdb(SERVICE, &server);
    entry.extra = format!("namespace = \"{NAMESPACE}\"\ndatabase = \"{DATABASE}\"");
    let host = BulkheadHost::start(HostOptions {
        parent: Some(place.parent.clone()),
        binary: Some(place.binary.clone()),
        services: vec![entry],
        ..HostOptions::default()
    })?;
    let tool = Tool { program, server: &server };
    let workers = Workers { server: server.pid(), host: host.pid() };
    let file = place.dir.join("export.surql");
    let mut jobs = Jobs::default();
    step(&format!("{runs} paired runs: export"));
    let mut kept = None;
    let exports = pairs(
        runs,
        workers,
        &mut (&mut jobs, &mut kept),
        |_| tool.export(&file),
        |(jobs, kept), last| {
            let made = jobs.backup(&host, "export")?;
            let seconds = made.seconds;
            if last {
                **kept = Some(made);
            } else {
                super::jobs::delete(&host, &made.id)?;
            }
            Ok(seconds)
        },
    )?;
    let backup = kept.ok_or_else(|| Problem::new("no backup was kept"))?;
    let memory = |line: &str| server.memory_kib(line).unwrap_or(0);
    let before = memory("VmHWM");
    step(&format!("{runs} paired runs: import into an empty database"));
    let imports = pairs(
        runs,
        workers,
        &mut jobs,
        |_| tool.import(&file),
        |jobs, _| {
            let body = json!({"service_id": SERVICE, "id": backup.id});
            let (_, seconds) = jobs.run(&host, "/v1/restores", &body)?;
            holds(&server, records)?;
            Ok(seconds)
        },
    )?;
    Ok(Figures {
        version: version(&server)?,
        records,
        export_bytes: fs::metadata(&file)?.len(),
        exports,
        imports,
        memory: jobs.memory(),
        server_kib: [before, memory("VmHWM")],
    })
}

/// The server of the tests, optimised.
fn build() -> Result<PathBuf> {
    step("Building an optimised SurrealDB, which takes a while");
    let target = Workspace::load()?.target.join("surrealdb");
    let manifest = workspace::root().join("tests/support/surrealdb/Cargo.toml");
    let mut command = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(&target).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    succeed(&mut command)?;
    Ok(target.join("release/surreal"))
}

/// Records with twenty indexes, and relations between them.
fn fill(server: &SurrealDb, records: usize) -> Result<()> {
    step(&format!("A private SurrealDB with {records} records, {INDEXES} indexes and {RELATIONS} relations"));
    let started = Instant::now();
    let database = server.at(NAMESPACE, DATABASE);
    database.define()?;
    let mut schema = String::from("DEFINE TABLE item SCHEMALESS; DEFINE TABLE near TYPE RELATION IN item OUT item;");
    for column in 0..INDEXES {
        let fields = match column {
            0 => "code UNIQUE".to_owned(),
            column if column % 4 == 0 => format!("f{column}, f{}", column - 1),
            column => format!("f{column}"),
        };
        schema.push_str(&format!("DEFINE INDEX i{column} ON item FIELDS {fields};"));
    }
    database.query(&schema)?;
    for first in (0..records).step_by(BATCH) {
        let rows: Vec<_> = (first..records.min(first + BATCH)).map(record).collect();
        database.query(&format!("INSERT INTO item {} RETURN NONE", json!(rows)))?;
    }
    for first in (0..RELATIONS).step_by(BATCH) {
        let rows: Vec<String> = (first..RELATIONS.min(first + BATCH)).map(|at| relation(at, records)).collect();
        database.query(&format!("INSERT RELATION INTO near [{}] RETURN NONE", rows.join(",")))?;
    }
    done("filled", started.elapsed());
    holds(server, records)
}

fn record(at: usize) -> serde_json::Value {
    let mut record = json!({
        "id": at,
        "code": format!("code-{at:09}"),
        "text": format!("record {at} of a bench, with a little text that is different in each: {:016x}", mix(at)),
    });
    for column in 1..INDEXES {
        record[format!("f{column}")] = match column % 3 {
            0 => json!(mix(at * INDEXES + column) % 1_000),
            1 => json!(format!("{:x}", mix(at * INDEXES + column) % 100_000)),
            _ => json!(mix(at + column) % 1_000_000),
        };
    }
    record
}

fn relation(at: usize, records: usize) -> String {
    let [from, to] = [mix(at), mix(at + RELATIONS)].map(|mixed| mixed % records as u64);
    format!("{{ id: {at}, in: item:{from}, out: item:{to}, weight: {} }}", mix(at) % 100)
}

/// Splitmix64: spread, and the same each time.
fn mix(at: usize) -> u64 {
    let mut z = (at as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Both sides have to bring everything back.
fn holds(server: &SurrealDb, records: usize) -> Result<()> {
    let database = server.at(NAMESPACE, DATABASE);
    for (table, wanted) in [("item", records), ("near", RELATIONS)] {
        let found = database.value(&format!("RETURN count(SELECT VALUE id FROM {table})"))?;
        if found.as_u64() != Some(wanted as u64) {
            return Err(Problem::new(format!("{table} holds {found} records, {wanted} were there")));
        }
    }
    let info = database.value("INFO FOR TABLE item")?;
    let indexes = info["indexes"].as_object().map_or(0, serde_json::Map::len);
    // One that is still being built is not there for anybody.
    let found = database.value("SELECT VALUE f1 FROM item WHERE code = 'code-000000007'")?;
    match (indexes, found.as_array().map_or(0, Vec::len)) {
        (INDEXES, 1) => Ok(()),
        (indexes, found) => Err(Problem::new(format!("{indexes} indexes, {found} records of one code"))),
    }
}

fn version(server: &SurrealDb) -> Result<String> {
    let answer = server.root().send(bulkhead_test_support::bucket::Request::new("GET", "/version", b""))?;
    Ok(answer.text())
}

/// What a person would type.
struct Tool<'a> {
    program: PathBuf,
    server: &'a SurrealDb,
}

impl Tool<'_> {
    fn export(&self, to: &Path) -> Result<f64> {
        self.run("export", to)
    }

    /// Into a database that is made anew, as a restore does it.
    fn import(&self, from: &Path) -> Result<f64> {
        let started = Instant::now();
        self.server.at(NAMESPACE, DATABASE).query(&format!("REMOVE DATABASE {DATABASE}"))?;
        self.server.at(NAMESPACE, DATABASE).define()?;
        self.run("import", from)?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn run(&self, verb: &str, file: &Path) -> Result<f64> {
        let mut command = process::command(&self.program);
        command
            .args([verb, "--log", "error", "--namespace", NAMESPACE, "--database", DATABASE])
            .args(["--endpoint", &format!("http://{}", self.server.address())])
            .arg(file)
            .env("SURREAL_USER", SurrealDb::ROOT.user)
            .env("SURREAL_PASS", SurrealDb::ROOT.password);
        let started = Instant::now();
        let finished = process::run(&mut command, b"", DEADLINE)?;
        let took = started.elapsed().as_secs_f64();
        if finished.code == Some(0) {
            return Ok(took);
        }
        note(&finished.stderr);
        Err(Problem::new(format!("surreal {verb} failed")))
    }
}
