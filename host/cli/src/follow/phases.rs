//! What a job went through between two looks: a phase that was over before anybody looked is shown too.

use std::ops::ControlFlow;
use std::time::Duration;

use bulkhead_model::Timestamp;
use serde_json::Value;

use crate::client::{Client, ServerEvent, read_events, segment};
use crate::render::text;

/// The events so far come at once; whoever hangs is left alone until the next look.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads a job's recorded events, each once.
pub(super) struct Phases<'a> {
    client: &'a Client,
    path: String,
    last_id: Option<String>,
    seen: Option<(String, String)>,
}

impl<'a> Phases<'a> {
    pub fn of(client: &'a Client, job: &str) -> Self {
        Self { client, path: format!("/jobs/{}/events", segment(job)), last_id: None, seen: None }
    }

    /// Gives each phase that has begun since the last time, and how long after the job was asked for that was; answers whether there was
    /// one. Does not ask when nothing has changed, and leaves it to the next time when there is no answer.
    pub fn since_last(&mut self, job: &Value, each: &mut dyn FnMut(&str, Duration)) -> bool {
        let now = (text(job, "status").to_owned(), text(job, "phase").to_owned());
        if self.seen.as_ref() == Some(&now) {
            return false;
        }
        let mut any = false;
        let asked = Timestamp::parse_rfc3339(text(job, "created_at"));
        let Ok(stream) = self.client.events(&self.path, self.last_id.as_deref(), Some(DEADLINE)) else {
            return false;
        };
        let mut show = |event: ServerEvent| {
            if matches!(event.name.as_str(), "progress" | "end") {
                return ControlFlow::Break(());
            }
            let recorded: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if let Some(phase) = begun(&recorded) {
                let at = Timestamp::parse_rfc3339(text(&recorded, "at"));
                any = true;
                each(&phase, asked.zip(at).map(|(asked, at)| at.since(asked)).unwrap_or_default());
            }
            if event.id.is_some() {
                self.last_id = event.id;
            }
            ControlFlow::Continue(())
        };
        if read_events(stream, &mut show) {
            self.seen = Some(now);
        }
        any
    }
}

/// The phase that an event begins, in the words of the command line. How it ended, and why it is tried again, is said by the job itself.
fn begun(recorded: &Value) -> Option<String> {
    let body = &recorded["body"];
    match (text(recorded, "kind"), text(body, "state"), text(body, "phase")) {
        ("phase", _, phase) => Some(format!("running: {phase}")),
        ("state", "running", _) => Some("running".to_owned()),
        ("state", "scheduled", _) if body["failure"].is_null() => Some("queued".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_begins_is_said_as_the_job_says_it() {
        for (kind, body, said) in [
            ("state", json!({"state": "scheduled"}), Some("queued")),
            ("state", json!({"state": "running"}), Some("running")),
            ("phase", json!({"phase": "load main", "plain_bytes": 0}), Some("running: load main")),
            ("state", json!({"state": "scheduled", "failure": {"message": "no answer"}}), None),
            ("state", json!({"state": "succeeded"}), None),
            ("log", json!({"level": "info", "message": "12 tables"}), None),
        ] {
            assert_eq!(begun(&json!({"kind": kind, "body": body})).as_deref(), said, "{kind} {body}");
        }
    }
}
