use clap::Args;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, flag, print, print_json, text, time};

/// `bulkhead service show`.
#[derive(Args)]
pub struct Show {
    /// The service; the only one, or that of --service, unless given
    #[arg(value_name = "SERVICE")]
    id: Option<String>,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let id = match self.id {
            Some(id) => id,
            None => session.service_or_only()?,
        };
        let service = session.client.get(&format!("/services/{}", segment(&id)))?;
        if session.json {
            print_json(&service);
            return Ok(());
        }
        let plain = |field: &str| text(&service, field).to_owned();
        print(&fields(&[
            ("ID", plain("id")),
            ("Engine", plain("engine")),
            ("Server", plain("server")),
            ("State", plain("state")),
            ("Since", time(text(&service, "restoring_since")).to_owned()),
            ("Reason", plain("restoring_reason")),
            ("Front door", plain("front_door_trouble")),
            ("Physical restore", if flag(&service, "physical_restore") { "yes" } else { "no" }.to_owned()),
        ]));
        Ok(())
    }
}
