use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{flag, list, print, print_json, table, text, time};

/// `bulkhead webhook list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let page = session.client.get("/webhooks?page_size=1000")?;
    if session.json {
        print_json(&page);
        return Ok(());
    }
    let rows: Vec<_> = list(&page["webhooks"]).iter().map(row).collect();
    print(&table(&["ID", "STATE", "LAST SUCCESS", "URL", "EVENTS"], &rows, 80));
    Ok(())
}

fn row(webhook: &Value) -> Vec<String> {
    let events: Vec<_> = list(&webhook["events"]).iter().filter_map(Value::as_str).collect();
    let state = match (flag(webhook, "enabled"), text(webhook, "last_failure")) {
        (false, _) => "disabled",
        (true, "") => "good",
        (true, _) => "failing",
    };
    let success = match text(webhook, "last_success_at") {
        "" => "never",
        at => time(at),
    };
    vec![
        text(webhook, "id").to_owned(),
        state.to_owned(),
        success.to_owned(),
        text(webhook, "url").to_owned(),
        events.join(","),
    ]
}
