use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::client::{ServerEvent, read_events, segment};
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{print, text, time};

/// Between two tries to come back to a host that went away.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries in a row that find no host.
const TRIES: u32 = 60;

/// `bulkhead job logs`.
#[derive(Args)]
pub struct Logs {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
    /// Go on until the job has ended
    #[arg(long, short)]
    follow: bool,
}

impl Logs {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let path = format!("/jobs/{}/events", segment(&self.id));
        let mut last_id: Option<String> = None;
        let mut failures = 0;
        loop {
            let seen = last_id.clone();
            let mut show = |event: ServerEvent| {
                match event.name.as_str() {
                    "end" => return ControlFlow::Break(()),
                    // A snapshot comes after all that was recorded so far.
                    "progress" if !self.follow => return ControlFlow::Break(()),
                    "progress" => {}
                    _ => {
                        if session.json {
                            print(&event.data);
                        } else if let Ok(recorded) = serde_json::from_str::<Value>(&event.data) {
                            print(&line(&recorded));
                        }
                    }
                }
                if event.id.is_some() {
                    last_id = event.id;
                }
                ControlFlow::Continue(())
            };
            let ended = match session.client.events(&path, seen.as_deref(), None) {
                Ok(stream) => {
                    failures = 0;
                    read_events(stream, &mut show)
                }
                Err(exit) if exit.kind() != ExitKind::Unreachable || !self.follow => return Err(exit),
                Err(exit) => {
                    failures += 1;
                    if failures >= TRIES {
                        return Err(exit);
                    }
                    false
                }
            };
            if ended {
                return Ok(());
            }
            // The host stopped or the connection broke: nothing is missed, the stream goes on after the last id.
            std::thread::sleep(PAUSE);
        }
    }
}

/// `2026-04-08T10:00:00  log     info  12 tables`.
fn line(recorded: &Value) -> String {
    let (kind, body) = (text(recorded, "kind"), &recorded["body"]);
    let what = match kind {
        "state" => {
            let failure = body.get("failure").map(|failure| format!(": {}", text(failure, "message")));
            format!("{}{}", text(body, "state"), failure.unwrap_or_default())
        }
        "phase" => text(body, "phase").to_owned(),
        "log" => format!("{:<5} {}", text(body, "level"), text(body, "message")),
        _ => body.to_string(),
    };
    format!("{}  {kind:<6} {what}", time(text(recorded, "at")))
}
