use crate::command::Session;
use crate::exit::Exit;
use crate::render::{list, print, print_json, services, table, text, time};

/// `bulkhead member list`.
pub(super) fn run(session: &Session) -> Result<(), Exit> {
    let page = session.client.get("/members?page_size=1000")?;
    if session.json {
        print_json(&page);
        return Ok(());
    }
    let rows: Vec<_> = list(&page["members"])
        .iter()
        .map(|member| {
            vec![
                text(member, "subject").to_owned(),
                text(member, "role").to_owned(),
                services(member),
                time(text(member, "created_at")).to_owned(),
            ]
        })
        .collect();
    print(&table(&["SUBJECT", "ROLE", "SERVICES", "CREATED"], &rows, 80));
    Ok(())
}
