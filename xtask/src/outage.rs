//! A database watched from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bulkhead_test_support::MariaDb;

/// Asks the server every 10 ms whether it greets a new connection.
pub struct Outage {
    over: Arc<AtomicBool>,
    watcher: JoinHandle<Duration>,
}

impl Outage {
    /// Starts to watch.
    pub fn watch(server: &Arc<MariaDb>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let watcher = thread::spawn({
            let (server, over) = (Arc::clone(server), Arc::clone(&over));
            move || {
                let (mut longest, mut last) = (Duration::ZERO, Instant::now());
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    if server.answers() {
                        longest = longest.max(asked.duration_since(last));
                        last = asked;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                longest
            }
        });
        Self { over, watcher }
    }

    /// The longest time between two answers.
    pub fn end(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap_or_default()
    }
}
