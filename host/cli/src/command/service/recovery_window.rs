use bulkhead_model::{Clock, SystemClock, Timestamp};
use clap::Args;
use serde_json::Value;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{ago, list, number, print, print_json, table, text, time};

/// `bulkhead service recovery-window`.
#[derive(Args)]
pub struct Window {
    /// The service; the only one, or that of --service, unless given
    #[arg(value_name = "SERVICE")]
    id: Option<String>,
}

impl Window {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let service = match self.id {
            Some(id) => id,
            None => session.service_or_only()?,
        };
        let window = session.client.get(&format!("/services/{}/recovery-window", segment(&service)))?;
        if session.json {
            print_json(&window);
        } else {
            print(&described(&window, SystemClock.now()));
        }
        Ok(())
    }
}

fn described(window: &Value, now: Timestamp) -> String {
    let intervals = list(&window["intervals"]);
    let gaps = list(&window["gaps"]);
    if intervals.is_empty() && gaps.is_empty() {
        return format!("{} has no good backup: it can be restored to no moment", text(window, "service_id"));
    }
    let rows: Vec<_> = intervals
        .iter()
        .map(|interval| {
            let verified = match text(interval, "verified_at") {
                "" => "never".to_owned(),
                at => format!("{}, {}", text(interval, "verified_level"), ago(at, now)),
            };
            vec![
                time(text(interval, "from")).to_owned(),
                time(text(interval, "to")).to_owned(),
                format!("{}-...", text(interval, "backup_id").get(..8).unwrap_or_default()),
                text(interval, "type").to_owned(),
                number(interval, "logs_count").to_string(),
                verified,
            ]
        })
        .collect();
    let mut said = table(&["FROM", "TO", "BACKUP", "TYPE", "LOGS", "VERIFIED"], &rows, 80);
    if !gaps.is_empty() {
        let rows: Vec<_> = gaps
            .iter()
            .map(|gap| {
                let to = match text(gap, "to") {
                    "" => "now",
                    to => time(to),
                };
                vec![time(text(gap, "from")).to_owned(), to.to_owned(), text(gap, "cause").to_owned()]
            })
            .collect();
        said.push_str("\n\n");
        said.push_str(&table(&["AFTER", "BEFORE", "CANNOT BE RESTORED"], &rows, 80));
    }
    let doubts = list(&window["doubts"]);
    if !doubts.is_empty() {
        let rows: Vec<_> = doubts
            .iter()
            .map(|doubt| {
                let (from, to) = (time(text(doubt, "from")), time(text(doubt, "to")));
                vec![from.to_owned(), to.to_owned(), text(doubt, "cause").to_owned()]
            })
            .collect();
        said.push_str("\n\n");
        said.push_str(&table(&["FROM", "TO", "MAY BE REFUSED: NAME A TRANSACTION INSTEAD"], &rows, 80));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn intervals_and_gaps_are_told_apart() {
        let now = Timestamp::parse_rfc3339("2024-03-27T12:00:00Z").unwrap();
        let window = json!({
            "service_id": "db1",
            "intervals": [
                {"from": "2024-03-26T17:18:21Z", "to": "2024-03-27T11:59:30Z", "backup_id": "a1b2c3d4eeee:db1:x", "type": "full",
                    "logs_count": 12, "timeline": "t", "verified_at": "2024-03-27T09:00:00Z", "verified_level": "drill"},
                {"from": "2024-03-25T17:18:21.5Z", "to": "2024-03-25T17:18:21.5Z", "backup_id": "b2b2c3d4eeee:db1:x",
                    "type": "dump", "logs_count": 0, "timeline": null, "verified_at": null, "verified_level": null},
            ],
            "gaps": [
                {"from": "2024-03-27T11:59:30Z", "to": null, "cause": "not archived yet"},
                {"from": "2024-03-25T17:18:21.5Z", "to": "2024-03-26T17:18:21Z", "cause": "the logs were purged"},
            ],
            "doubts": [{"from": "2024-03-27T09:00:00Z", "to": "2024-03-27T09:05:00Z", "cause": "the clock went back"}],
        });
        assert_eq!(
            described(&window, now),
            "FROM                   TO                     BACKUP        TYPE  LOGS  VERIFIED\n\
             --------------------------------------------------------------------------------\n\
             2024-03-26T17:18:21    2024-03-27T11:59:30    a1b2c3d4-...  full  12    drill, 3 h ago\n\
             2024-03-25T17:18:21.5  2024-03-25T17:18:21.5  b2b2c3d4-...  dump  0     never\n\
             \n\
             AFTER                  BEFORE               CANNOT BE RESTORED\n\
             --------------------------------------------------------------------------------\n\
             2024-03-27T11:59:30    now                  not archived yet\n\
             2024-03-25T17:18:21.5  2024-03-26T17:18:21  the logs were purged\n\
             \n\
             FROM                 TO                   MAY BE REFUSED: NAME A TRANSACTION INSTEAD\n\
             --------------------------------------------------------------------------------\n\
             2024-03-27T09:00:00  2024-03-27T09:05:00  the clock went back"
        );
        let none = json!({"service_id": "db1", "intervals": [], "gaps": []});
        assert_eq!(described(&none, now), "db1 has no good backup: it can be restored to no moment");
    }
}
