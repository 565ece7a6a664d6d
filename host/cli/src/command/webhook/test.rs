use std::time::{Duration, Instant};

use clap::Args;

use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{list, print, print_json, text};

/// How long the answer of the address is waited for.
const BOUND: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(250);

/// `bulkhead webhook test`.
#[derive(Args)]
pub struct Test {
    /// The webhook's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Test {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let webhook = format!("/webhooks/{}", segment(&self.id));
        let asked = session.client.post(&format!("{webhook}/test"), None)?;
        let id = text(&asked, "id").to_owned();
        let start = Instant::now();
        loop {
            let page = session.client.get(&format!("{webhook}/deliveries?page_size=100"))?;
            let delivery = list(&page["deliveries"]).iter().find(|delivery| text(delivery, "id") == id);
            if let Some(delivery) = delivery {
                let failure = text(delivery, "last_failure");
                match text(delivery, "status") {
                    "delivered" if session.json => {
                        print_json(delivery);
                        return Ok(());
                    }
                    "delivered" => {
                        print("The test call was taken");
                        return Ok(());
                    }
                    // The first failure is worth knowing; the host tries again by itself.
                    _ if !failure.is_empty() => {
                        return Err(Exit::new(ExitKind::Failed, format!("the test call failed: {failure}")));
                    }
                    _ => {}
                }
            }
            if start.elapsed() > BOUND {
                return Err(Exit::new(ExitKind::Failed, "the test call was not made within 30 s")
                    .with_hint("`bulkhead webhook list` shows whether it is enabled"));
            }
            std::thread::sleep(POLL);
        }
    }
}
