use clap::Args;
use serde_json::Value;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{in_colour_of, list, megabytes, number, print, print_json, status, table, text, time};

/// `bulkhead backup list`.
#[derive(Args)]
pub struct List {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut path = format!("/backups?page_size={}", self.limit);
        if let Some(service) = &session.service {
            path.push_str(&format!("&service_id={}", segment(service)));
        }
        let page = session.client.get(&path)?;
        if session.json {
            print_json(&page);
            return Ok(());
        }
        let backups = list(&page["backups"]);
        print(&backup_table(backups));
        let hidden = number(&page, "backups_count").saturating_sub(backups.len() as u64);
        if hidden > 0 {
            eprintln!("and {hidden} more; --limit shows up to 1000");
        }
        Ok(())
    }
}

fn backup_table(backups: &[Value]) -> String {
    let rows: Vec<_> = backups
        .iter()
        .map(|backup| {
            let short = text(backup, "id").get(..8).unwrap_or_default();
            let id = match text(backup, "name") {
                "" => format!("{short}-..."),
                name => format!("{name} ({short})"),
            };
            let state = text(backup, "status");
            let bytes = if state == "Succeeded" { megabytes(number(backup, "stored_size")) } else { "-".to_owned() };
            // Wide enough that a short list still fills its rule.
            vec![
                format!("{id:<36}"),
                in_colour_of(state, &format!("{:<11}", status(state))),
                format!("{bytes:<9}"),
                time(text(backup, "created_at")).to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        let header = vec![vec![format!("{:<36}", ""), format!("{:<11}", ""), format!("{:<9}", ""), String::new()]];
        let text = table(&HEADER, &header, RULE);
        return text.trim_end().to_owned();
    }
    table(&HEADER, &rows, RULE)
}

const HEADER: [&str; 4] = ["ID", "STATUS", "SIZE", "CREATED"];
const RULE: usize = 80;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_looks_as_sp00kys() {
        let backups = [
            json!({"id": "a1b2c3d4aaaaaaaaaaaaaaaaaaaaaaaa:db1:x", "name": "before-migration", "status": "Succeeded",
                "stored_size": 12_400_000, "created_at": "2026-04-08T10:00:00Z"}),
            json!({"id": "e5f6a7b8aaaaaaaaaaaaaaaaaaaaaaaa:db1:x", "name": null, "status": "Running",
                "stored_size": 77, "created_at": "2026-04-07T02:00:00Z"}),
        ];
        assert_eq!(
            backup_table(&backups),
            "ID                                    STATUS       SIZE       CREATED\n\
             --------------------------------------------------------------------------------\n\
             before-migration (a1b2c3d4)           completed    12.4 MB    2026-04-08T10:00:00\n\
             e5f6a7b8-...                          in_progress  -          2026-04-07T02:00:00"
        );
        assert_eq!(
            backup_table(&[]),
            "ID                                    STATUS       SIZE       CREATED\n\
             --------------------------------------------------------------------------------"
        );
    }
}
