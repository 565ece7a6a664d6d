//! Watches a job until it ends: each phase as a line, and a bar below them when a person sits at a terminal.

mod phases;

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::phases::Phases;
use crate::client::{Client, segment};
use crate::exit::{Exit, ExitKind};
use crate::paint::harmless;
use crate::render::{number, print, size, text};

/// The first pause between two looks, for what is done at once; it doubles.
const FIRST_POLL: Duration = Duration::from_millis(25);
/// How far it doubles where a bar moves or nothing is shown.
const POLL: Duration = Duration::from_millis(500);
/// How far it doubles where lines are printed, which is how often Sp00ky's commands look. A phase that lasts is shown again then.
const REPEAT: Duration = Duration::from_secs(5);
/// How long a host may be away, e.g. to restart, before the watch gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long Sp00ky's commands wait.
pub const USUAL_BOUND: Duration = Duration::from_mins(5);

/// A watch over one job.
pub struct Follow<'a> {
    /// The host.
    pub client: &'a Client,
    /// The job.
    pub job: &'a str,
    /// How long at most; `None` waits for as long as it takes.
    pub bound: Option<Duration>,
    /// Says nothing, for `--json`.
    pub quiet: bool,
}

impl Follow<'_> {
    /// Waits for the end of the job and gives its last state.
    ///
    /// # Errors
    /// The job failed or was cancelled; it did not end within the bound; the host went away for longer than a minute.
    pub fn until_end(&self) -> Result<Value, Exit> {
        let path = format!("/jobs/{}", segment(self.job));
        let start = Instant::now();
        let mut heard = start;
        let mut pause = FIRST_POLL;
        let mut display = Display::new(self.quiet);
        let mut phases = Phases::of(self.client, self.job);
        loop {
            match self.client.get(&path) {
                Ok(job) => {
                    heard = Instant::now();
                    let ended = matches!(text(&job, "status"), "Succeeded" | "Failed" | "Cancelled");
                    let mut told = |phase: &str, at: Duration| display.line(phase, at.min(start.elapsed()));
                    // What was told is newer than what the job has said before it.
                    let newer = !self.quiet && phases.since_last(&job, &mut told);
                    if ended || !newer {
                        display.show(&job, start.elapsed(), ended);
                    }
                    if ended {
                        return outcome(job);
                    }
                }
                Err(exit) if exit.kind() != ExitKind::Unreachable || heard.elapsed() > PATIENCE => {
                    display.clear();
                    return Err(exit);
                }
                Err(_) => {}
            }
            if self.bound.is_some_and(|bound| start.elapsed() >= bound) {
                display.clear();
                let minutes = self.bound.unwrap_or_default().as_secs() / 60;
                let detail = format!("job {} has not ended after {minutes} minutes; it goes on", self.job);
                let hint = format!(
                    "`bulkhead job logs {} --follow` goes on watching; --wait waits for as long as it takes",
                    self.job
                );
                return Err(Exit::new(ExitKind::Unfinished, detail).with_hint(hint));
            }
            let left = self.bound.map_or(pause, |bound| bound.saturating_sub(start.elapsed()));
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(display.pause());
        }
    }
}

fn outcome(job: Value) -> Result<Value, Exit> {
    if text(&job, "status") == "Succeeded" {
        return Ok(job);
    }
    let exit = Exit::new(ExitKind::Failed, text(&job, "message"));
    let hint = job.get("failure").map(|failure| text(failure, "hint").to_owned()).filter(|hint| !hint.is_empty());
    Err(match hint {
        Some(hint) => exit.with_hint(hint),
        None => exit,
    })
}

struct Display {
    quiet: bool,
    bar: bool,
    shown: String,
    shown_at: Instant,
    last: Option<(Instant, u64)>,
    rate: u64,
}

impl Display {
    fn new(quiet: bool) -> Self {
        let bar = !quiet && std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        Self { quiet, bar, shown: String::new(), shown_at: Instant::now(), last: None, rate: 0 }
    }

    fn show(&mut self, job: &Value, elapsed: Duration, ended: bool) {
        if self.quiet {
            return;
        }
        let phase = phase(job);
        self.line(&phase, elapsed);
        if ended {
            self.clear();
        } else if self.bar {
            self.draw(&phase, job);
        } else if self.shown_at.elapsed() >= REPEAT {
            let moved = moved(job);
            let moved = if moved.is_empty() { moved } else { format!("  {moved}") };
            self.print(&format!("{phase}{moved}"), elapsed);
        }
    }

    /// One line for a phase that was not the last one shown.
    fn line(&mut self, phase: &str, elapsed: Duration) {
        if phase != self.shown {
            self.clear();
            self.print(phase, elapsed);
            phase.clone_into(&mut self.shown);
        }
    }

    fn print(&mut self, line: &str, elapsed: Duration) {
        print(&format!("  [{:>4}s] {line}", elapsed.as_secs()));
        self.shown_at = Instant::now();
    }

    fn draw(&mut self, phase: &str, job: &Value) {
        self.measure(number(job, "plain_bytes"));
        let size = rustix::termios::tcgetwinsize(std::io::stderr());
        // Some terminals do not know how wide they are.
        let width = size.ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(80);
        let line = bar_line(phase, job, self.rate);
        let line: String = harmless(&line).chars().take(width.saturating_sub(1)).collect();
        let _gone = write!(std::io::stderr(), "\r\x1b[2K{line}").and_then(|()| std::io::stderr().flush());
    }

    /// How long to wait between two looks, at most.
    fn pause(&self) -> Duration {
        if self.quiet || self.bar { POLL } else { REPEAT }
    }

    /// A smoothed rate: the bar is for people.
    fn measure(&mut self, bytes: u64) {
        let now = Instant::now();
        if let Some((then, before)) = self.last {
            let millis = now.duration_since(then).as_millis().max(1);
            let rate = u128::from(bytes.saturating_sub(before)) * 1_000 / millis;
            self.rate = u64::try_from((u128::from(self.rate) + rate) / 2).unwrap_or(u64::MAX);
        }
        self.last = Some((now, bytes));
    }

    fn clear(&self) {
        if self.bar {
            let _gone = write!(std::io::stderr(), "\r\x1b[2K").and_then(|()| std::io::stderr().flush());
        }
    }
}

/// `queued`, `running: prepare`, `completed`, ...
fn phase(job: &Value) -> String {
    match (text(job, "status"), text(job, "phase")) {
        // A retry: the reason is worth more than the word.
        ("Scheduled", _) if job.get("failure").is_some_and(|failure| !failure.is_null()) => {
            let (made, most) = (number(job, "attempts_made"), number(job, "attempts_max"));
            format!("queued again, attempt {made} of {most} failed: {}", text(job, "message"))
        }
        ("Scheduled", _) => "queued".to_owned(),
        ("Running", "") => "running".to_owned(),
        ("Running", phase) => format!("running: {phase}"),
        ("Succeeded", _) => "completed".to_owned(),
        (other, _) => other.to_lowercase(),
    }
}

fn moved(job: &Value) -> String {
    match (number(job, "plain_bytes"), number(job, "expected_bytes")) {
        (0, _) => String::new(),
        (done, 0) => size(done),
        (done, all) => format!("{} of about {}", size(done), size(all)),
    }
}

fn bar_line(phase: &str, job: &Value, rate: u64) -> String {
    const CELLS: u64 = 24;
    let (done, all) = (number(job, "plain_bytes"), number(job, "expected_bytes"));
    let mut line = format!("{phase:<22}");
    if all > 0 {
        // What is expected is an estimate; more than all is all.
        let share = done.min(all) as f64 / all as f64;
        let full = (share * CELLS as f64) as usize;
        line.push_str(&format!("  {}{} {:>3.0} %", "█".repeat(full), "░".repeat(CELLS as usize - full), share * 100.0));
    }
    if done > 0 {
        line.push_str(&format!("  {}", moved(job)));
    }
    if rate > 0 {
        line.push_str(&format!("  {}/s", size(rate)));
        if all > done {
            line.push_str(&format!("  {} s left", (all - done) / rate));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_bar_never_runs_over() {
        let job = json!({"status": "Running", "phase": "copy", "plain_bytes": 150, "expected_bytes": 100});
        assert_eq!(
            bar_line(&phase(&job), &job, 0),
            format!("running: copy           {} 100 %  150 B of about 100 B", "█".repeat(24))
        );
        let job = json!({"status": "Running", "phase": null, "plain_bytes": 25_000_000, "expected_bytes": 100_000_000});
        assert_eq!(
            bar_line(&phase(&job), &job, 5_000_000),
            format!(
                "running                 {}{}  25 %  25.0 MB of about 100.0 MB  5.0 MB/s  15 s left",
                "█".repeat(6),
                "░".repeat(18)
            )
        );
    }

    #[test]
    fn a_job_that_is_tried_again_says_why() {
        let failure = json!({"message": "no answer"});
        let job = json!({"status": "Scheduled", "attempts_made": 1, "attempts_max": 3, "message": "no answer", "failure": failure});
        assert_eq!(phase(&job), "queued again, attempt 1 of 3 failed: no answer");
        assert_eq!(phase(&json!({"status": "Scheduled", "failure": null})), "queued");
    }

    #[test]
    fn a_failed_job_is_told_with_its_hint() {
        let job = json!({"status": "Failed", "message": "disk full", "failure": {"hint": "make room"}});
        assert_eq!(outcome(job).unwrap_err().to_string(), "error: disk full\nhint: make room");
        assert!(outcome(json!({"status": "Cancelled", "message": "cancelled on request"})).is_err());
    }
}
