use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, print, print_json, table, text};

/// `bulkhead service list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let services = session.client.get("/services")?;
    if session.json {
        print_json(&services);
        return Ok(());
    }
    let rows: Vec<_> = list(&services)
        .iter()
        .map(|service| {
            let physical = service.get("physical_restore").and_then(Value::as_bool).unwrap_or_default();
            vec![
                format!("{:<24}", text(service, "id")),
                format!("{:<10}", text(service, "engine")),
                format!("{:<24}", text(service, "server")),
                format!("{:<10}", text(service, "state")),
                if physical { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    print(&table(&["ID", "ENGINE", "SERVER", "STATE", "PHYSICAL RESTORE"], &rows, 80));
    Ok(())
}
