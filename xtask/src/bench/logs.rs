//! Archiving binary logs, and replaying them on a restored backup.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDb, Problem, Result, process};
use serde_json::json;
use tempfile::TempDir;

use super::jobs::{self, Jobs};
use super::pair::{Pair, Workers, pairs};
use super::place::{Place, remove};
use super::{SERVICE, by_hand};
use crate::terminal::{bytes, done, step};

/// What was measured.
pub struct Figures {
    /// Bytes of the logs.
    pub log_bytes: u64,
    /// How many logs.
    pub logs: usize,
    /// Transactions in them.
    pub transactions: u64,
    /// By hand and through Bulkhead.
    pub pairs: Vec<Pair>,
}

/// Rows that the server has before the logs begin.
const BASE: u64 = 64 << 20;
/// Logs are closed by hand.
const METHODS: &str = "methods.full = { checksum_seconds = 0 }\nmethods.binarylog = { flush = false }";
/// As the server logs them: 20 long rows, 60 short ones, and changes to 60 more in a transaction each.
const TURN: &str = "INSERT INTO bulk.documents (title, body)
      SELECT CONCAT('logged ', s.seq), CONCAT(a.words, ' ', TO_BASE64(RANDOM_BYTES(800)), ' ', a.words)
      FROM seq_1_to_20 s JOIN bulk.paragraphs a ON a.id = 1 + (s.seq * {TURN}) MOD 8000;
    INSERT INTO bulk.orders (customer, status, placed, amount, email, note, reference)
      SELECT 1 + (s.seq * {TURN}) MOD 50000, 1, NOW(), {TURN}, CONCAT('customer', s.seq, '@example.org'), REPEAT('note ', 20), MD5({TURN})
      FROM seq_1_to_60 s;
    UPDATE bulk.orders SET status = 1 + {TURN} MOD 4, amount = amount + 1 WHERE id BETWEEN 60 * {TURN} MOD 90000 AND 60 * {TURN} MOD 90000 + 59;";
/// About what a turn takes in the log.
const TURN_BYTES: u64 = 81_000;

/// Writes logs and archives them.
pub fn archive(place: &Place, log_bytes: u64, runs: usize) -> Result<Figures> {
    let scene = Scene::make(place, log_bytes)?;
    step(&format!("{runs} paired runs: archiving {} logs, {}", scene.logs.len(), bytes(scene.bytes)));
    let pairs = scene.archive(&mut Jobs::default(), runs)?;
    Ok(scene.figures(pairs))
}

/// Writes logs, archives them once, and replays them.
pub fn replay(place: &Place, log_bytes: u64, runs: usize) -> Result<Figures> {
    let scene = Scene::make(place, log_bytes)?;
    let mut jobs = Jobs::default();
    jobs.backup(&scene.host, "binarylog")?;
    step(&format!("{runs} paired runs: replaying {} logs, {}", scene.logs.len(), bytes(scene.bytes)));
    let pairs = scene.replay(&mut jobs, runs)?;
    Ok(scene.figures(pairs))
}

/// A small backup, and large logs that go on from it.
struct Scene<'a> {
    place: &'a Place,
    server: Arc<MariaDb>,
    host: BulkheadHost,
    /// The backup's data directory, prepared by hand.
    base: PathBuf,
    logs: Vec<String>,
    bytes: u64,
    transactions: u64,
}

impl<'a> Scene<'a> {
    fn make(place: &'a Place, log_bytes: u64) -> Result<Self> {
        let server = place.server(BASE, &["--max-binlog-size=128M"])?;
        server.execute("FLUSH BINARY LOGS")?;
        let first = server.value("SHOW MASTER STATUS")?;
        server.execute(&format!("PURGE BINARY LOGS TO '{first}'"))?;
        let host = place.host(&server, METHODS, HostOptions::default())?;
        Jobs::default().backup(&host, "full")?;
        let base = place.empty("base")?;
        let login = by_hand::login(&server, &place.dir)?;
        by_hand::shell(&format!(
            "mariadb-backup {login} --backup --target-dir='{dir}' 2>/dev/null && mariadb-backup --prepare --target-dir='{dir}' 2>/dev/null",
            dir = base.display()
        ))?;

        step(&format!("Binary logs of {}", bytes(log_bytes)));
        let started = Instant::now();
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0, GLOBAL sync_binlog = 0")?;
        let turns: String =
            (1..=log_bytes / TURN_BYTES).map(|turn| TURN.replace("{TURN}", &turn.to_string())).collect();
        server.execute(&format!("USE bulk;\n{turns}"))?;
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1, GLOBAL sync_binlog = 1; FLUSH BINARY LOGS")?;
        let mut rows = server.query("SHOW BINARY LOGS")?;
        rows.pop();
        // Each turn is three, and nothing else is logged.
        let transactions = 3 * (log_bytes / TURN_BYTES);
        let size = |row: &Vec<String>| row.get(1).and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or(0);
        let total = rows.iter().map(size).sum();
        let logs: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next()).collect();
        done(&format!("{} logs, {}", logs.len(), bytes(total)), started.elapsed());
        Ok(Self { place, server, host, base, logs, bytes: total, transactions })
    }

    fn figures(&self, pairs: Vec<Pair>) -> Figures {
        Figures { log_bytes: self.bytes, logs: self.logs.len(), transactions: self.transactions, pairs }
    }

    /// Fetches the logs as they are into a directory.
    fn fetch(&self, dir: &Path) -> Result<String> {
        let login = by_hand::login(&self.server, &self.place.dir)?;
        Ok(format!(
            "mariadb-binlog {login} --read-from-remote-server --raw --result-file='{}/' {}",
            dir.display(),
            self.logs.join(" ")
        ))
    }

    fn archive(&self, jobs: &mut Jobs, runs: usize) -> Result<Vec<Pair>> {
        let raw = self.place.empty("raw")?;
        let fetch = self.fetch(&raw)?;
        let pipeline = format!("rm -f '{raw}'/* && {fetch} && zstd -3 -T0 -q --rm '{raw}'/*", raw = raw.display());
        // Once unmeasured, for both.
        by_hand::shell(&pipeline)?;
        let mut context = jobs;
        pairs(
            runs,
            Workers { server: self.server.pid(), host: self.host.pid() },
            &mut context,
            |_| by_hand::shell(&pipeline),
            |jobs, _| {
                let made = jobs.backup(&self.host, "binarylog")?;
                let shown = self.host.json(&["backup", "show", &made.id])?;
                let said = |name: &str, wanted: u64| shown["positions"][name].as_str() == Some(&wanted.to_string());
                if !said("log.bytes", self.bytes) || !said("transactions", self.transactions) {
                    return Err(Problem::new(format!("not all of {} bytes: {shown}", self.bytes)));
                }
                jobs::delete(&self.host, &made.id)?;
                Ok(made.seconds)
            },
        )
    }

    /// The time of replaying alone: by hand into a server like the one that Bulkhead replays in, on the same data.
    fn replay(&self, jobs: &mut Jobs, runs: usize) -> Result<Vec<Pair>> {
        let raw = self.place.empty("raw")?;
        by_hand::shell(&self.fetch(&raw)?)?;
        let last = self.server.value("SELECT @@gtid_binlog_pos")?;
        let rows = "SELECT CONCAT(COUNT(*), ' ', SUM(amount)) FROM bulk.orders";
        let expected = self.server.value(rows)?;
        let logs: Vec<String> = self.logs.iter().map(|log| format!("'{}/{log}'", raw.display())).collect();
        let mut context = jobs;
        let pairs = pairs(
            runs,
            // A restore does more than replay: its processors cannot be compared.
            Workers::default(),
            &mut context,
            |_| {
                let twin = Twin::start(self.place, &self.base)?;
                let client = twin.client();
                let decode = format!("mariadb-binlog --no-defaults {}", logs.join(" "));
                let took = by_hand::shell(&format!("{decode} | {client}"))?;
                twin.holds(rows, &expected)?;
                Ok(took)
            },
            |jobs, _| {
                let body = json!({ "service_id": SERVICE, "gtid": last });
                let (job, _) = jobs.run(&self.host, "/v1/restores", &body)?;
                if self.server.value(rows)? != expected {
                    return Err(Problem::new("the restore holds something else"));
                }
                jobs::seconds_in(&self.host, &job, "replay")
            },
        )?;
        remove(&raw)?;
        Ok(pairs)
    }
}

/// A server with the settings that the host gives its throw-away servers.
struct Twin {
    server: Child,
    run_dir: TempDir,
}

impl Twin {
    fn start(place: &Place, base: &Path) -> Result<Self> {
        let data = place.dir.join("twin");
        remove(&data)?;
        by_hand::shell(&format!("cp -a '{}' '{}' && sync", base.display(), data.display()))?;
        // A short path, for the socket.
        let run_dir = tempfile::Builder::new().prefix("bh-").tempdir()?;
        let (data, run) = (data.display(), run_dir.path().display());
        let start = format!(
            "exec mariadbd --defaults-file='{data}/backup-my.cnf' --datadir='{data}' --socket='{run}/s' --pid-file='{run}/pid' \
             --tmpdir='{run}' --innodb-buffer-pool-size=268435456 --skip-networking --skip-log-bin --skip-slave-start \
             --skip-name-resolve --event-scheduler=OFF --max-allowed-packet=1G --log-bin-trust-function-creators=1 \
             --innodb-flush-log-at-trx-commit=0 $([ \"$(id -u)\" = 0 ] && echo --user=root)"
        );
        let server =
            process::command("bash").args(["-c", &start]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let twin = Self { server, run_dir };
        process::wait_until("the twin answers", Duration::from_secs(60), || {
            Ok(by_hand::shell(&format!("echo 'SELECT 1' | {}", twin.client())).is_ok().then_some(()))
        })?;
        Ok(twin)
    }

    fn client(&self) -> String {
        format!(
            "mariadb --no-defaults --user=root --socket='{}/s' --binary-mode --comments --default-character-set=utf8mb4 --max-allowed-packet=1G -N",
            self.run_dir.path().display()
        )
    }

    fn holds(&self, query: &str, expected: &str) -> Result<()> {
        by_hand::shell(&format!(
            "[ \"$(echo '{}' | {})\" = '{expected}' ]",
            query.replace('\'', r"'\''"),
            self.client()
        ))
        .map(drop)
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
