use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, number, print, print_json, status, table, text, time};

/// `bulkhead restore list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let mut restores = session.client.get("/restores?page_size=1000")?;
    if let (Some(service), Some(rows)) = (&session.service, restores.as_array_mut()) {
        rows.retain(|restore| text(restore, "service_id") == service);
    }
    if session.json {
        print_json(&restores);
        return Ok(());
    }
    let rows: Vec<_> = list(&restores)
        .iter()
        .map(|restore| {
            let key = text(restore, "key");
            vec![
                format!("{:<6}", number(restore, "id")),
                format!("{:<11}", status(text(restore, "status"))),
                format!("{:<20}", text(restore, "service_id")),
                format!("{}-...", key.get(..8).unwrap_or(key)),
                time(text(restore, "created_at")).to_owned(),
            ]
        })
        .collect();
    print(&table(&["ID", "STATUS", "SERVICE", "BACKUP", "CREATED"], &rows, 80));
    Ok(())
}
