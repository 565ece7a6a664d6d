use clap::Args;

use super::show::described;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead job cancel`.
#[derive(Args)]
pub struct Cancel {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Cancel {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let job = session.client.post(&format!("/jobs/{}/cancel", segment(&self.id)), None)?;
        if session.json {
            print_json(&job);
        } else {
            print(&described(&job));
        }
        Ok(())
    }
}
