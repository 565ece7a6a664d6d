use clap::Args;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, number, print, print_json, status, table, text, time};

/// `bulkhead job list`.
#[derive(Args)]
pub struct List {
    /// Only of this kind
    #[arg(long, value_name = "KIND", value_parser = ["backup", "restore", "verify", "expire"])]
    kind: Option<String>,
    /// Only in this state
    #[arg(long, value_name = "STATUS", value_parser = ["pending", "in_progress", "completed", "failed", "cancelled"])]
    status: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut path = format!("/jobs?page_size={}", self.limit);
        // Sp00ky's words as SkySQL's.
        let status_word = self.status.map(|word| match word.as_str() {
            "pending" => "Scheduled".to_owned(),
            "in_progress" => "Running".to_owned(),
            "completed" => "Succeeded".to_owned(),
            "failed" => "Failed".to_owned(),
            _ => "Cancelled".to_owned(),
        });
        for (field, value) in [("service_id", session.service.clone()), ("kind", self.kind), ("status", status_word)] {
            if let Some(value) = value {
                path.push_str(&format!("&{field}={}", segment(&value)));
            }
        }
        let page = session.client.get(&path)?;
        if session.json {
            print_json(&page);
            return Ok(());
        }
        let jobs = list(&page["jobs"]);
        let rows: Vec<_> = jobs
            .iter()
            .map(|job| {
                vec![
                    text(job, "id").to_owned(),
                    format!("{:<7}", text(job, "kind")),
                    format!("{:<11}", status(text(job, "status"))),
                    text(job, "service_id").to_owned(),
                    time(text(job, "created_at")).to_owned(),
                ]
            })
            .collect();
        print(&table(&["ID", "KIND", "STATUS", "SERVICE", "CREATED"], &rows, 80));
        let hidden = number(&page, "jobs_count").saturating_sub(jobs.len() as u64);
        if hidden > 0 {
            eprintln!("and {hidden} more; --limit shows up to 1000");
        }
        Ok(())
    }
}
