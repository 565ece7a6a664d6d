//! `mariadb-binlog --raw --stop-never`, read as the host reads it: through a link to its standard output.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{MariaDb, Problem, Result, process};

use super::super::by_hand;
use super::super::place::Place;

/// Kinds of events: the beginning of a transaction, its end.
const GTID: u8 = 162;
const XID: u8 = 16;
/// Bytes of an event's header.
const HEADER: usize = 19;

/// Watches the newest log for a while: which transactions had been read to their end, and when.
pub fn watch(place: &Place, server: &MariaDb, time: Duration) -> Result<Vec<(u64, Instant)>> {
    let dir = place.empty("raw-lag")?;
    let log = server.value("SHOW MASTER STATUS")?;
    symlink("/proc/self/fd/1", dir.join(&log))?;
    let login = by_hand::login(server, &place.dir)?;
    let tool = format!(
        "exec mariadb-binlog {login} --read-from-remote-server --raw --stop-never --stop-never-slave-server-id=4000000000 \
         --result-file='{}/' {log}",
        dir.display()
    );
    let mut tool =
        process::command("bash").args(["-c", &tool]).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let mut output = tool.stdout.take().ok_or_else(|| Problem::new("the tool has no output"))?;
    let reader = thread::spawn(move || {
        let (mut stream, mut seen, mut chunk) = (Stream::default(), Vec::new(), vec![0; 256 << 10]);
        while let Ok(read @ 1..) = output.read(&mut chunk) {
            let at = Instant::now();
            if let Some(last) = stream.feed(&chunk[..read]) {
                seen.push((last, at));
            }
        }
        seen
    });
    thread::sleep(time);
    tool.kill()?;
    tool.wait()?;
    reader.join().map_err(|_| Problem::new("the log could not be read"))
}

/// A log as it comes in.
#[derive(Default)]
struct Stream {
    held: Vec<u8>,
    /// Whether the four bytes at the beginning are gone.
    begun: bool,
    open: Option<u64>,
}

impl Stream {
    /// The last transaction that has come in completely with these bytes.
    fn feed(&mut self, bytes: &[u8]) -> Option<u64> {
        self.held.extend_from_slice(bytes);
        let mut at = if self.begun { 0 } else { 4 };
        let mut complete = None;
        while let Some(header) = self.held.get(at..at + HEADER) {
            let size = u32::from_le_bytes([header[9], header[10], header[11], header[12]]) as usize;
            let Some(event) = self.held.get(at..at + size.max(HEADER)) else { break };
            match event[4] {
                GTID => {
                    self.open =
                        event.get(HEADER..HEADER + 8).and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)))
                }
                XID => complete = self.open.take().or(complete),
                _ => {}
            }
            at += size.max(HEADER);
        }
        if at <= self.held.len() && (self.begun || at > 4) {
            self.begun = true;
            self.held.drain(..at);
        }
        complete
    }
}
