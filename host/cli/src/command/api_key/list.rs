use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, print, print_json, services, table, text, time};

/// `bulkhead api-key list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let page = session.client.get("/api-keys?page_size=1000")?;
    if session.json {
        print_json(&page);
        return Ok(());
    }
    let rows: Vec<_> = list(&page["api_keys"]).iter().map(row).collect();
    print(&table(&["ID", "NAME", "PREFIX", "ROLE", "SERVICES", "STATE", "LAST USED"], &rows, 80));
    Ok(())
}

fn row(key: &Value) -> Vec<String> {
    let state = match (text(key, "revoked_at"), text(key, "expires_at")) {
        ("", "") => "good".to_owned(),
        ("", expires) => format!("until {}", time(expires)),
        _ => "revoked".to_owned(),
    };
    let used = match text(key, "last_used_at") {
        "" => "never".to_owned(),
        at => time(at).to_owned(),
    };
    let plain = |field: &str| text(key, field).to_owned();
    vec![plain("id"), plain("name"), plain("prefix"), plain("role"), services(key), state, used]
}
