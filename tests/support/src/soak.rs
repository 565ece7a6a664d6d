//! A server that is written to at random while it is backed up, and what it held at moments in between.
//!
//! `cargo xtask soak` runs it for long, the tests for a short while. The same seed writes the same statements, on a server in the same
//! time zone. What was written may be refused, with a reason; what comes back has to be what was there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::host::{BulkheadHost, HostOptions, ServiceEntry};
use crate::mariadb::{Account, MariaDb, MariaDbOptions, Session};
use crate::problem::{Problem, Result};
use crate::process;

const SHOP: &str = "shop";
const SPARE: &str = "spare";
/// Zones of the server that is written to; the other one is in the next.
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"];
/// Tables that are written to, as long as they exist.
const TABLES: u64 = 6;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// What the random choices begin with.
    pub seed: u64,
    /// How long the server is written to.
    pub writing: Duration,
    /// Moments that are restored then.
    pub restores: usize,
}

/// What has happened.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Statements or transactions that were written.
    pub writes: usize,
    /// Succeeded backups, by method.
    pub backups: BTreeMap<String, usize>,
    /// Moments that were observed.
    pub moments: usize,
    /// Moments that were restored and compared.
    pub restored: usize,
    /// Moments that were refused, by the reason.
    pub refused: BTreeMap<String, usize>,
}

/// Why a second may be refused: what its sessions said of the time settles it no more.
const REFUSALS: [&str; 1] = ["to choose from"];

/// What a server holds: each table's sum, by its name.
type State = BTreeMap<String, String>;

/// What the observer saw, and when.
struct Moment {
    time: String,
    gtid: String,
    state: State,
}

impl Soak {
    /// Writes, backs up, observes, restores, compares.
    ///
    /// # Errors
    /// The first difference, with the seed and the moment.
    pub fn run(&self, say: &dyn Fn(&str)) -> Result<Report> {
        let zone = |number: u64| Some(ZONES[(number % ZONES.len() as u64) as usize]);
        let start = |zone| MariaDb::start_with(&MariaDbOptions { zone, ..MariaDbOptions::default() });
        let (shop, spare) = (Arc::new(start(zone(self.seed))?), Arc::new(start(zone(self.seed + 1))?));
        let services = vec![
            ServiceEntry::of(SHOP, &shop).account(Account::ADMIN),
            ServiceEntry::of(SPARE, &spare).account(Account::ADMIN),
        ];
        let host = BulkheadHost::start(HostOptions { services, ..HostOptions::default() })?;
        shop.execute("CREATE DATABASE soak")?;
        host.backup(SHOP, "full")?;
        let over = AtomicBool::new(false);
        let (mut report, moments) = thread::scope(|scope| {
            let backups = scope.spawn(|| back_up(&host, self.seed, &over));
            let written = Writer::new(&shop, self.seed).write_for(self.writing, say);
            over.store(true, Ordering::SeqCst);
            let backups = backups.join().map_err(|_| Problem::new("the thread that backs up has panicked"))?;
            let (writes, moments) = written?;
            let report = Report { writes, backups: backups?, moments: moments.len(), ..Report::default() };
            Ok::<_, Problem>((report, moments))
        })?;
        // The last moments are in no log yet.
        host.backup(SHOP, "binarylog")?;
        let mut chance = Random(self.seed ^ 0x5eed);
        for number in 0..self.restores.min(moments.len()) {
            let moment = &moments[chance.below(moments.len() as u64) as usize];
            let (option, value) =
                if chance.below(2) == 0 { ("--point-in-time", &moment.time) } else { ("--gtid", &moment.gtid) };
            let arguments = [
                "backup",
                "restore",
                "--from-service",
                SHOP,
                "--to",
                SPARE,
                option,
                value,
                "--no-safety-backup",
                "--wait",
            ];
            let restored = match host.json(&arguments) {
                Ok(restored) => restored,
                Err(problem) => {
                    let reason = REFUSALS.into_iter().find(|reason| problem.to_string().contains(reason));
                    let Some(reason) = reason.filter(|_| option == "--point-in-time") else {
                        let told = format!("seed {}: {option} {value}: {problem}\n{}", self.seed, host.log_tail());
                        return Err(Problem::new(told));
                    };
                    say(&format!("{}/{}: {option} {value} is refused: {reason}", number + 1, self.restores));
                    *report.refused.entry(reason.to_owned()).or_default() += 1;
                    continue;
                }
            };
            let found = observe(&mut Session::open(&spare)?)?;
            if found != moment.state {
                return Err(Problem::new(format!(
                    "seed {}: {option} {value} came back otherwise: {}\nby {restored}",
                    self.seed,
                    differences(&moment.state, &found)
                )));
            }
            report.restored += 1;
            say(&format!("{}/{}: {option} {value} is as it was ({} tables)", number + 1, self.restores, found.len()));
        }
        Ok(report)
    }
}

/// Every table of the database, with the sum of its rows.
fn observe(session: &mut Session) -> Result<State> {
    let tables = session.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'soak' AND table_type = 'BASE TABLE' ORDER BY 1",
    )?;
    let mut state = State::new();
    for table in tables.into_iter().flatten() {
        let sum = session.query(&format!("CHECKSUM TABLE soak.`{table}` EXTENDED"))?;
        let rows = session.query(&format!("SELECT COUNT(*) FROM soak.`{table}`"))?;
        let text = |rows: &[Vec<String>], column: usize| rows.first().and_then(|row| row.get(column)).cloned();
        let sum = text(&sum, 1).unwrap_or_default();
        state.insert(table, format!("{sum} of {} rows", text(&rows, 0).unwrap_or_default()));
    }
    Ok(state)
}

fn differences(before: &State, after: &State) -> String {
    let mut told = String::new();
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        // Writing to a String cannot fail.
        let _ = write!(told, "\n  {name}: was {:?}, is {:?}", before.get(name), after.get(name));
    }
    told
}

/// Backups of all kinds, one after the other, until told to stop. One that meets a restart of the server may fail.
fn back_up(host: &BulkheadHost, seed: u64, over: &AtomicBool) -> Result<BTreeMap<String, usize>> {
    let mut chance = Random(seed ^ 0xbac0);
    let mut made = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        let method = ["binarylog", "binarylog", "incremental", "incremental", "dump", "full"][chance.below(6) as usize];
        let id = host.create_backup(SHOP, method)?;
        let shown = host.wait_for("backup", &id, Duration::from_secs(300))?;
        if shown["status"] == "Succeeded" {
            *made.entry(method.to_owned()).or_default() += 1;
        }
    }
    Ok(made)
}

struct Writer<'a> {
    server: &'a Arc<MariaDb>,
    chance: Random,
    /// Numbers for names and keys that were never used before.
    fresh: u64,
    /// Whether its sessions set their clocks, now and then.
    sets_clock: bool,
}

impl<'a> Writer<'a> {
    fn new(server: &'a Arc<MariaDb>, seed: u64) -> Self {
        Self { server, chance: Random(seed), fresh: 0, sets_clock: seed.is_multiple_of(3) }
    }

    /// Writes in rounds; after each one it stands still for a moment, and looks.
    fn write_for(mut self, time: Duration, say: &dyn Fn(&str)) -> Result<(usize, Vec<Moment>)> {
        let (started, mut writes, mut moments) = (Instant::now(), 0, Vec::new());
        while started.elapsed() < time {
            let mut session = Session::open(self.server)?;
            session.query("SET SESSION sql_mode = ''")?;
            for _ in 0..=self.chance.below(60) {
                let statement = self.statement();
                match session.query(&statement) {
                    Ok(_) => writes += 1,
                    // The table may not be there, or be another one than thought: the client ends then.
                    Err(_) => {
                        session = Session::open(self.server)?;
                        session.query("SET SESSION sql_mode = ''")?;
                    }
                }
            }
            moments.push(self.look(&mut session)?);
            if self.chance.below(12) == 0 {
                drop(session);
                if self.chance.below(2) == 0 {
                    self.server.stop()?
                } else {
                    self.server.kill()?
                }
                self.server.launch()?;
                say(&format!("restarted after {writes} writes"));
            }
        }
        Ok((writes, moments))
    }

    /// What the server holds between two seconds in which nothing is written.
    fn look(&self, session: &mut Session) -> Result<Moment> {
        let value = |session: &mut Session, query: &str| -> Result<String> {
            let row = session.query(query)?.into_iter().next();
            row.and_then(|row| row.into_iter().next()).ok_or_else(|| Problem::new(format!("no row: {query}")))
        };
        let state = observe(session)?;
        let gtid = value(session, "SELECT @@gtid_binlog_pos")?;
        let now = "SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%s')";
        let before = value(session, now)?;
        let time = process::wait_until("the next second", Duration::from_secs(5), || {
            let second = value(session, now)?;
            Ok((second != before).then_some(second))
        })?;
        Ok(Moment { time, gtid, state })
    }

    fn statement(&mut self) -> String {
        self.fresh += 1;
        let (fresh, table, other) = (self.fresh, self.chance.below(TABLES), self.chance.below(TABLES));
        let (rows, low) = (1 + self.chance.below(20), self.chance.below(400));
        let text = self.chance.below(1 << 40);
        let format = ["ROW", "STATEMENT", "MIXED"][self.chance.below(3) as usize];
        let domain = self.chance.below(2);
        let create = format!(
            "CREATE TABLE IF NOT EXISTS soak.t{table} (id INT PRIMARY KEY AUTO_INCREMENT, k BIGINT NOT NULL DEFAULT 0, body VARCHAR(4000),
               big LONGBLOB, at DATETIME DEFAULT CURRENT_TIMESTAMP, stamp TIMESTAMP NULL, KEY by_k (k))"
        );
        // All of it means something else in another zone.
        let local = format!(
            "INSERT INTO soak.t{table} (k, body, stamp) VALUES ({low}, CONCAT(NOW(), CURDATE(), FROM_UNIXTIME({text} % 1700000000)),
               FROM_UNIXTIME(1700000000 + {low} * 3600)); UPDATE soak.t{table} SET k = k + 1, body = CONCAT('late ', LEFT(body, 40))
               WHERE stamp > '2023-11-20 12:00:00' ORDER BY id"
        );
        let insert = format!(
            "INSERT INTO soak.t{table} (k, body) SELECT {low} + seq, CONCAT('{text}-', seq) FROM seq_1_to_{rows} ORDER BY seq"
        );
        let update = format!(
            "UPDATE soak.t{table} SET k = k + {rows}, body = CONCAT(LEFT(body, 40), '{text}') WHERE id % 17 = {} ORDER BY id",
            low % 17
        );
        let delete = format!("DELETE FROM soak.t{other} WHERE id % 23 = {} ORDER BY id", low % 23);
        let work = match self.chance.below(38) {
            0..=3 => create,
            4..=9 => insert,
            10..=12 => update,
            13 => delete,
            14..=16 => format!("BEGIN; {insert}; {update}; {delete}; COMMIT"),
            17 => format!("BEGIN; {insert}; SAVEPOINT s; {delete}; ROLLBACK TO SAVEPOINT s; {update}; COMMIT"),
            18 => format!("BEGIN; {insert}; {delete}; ROLLBACK"),
            // What a statement alone does not repeat is logged by its rows.
            19 if format != "STATEMENT" => {
                format!("INSERT INTO soak.t{table} (k, big) VALUES ({low}, REPEAT(UUID(), {}))", 1 + low * 20)
            }
            19 => format!("INSERT INTO soak.t{table} (k, big) VALUES ({low}, REPEAT(MD5({text}), {}))", 1 + low * 20),
            20 => format!("ALTER TABLE soak.t{table} ADD COLUMN IF NOT EXISTS c{} INT DEFAULT {low}", low % 3),
            21 => format!("ALTER TABLE soak.t{table} DROP COLUMN IF EXISTS c{}", low % 3),
            22 => format!("DROP TABLE IF EXISTS soak.t{table}"),
            23 => format!("TRUNCATE TABLE soak.t{table}"),
            24 => format!("RENAME TABLE soak.t{table} TO soak.kept{fresh}"),
            25 => format!(
                "CREATE TABLE soak.made{fresh} (id INT PRIMARY KEY, body TEXT) AS SELECT id, LEFT(body, 60) AS body FROM soak.t{other}"
            ),
            26 => "FLUSH BINARY LOGS".to_owned(),
            27..=31 => local,
            32 => format!(
                "CREATE TEMPORARY TABLE soak.draft (k INT); INSERT INTO soak.draft VALUES ({low}), ({rows});
                 INSERT INTO soak.t{table} (k) SELECT k FROM soak.draft ORDER BY k; DROP TEMPORARY TABLE soak.draft"
            ),
            33 => format!(
                "XA START 'x{fresh}'; {insert}; {update}; XA END 'x{fresh}'; XA PREPARE 'x{fresh}'; XA COMMIT 'x{fresh}'"
            ),
            34 => format!("SET SESSION time_zone = '+0{}:30'; {local}; SET SESSION time_zone = DEFAULT", low % 9),
            35 => format!(
                "CREATE TABLE soak.plain{fresh} (id INT PRIMARY KEY, at DATETIME DEFAULT CURRENT_TIMESTAMP) ENGINE = {};
                 INSERT INTO soak.plain{fresh} (id) SELECT seq FROM seq_1_to_{rows} ORDER BY seq",
                if low % 2 == 0 { "Aria" } else { "MyISAM" }
            ),
            36 | 37 if self.sets_clock => {
                let shift = if low % 2 == 0 { "+" } else { "-" };
                format!(
                    "SET SESSION timestamp = UNIX_TIMESTAMP() {shift} 86400; {insert}; SET SESSION timestamp = DEFAULT"
                )
            }
            _ => format!("CREATE OR REPLACE USER u{low}@localhost IDENTIFIED BY 'x{text}'; FLUSH TABLES"),
        };
        format!("SET SESSION binlog_format = '{format}'; SET SESSION gtid_domain_id = {domain}; {work}")
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
