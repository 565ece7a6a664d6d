use serde_json::Value;

use super::show::last_test;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{flag, list, print, print_json, table, text};

/// `bulkhead target list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let page = session.client.get("/targets?page_size=1000")?;
    if session.json {
        print_json(&page);
        return Ok(());
    }
    let rows: Vec<_> = list(&page["targets"]).iter().map(row).collect();
    print(&table(&["ID", "KIND", "DEFAULT", "PLUGIN", "BUCKET", "LAST TEST"], &rows, 80));
    Ok(())
}

fn row(target: &Value) -> Vec<String> {
    vec![
        text(target, "id").to_owned(),
        text(target, "kind").to_owned(),
        if flag(target, "default") { "yes" } else { "no" }.to_owned(),
        text(target, "plugin").to_owned(),
        text(target, "bucket").to_owned(),
        last_test(target),
    ]
}
