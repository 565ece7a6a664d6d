//! What a tool says on its standard error: the launcher's report, lines for the attempt's log, and the end for the judgement.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::tools::launch::REPORT;
use crate::{Level, Observer};

/// Bytes of a line that are kept.
const MAX_LINE: usize = 4096;
/// Bytes of the end that are kept.
const MAX_TAIL: usize = 16 * 1024;
/// Lines and bytes of one run that go to the log.
const MAX_LOGGED: (u64, usize) = (5000, 1 << 20);
/// Shorter passwords would tear holes into ordinary words.
const MIN_SECRET: usize = 3;

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The launcher's report.
    pub(super) report: Option<String>,
    /// The last lines, without the launcher's.
    lines: VecDeque<String>,
    bytes: usize,
}

impl Said {
    /// The end of it, lines with newlines between.
    pub(super) fn tail(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// The last lines that say anything, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().rev().map(|line| line.trim()).filter(|line| !line.is_empty())
    }

    fn keep(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > MAX_TAIL {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + 1;
        }
    }
}

/// Listens on a thread, until the last holder of the other end is gone.
pub(super) fn listen(
    tool: &'static str,
    from: File,
    secret: Option<String>,
    observer: Option<Arc<dyn Observer>>,
) -> io::Result<oneshot::Receiver<Said>> {
    let (tell, said) = oneshot::channel();
    let run = move || {
        let mut said = Said::default();
        let mut log = Log { tool, observer, lines: 0, bytes: 0, left_out: 0 };
        let mut from = BufReader::with_capacity(64 * 1024, from);
        while let Some(line) = next(&mut from) {
            let line = hide(line, secret.as_deref());
            match line.strip_prefix(REPORT) {
                // Only the launcher's own lines: before the tool has taken over, or when it could not.
                Some(report) if said.lines.is_empty() => said.report = Some(report.to_owned()),
                _ => {
                    log.line(&line);
                    said.keep(line);
                }
            }
        }
        log.close();
        let _unheard = tell.send(said);
    };
    std::thread::Builder::new().name("tool-stderr".to_owned()).spawn(run)?;
    Ok(said)
}

/// The next line without its end, cut at [`MAX_LINE`].
fn next(from: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let buffer = match from.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What cannot be read is over.
            Err(_) => &[],
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_LINE - line.len())]);
        let used = end.map_or(buffer.len(), |at| at + 1);
        from.consume(used);
        if end.is_some() {
            break;
        }
    }
    any.then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn hide(line: String, secret: Option<&str>) -> String {
    match secret {
        Some(secret) if secret.len() >= MIN_SECRET && line.contains(secret) => line.replace(secret, "[hidden]"),
        _ => line,
    }
}

struct Log {
    tool: &'static str,
    observer: Option<Arc<dyn Observer>>,
    lines: u64,
    bytes: usize,
    left_out: u64,
}

impl Log {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if self.lines >= MAX_LOGGED.0 || self.bytes >= MAX_LOGGED.1 {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        self.bytes += line.len();
        self.say(if complains(line) { Level::Warn } else { Level::Debug }, line);
    }

    fn close(self) {
        if self.left_out > 0 {
            self.say(Level::Info, &format!("{} more lines were not kept", self.left_out));
        }
    }

    fn say(&self, level: Level, message: &str) {
        if let Some(observer) = &self.observer {
            observer.log(level, message, &[("tool".to_owned(), self.tool.to_owned())]);
        }
    }
}

/// Whether a line reads like the reason of a failure.
pub(super) fn complains(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["error", "denied", "failed", "cannot", "can't", "fatal", "invalid", "missing", "unknown"]
        .iter()
        .any(|word| line.contains(word))
}
