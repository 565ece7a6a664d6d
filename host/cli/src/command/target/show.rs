use clap::Args;
use serde_json::Value;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, flag, print, print_json, text, time};

/// `bulkhead target show`.
#[derive(Args)]
pub struct Show {
    /// The target's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let target = session.client.get(&format!("/targets/{}", segment(&self.id)))?;
        if session.json {
            print_json(&target);
        } else {
            print(&described(&target));
        }
        Ok(())
    }
}

/// What people want to know of a target.
pub(super) fn described(target: &Value) -> String {
    let plain = |field: &str| text(target, field).to_owned();
    let moment = |field: &str| time(text(target, field)).to_owned();
    let credentials = match target.get("has_credentials").and_then(Value::as_bool) {
        Some(true) => "kept, and never shown",
        Some(false) => "none",
        None => "",
    };
    let config = target.get("config").filter(|config| config.is_object()).map(Value::to_string).unwrap_or_default();
    fields(&[
        ("ID", plain("id")),
        ("Bucket", plain("bucket")),
        ("Plugin", plain("plugin")),
        ("Configuration", config),
        ("Credentials", credentials.to_owned()),
        ("Default", if flag(target, "default") { "yes" } else { "no" }.to_owned()),
        ("Kind", plain("kind")),
        ("Origin", plain("origin")),
        ("Last test", last_test(target)),
        ("Created", moment("created_at")),
        ("Changed", moment("updated_at")),
    ])
}

/// `good at 2026-04-08T10:00:00`; empty when there was none.
pub(super) fn last_test(target: &Value) -> String {
    match target.get("test").filter(|test| test.is_object()) {
        None => String::new(),
        Some(test) => {
            let found = if flag(test, "ok") { "good" } else { "failed" };
            format!("{found} at {}", time(text(test, "at")))
        }
    }
}
