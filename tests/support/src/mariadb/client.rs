//! SQL through the `mariadb` client, over the socket, as root.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::MariaDb;
use crate::problem::{Problem, Result};
use crate::process;

/// Long enough to fill a few gigabytes.
const STATEMENTS_DEADLINE: Duration = Duration::from_secs(1200);

impl MariaDb {
    /// Runs statements (`DELIMITER` included) in one session; stops at the first that fails.
    pub fn execute(&self, statements: &str) -> Result<()> {
        let finished = process::run(&mut self.client(&[]), statements.as_bytes(), STATEMENTS_DEADLINE)?;
        if finished.code == Some(0) { Ok(()) } else { Err(Problem::new(finished.stderr.trim().to_owned())) }
    }

    /// The rows of one query. NULL arrives as the text `NULL`; tabs, newlines and backslashes are as they were.
    pub fn query(&self, query: &str) -> Result<Vec<Vec<String>>> {
        Session::open(self)?.query(query)
    }

    /// The first column of the first row.
    pub fn value(&self, query: &str) -> Result<String> {
        let row = self.query(query)?.into_iter().next();
        row.and_then(|row| row.into_iter().next()).ok_or_else(|| Problem::new(format!("no row: {query}")))
    }

    /// Lets it know some time zones by name, as an administrator does with all of them.
    pub fn load_time_zones(&self) -> Result<()> {
        for zone in ["UTC", "Europe/Berlin", "Asia/Tokyo"] {
            let mut command = process::command("mariadb-tzinfo-to-sql");
            command.args(["--skip-write-binlog", &format!("/usr/share/zoneinfo/{zone}"), zone]);
            let finished = process::run(&mut command, b"", STATEMENTS_DEADLINE)?;
            if finished.code != Some(0) {
                return Err(Problem::new(finished.stderr.trim().to_owned()));
            }
            self.execute(&format!("USE mysql; {}", String::from_utf8_lossy(&finished.stdout)))?;
        }
        Ok(())
    }

    /// The client, logged in as root over the socket.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut client = process::command("mariadb");
        client
            .args(["--no-defaults", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--user=root"])
            // Or it takes comments out of the routines, triggers and events that it sends.
            .arg("--comments")
            .arg(format!("--socket={}", self.socket().display()))
            .args(arguments);
        client
    }
}

/// One session that stays open: temporary tables, variables and transactions live in it.
pub struct Session {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Session {
    /// Logs in as root. A server that is down is noticed at the first query.
    pub fn open(server: &MariaDb) -> Result<Self> {
        let mut client = server
            .client(&["--batch", "--unbuffered", "--skip-column-names"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (client.stdin.take(), client.stdout.take()) else {
            return Err(Problem::new("the client has no pipes"));
        };
        Ok(Self { client, input, output: BufReader::new(output), asked: 0 })
    }

    /// Runs statements, each ended by `;` or the last one bare, and gives the rows of all of them.
    /// After a failure the session is over.
    pub fn query(&mut self, statements: &str) -> Result<Vec<Vec<String>>> {
        self.asked += 1;
        let end = format!("bulkhead-end-of-answer-{}", self.asked);
        let statements = statements.trim_end().trim_end_matches(';');
        // When the client has ended, reading tells why.
        let _ = writeln!(self.input, "{statements};\nSELECT '{end}';").and_then(|()| self.input.flush());
        let mut rows = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.output.read_until(b'\n', &mut line)? == 0 {
                return Err(self.ended(statements));
            }
            let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
            if line == end {
                return Ok(rows);
            }
            rows.push(line.split('\t').map(unescape).collect());
        }
    }

    fn ended(&mut self, statements: &str) -> Problem {
        let mut said = String::new();
        if let Some(mut stderr) = self.client.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let shown: String = statements.chars().take(300).collect();
        Problem::new(format!("{} (in: {shown})", said.trim()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Undoes what the client's batch mode escapes.
fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut rest = field.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('0') => text.push('\0'),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}
