//! A writer whose every committed state can be told from a state that never was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::mariadb::{MariaDb, Session};
use crate::problem::{Problem, Result};

const ACCOUNTS: u64 = 100;
const OPENING_BALANCE: u64 = 1000;

/// Moves money between accounts, one transaction after the other: two balances change and one log line with the next number is
/// written together. When the server goes away it waits and goes on.
pub struct Writer {
    committed: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Makes the tables in the database `ledger` and starts to write. The server must outlive the writer.
    pub fn start(server: &Arc<MariaDb>) -> Result<Self> {
        server.execute(&format!(
            "CREATE DATABASE ledger; USE ledger;
             CREATE TABLE ledger.accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL);
             INSERT INTO ledger.accounts SELECT seq, {OPENING_BALANCE} FROM seq_1_to_{ACCOUNTS};
             CREATE TABLE ledger.log (id BIGINT PRIMARY KEY, payer INT NOT NULL, payee INT NOT NULL, amount BIGINT NOT NULL,
               at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), filler VARCHAR(200) NOT NULL);"
        ))?;
        Ok(Self::go_on(server))
    }

    /// Writes on in tables that are there already.
    pub fn go_on(server: &Arc<MariaDb>) -> Self {
        let (committed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (server, committed, stop) = (Arc::clone(server), Arc::clone(&committed), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if write(&server, &committed, &stop).is_err() {
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        });
        Self { committed, stop, thread: Some(thread) }
    }

    /// The number of the last log line whose commit was confirmed. A backup that starts now holds at least these.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::SeqCst)
    }

    /// Waits until that many lines are committed.
    pub fn wait_for(&self, lines: u64) -> Result<()> {
        crate::process::wait_until("the writer writes", Duration::from_secs(60), || {
            Ok((self.committed() >= lines).then_some(()))
        })
    }

    /// Stops and gives the number of the last committed line.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.committed()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes until told to stop or until the session ends; a transaction whose end is not known is looked up by the next session.
fn write(server: &MariaDb, committed: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    let mut session = Session::open(server)?;
    let last = session.query("SELECT COALESCE(MAX(id), 0) FROM ledger.log")?;
    let last = last.first().and_then(|row| row.first()).and_then(|id| id.parse::<u64>().ok());
    let mut id = last.ok_or_else(|| Problem::new("the ledger has no log"))?;
    committed.store(id, Ordering::SeqCst);
    while !stop.load(Ordering::Relaxed) {
        id += 1;
        let (payer, amount) = (1 + id * 31 % ACCOUNTS, 1 + id % 17);
        let payee = 1 + (payer + id % (ACCOUNTS - 1)) % ACCOUNTS;
        session.query(&format!(
            "BEGIN; UPDATE ledger.accounts SET balance = balance - {amount} WHERE id = {payer};
             UPDATE ledger.accounts SET balance = balance + {amount} WHERE id = {payee};
             INSERT INTO ledger.log (id, payer, payee, amount, filler) VALUES ({id}, {payer}, {payee}, {amount}, REPEAT(MD5({id}), 4)); COMMIT"
        ))?;
        committed.store(id, Ordering::SeqCst);
    }
    Ok(())
}

/// What a [`Writer`] left in a server, proved to be one of its committed states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The number of log lines: the writer's first that many transactions, all of them and no other.
    pub lines: u64,
}

impl Ledger {
    /// Checks that log and balances belong together: numbers without a gap, no money made or lost, and every balance is
    /// what the log says it must be.
    pub fn check(server: &MariaDb) -> Result<Self> {
        let rows = server.query(
            "SELECT COUNT(*), COALESCE(MAX(id), 0) FROM ledger.log;
             SELECT COUNT(*), SUM(balance) FROM ledger.accounts;
             SELECT COUNT(*), 0 FROM (
               SELECT a.id, a.balance - COALESCE(SUM(m.amount), 0) AS opening FROM ledger.accounts a LEFT JOIN (
                 SELECT payee AS id, amount FROM ledger.log UNION ALL SELECT payer, -amount FROM ledger.log) m ON m.id = a.id
               GROUP BY a.id, a.balance HAVING opening <> 1000) wrong",
        )?;
        let numbers: Vec<u64> = rows.iter().flatten().filter_map(|number| number.parse().ok()).collect();
        let [lines, last, accounts, money, wrong, _] = numbers.as_slice() else {
            return Err(Problem::new(format!("the ledger cannot be read: {rows:?}")));
        };
        if lines != last {
            return Err(Problem::new(format!("the log ends at {last} but has {lines} lines")));
        }
        if *accounts != ACCOUNTS || *money != ACCOUNTS * OPENING_BALANCE {
            return Err(Problem::new(format!("{accounts} accounts hold {money} together: money was made or lost")));
        }
        if *wrong != 0 {
            return Err(Problem::new(format!("{wrong} balances are not what the log says")));
        }
        Ok(Self { lines: *lines })
    }
}
