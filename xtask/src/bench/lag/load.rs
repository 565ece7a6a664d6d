//! Sessions that commit as fast as they can and remember when they were told so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bulkhead_test_support::{MariaDb, Result, Session};

/// One transaction whose commit was confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Its number in the log.
    pub sequence: u64,
    /// When the client had its answer.
    pub at: Instant,
}

/// Sessions that write until told to stop, or until the server is gone.
pub struct Load {
    stop: Arc<AtomicBool>,
    started: Instant,
    sessions: Vec<JoinHandle<Vec<Commit>>>,
}

impl Load {
    /// Begins.
    pub fn start(server: &Arc<MariaDb>, sessions: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let session = |_| {
            let (server, stop) = (Arc::clone(server), Arc::clone(&stop));
            thread::spawn(move || {
                let mut commits = Vec::new();
                // It ends with the server.
                let _ended = write(&server, &stop, &mut commits);
                commits
            })
        };
        let sessions = (0..sessions).map(session).collect();
        Self { stop, started: Instant::now(), sessions }
    }

    /// Stops, and gives what was committed in the order of the log, and how many a second.
    pub fn end(self) -> (Vec<Commit>, f64) {
        self.stop.store(true, Ordering::Relaxed);
        let sessions = self.sessions.into_iter().flat_map(|session| session.join().unwrap_or_default());
        let mut commits: Vec<Commit> = sessions.collect();
        commits.sort_by_key(|commit| commit.sequence);
        let last = commits.iter().map(|commit| commit.at).max().unwrap_or(self.started);
        let number = u32::try_from(commits.len()).unwrap_or(u32::MAX);
        let rate = f64::from(number) / last.duration_since(self.started).as_secs_f64().max(0.001);
        (commits, rate)
    }
}

fn write(server: &MariaDb, stop: &AtomicBool, commits: &mut Vec<Commit>) -> Result<()> {
    let mut session = Session::open(server)?;
    while !stop.load(Ordering::Relaxed) {
        let rows = session.query("INSERT INTO lag.t (body) VALUES (REPEAT('x', 250)); SELECT @@last_gtid")?;
        let at = Instant::now();
        let gtid = rows.first().and_then(|row| row.first());
        commits.extend(gtid.and_then(|gtid| sequence(gtid)).map(|sequence| Commit { sequence, at }));
    }
    Ok(())
}

/// The number of `0-1-4711`.
pub fn sequence(gtid: &str) -> Option<u64> {
    gtid.rsplit('-').next()?.parse().ok()
}
