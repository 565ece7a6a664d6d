use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::follow::Follow;
use crate::render::{list, print, print_json, text};

/// `bulkhead backup verify`.
#[derive(Args)]
pub struct Verify {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
    /// How deep to look
    #[arg(long, value_name = "LEVEL", value_enum)]
    level: Option<Level>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    /// The stored bytes are those that were written
    Stored,
    /// Besides, they decrypt and decompress to what was backed up (the default)
    Content,
    /// It restores into a throw-away server, and that holds what was backed up
    Drill,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Content => "content",
            Self::Drill => "drill",
        }
    }
}

impl Verify {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let path = format!("/backups/{}/verify", segment(reference(&self.id)));
        let body = self.level.map(|level| json!({ "level": level.word() }));
        let job = session.client.post(&path, body.as_ref())?;
        let backup = text(&job, "backup_id");
        Follow { client: &session.client, job: text(&job, "id"), bound: None, quiet: session.json }.until_end()?;
        let backup = session.client.get(&format!("/backups/{}", segment(backup)))?;
        if session.json {
            print_json(&backup);
        }
        let drilled = matches!(self.level, Some(Level::Drill));
        if drilled && !session.json {
            for line in list(&backup["evidence"]).iter().filter_map(Value::as_str) {
                print(line);
            }
        }
        if let Some(suspect) = backup.get("suspect").filter(|suspect| !suspect.is_null()) {
            let detail = format!("backup {} is damaged: {}", text(&backup, "id"), text(suspect, "message"));
            return Err(Exit::new(ExitKind::Failed, detail).with_hint("do not rely on it; make a new one"));
        }
        if !session.json {
            print(&format!("Backup {} is sound ({})", text(&backup, "id"), text(&backup, "verified_level")));
        }
        Ok(())
    }
}
