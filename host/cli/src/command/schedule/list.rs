use clap::Args;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{flag, list, number, print, print_json, status, table, text, time};

/// `bulkhead schedule list`.
#[derive(Args)]
pub struct List {
    /// Show one-time schedules too
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut path = format!("/backups/schedules?page_size={}", self.limit);
        if let Some(service) = &session.service {
            path.push_str(&format!("&service_id={}", segment(service)));
        }
        if !self.all {
            path.push_str("&recurring=true");
        }
        let schedules = session.client.get(&path)?;
        if session.json {
            print_json(&schedules);
            return Ok(());
        }
        let rows: Vec<_> = list(&schedules)
            .iter()
            .map(|schedule| {
                let when = match (text(schedule, "schedule"), text(schedule, "timezone")) {
                    (expression, "" | "UTC") => expression.to_owned(),
                    (expression, zone) => format!("{expression} {zone}"),
                };
                let state = match (text(schedule, "schedule"), flag(schedule, "enabled")) {
                    ("once", _) => status(text(schedule, "status")),
                    (_, true) => "enabled".to_owned(),
                    (_, false) => "disabled".to_owned(),
                };
                vec![
                    format!("{:<6}", number(schedule, "id")),
                    format!("{:<18}", text(schedule, "service_id")),
                    format!("{:<8}", text(schedule, "type")),
                    format!("{when:<16}"),
                    format!("{state:<9}"),
                    time(text(schedule, "next_fire_time")).to_owned(),
                ]
            })
            .collect();
        print(&table(&["ID", "SERVICE", "TYPE", "WHEN", "STATE", "NEXT"], &rows, 80));
        Ok(())
    }
}
