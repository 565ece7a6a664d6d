use clap::Args;
use serde_json::Value;

use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{flag, list, print, print_json, text};

/// `bulkhead target test`.
#[derive(Args)]
pub struct Test {
    /// The target's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Test {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let found = session.client.post(&format!("/targets/{}/test", segment(&self.id)), None)?;
        if session.json {
            print_json(&found);
        } else {
            print(&described(&found));
        }
        if flag(&found, "ok") {
            return Ok(());
        }
        Err(Exit::new(ExitKind::Failed, format!("target {} does not work", self.id)))
    }
}

/// A line for each step, and what to do below what went wrong.
fn described(found: &Value) -> String {
    let mut lines = Vec::new();
    for step in list(&found["steps"]) {
        let line = format!("{:<14} {:<8} {}", text(step, "name"), text(step, "state"), text(step, "message"));
        lines.push(line.trim_end().to_owned());
        if !text(step, "hint").is_empty() {
            lines.push(format!("{:<14} hint: {}", "", text(step, "hint")));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_stands_below_the_step_that_misses_it() {
        let found = json!({"ok": false, "steps": [
            {"name": "open", "state": "ok", "message": null, "hint": null},
            {"name": "write", "state": "failed", "message": "access denied", "hint": "grant s3:PutObject"},
            {"name": "read", "state": "skipped", "message": null, "hint": null},
        ]});
        let expected = "open           ok\n\
                        write          failed   access denied\n\
                        \x20              hint: grant s3:PutObject\n\
                        read           skipped";
        assert_eq!(described(&found), expected);
    }
}
