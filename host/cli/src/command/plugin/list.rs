use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, print, print_json, table, text};

/// `bulkhead plugin list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let plugins = session.client.get("/plugins")?;
    if session.json {
        print_json(&plugins);
        return Ok(());
    }
    let rows: Vec<_> = list(&plugins)
        .iter()
        .map(|plugin| {
            let kind = match text(plugin, "type") {
                "" => text(plugin, "kind").to_owned(),
                method => format!("{} ({method})", text(plugin, "kind")),
            };
            let digest = text(plugin, "digest");
            vec![
                format!("{:<20}", text(plugin, "name")),
                format!("{:<8}", text(plugin, "version")),
                format!("{kind:<16}"),
                digest.get(..12).unwrap_or(digest).to_owned(),
                grants(plugin),
            ]
        })
        .collect();
    print(&table(&["NAME", "VERSION", "KIND", "DIGEST", "GRANTS"], &rows, 80));
    Ok(())
}

/// What it asked for; what it did not get carries an exclamation mark.
fn grants(plugin: &Value) -> String {
    let asked = plugin.get("grants").map(list).unwrap_or_default();
    let shown: Vec<_> = asked
        .iter()
        .map(|grant| {
            let given = grant.get("granted").and_then(Value::as_bool).unwrap_or_default();
            format!("{}{}", if given { "" } else { "!" }, text(grant, "grant"))
        })
        .collect();
    shown.join(" ")
}
