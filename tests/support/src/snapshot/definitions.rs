//! `SHOW CREATE` of everything.

use super::{Snapshot, of_users, qualified, quoted};
use crate::mariadb::Session;
use crate::problem::{Problem, Result};

pub(super) fn databases(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    let names = session
        .query(&format!("SELECT schema_name FROM information_schema.schemata WHERE {}", of_users("schema_name")))?;
    for name in names.into_iter().flatten() {
        let definition = show(session, "DATABASE", &quoted(&name))?.join("\n");
        into.define("database", quoted(&name), definition);
    }
    Ok(())
}

pub(super) fn tables(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    let tables = session.query(&format!(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE {}",
        of_users("table_schema")
    ))?;
    for row in tables {
        let [database, table, kind] = three(row)?;
        let name = qualified(&database, &table);
        let (kind, keyword) = match kind.as_str() {
            "VIEW" => ("view", "VIEW"),
            "SEQUENCE" => ("sequence", "SEQUENCE"),
            _ => ("table", "TABLE"),
        };
        let mut definition = show(session, keyword, &name)?;
        if kind == "sequence" {
            let state = session.query(&format!("SELECT * FROM {name}"))?;
            definition.push(format!("state: {}", state.into_iter().flatten().collect::<Vec<_>>().join(" ")));
        }
        into.define(kind, name, definition.join("\n"));
    }
    Ok(())
}

pub(super) fn routines(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    let routines = session.query(&format!(
        "SELECT routine_schema, routine_name, routine_type FROM information_schema.routines WHERE {}",
        of_users("routine_schema")
    ))?;
    for row in routines {
        let [database, routine, keyword] = three(row)?;
        let kind = match keyword.as_str() {
            "FUNCTION" => "function",
            "PROCEDURE" => "procedure",
            "PACKAGE" => "package",
            _ => "package body",
        };
        let name = qualified(&database, &routine);
        let definition = show(session, &keyword, &name)?.join("\n");
        into.define(kind, name, definition);
    }
    Ok(())
}

pub(super) fn triggers(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    let triggers = session.query(&format!(
        "SELECT trigger_schema, trigger_name, action_order FROM information_schema.triggers WHERE {}",
        of_users("trigger_schema")
    ))?;
    for row in triggers {
        let [database, trigger, order] = three(row)?;
        let name = qualified(&database, &trigger);
        let mut definition = show(session, "TRIGGER", &name)?;
        // The last column is when it was created, which a restored dump cannot keep.
        definition.pop();
        definition.push(format!("order: {order}"));
        into.define("trigger", name, definition.join("\n"));
    }
    Ok(())
}

pub(super) fn events(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    let events = session.query(&format!(
        "SELECT event_schema, event_name FROM information_schema.events WHERE {}",
        of_users("event_schema")
    ))?;
    for row in events {
        if let [database, event] = row.as_slice() {
            let name = qualified(database, event);
            let definition = show(session, "EVENT", &name)?.join("\n");
            into.define("event", name, definition);
        }
    }
    Ok(())
}

pub(super) fn accounts(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    for row in session.query("SELECT user, host, is_role FROM mysql.user")? {
        let [user, host, is_role] = three(row)?;
        let role = is_role == "Y";
        let name = if role { quoted(&user) } else { format!("{}@{}", quoted(&user), quoted(&host)) };
        let mut definition = session.query(&format!("SHOW GRANTS FOR {name}"))?.concat();
        definition.iter_mut().for_each(|grant| *grant = with_sorted_columns(grant));
        definition.sort();
        if !role {
            definition.extend(show(session, "USER", &name)?);
        }
        into.define(if role { "role" } else { "user" }, name, definition.join("\n"));
    }
    Ok(())
}

/// A server that has read a grant from disk lists its columns in another order than one that was given it.
fn with_sorted_columns(grant: &str) -> String {
    let mut parts = grant.splitn(2, " ON ");
    let (rights, rest) = (parts.next().unwrap_or_default(), parts.next());
    let sorted = |list: &str| {
        let (columns, after) = list.split_once(')').unwrap_or((list, ""));
        let mut columns: Vec<&str> = columns.split(", ").collect();
        columns.sort_unstable();
        format!("({}){after}", columns.join(", "))
    };
    let mut lists = rights.split('(');
    let mut text = lists.next().unwrap_or_default().to_owned();
    text.extend(lists.map(sorted));
    rest.map_or_else(|| text.clone(), |rest| format!("{text} ON {rest}"))
}

/// The columns of the one row that `SHOW CREATE` answers: the text, and the modes and character sets it was made under.
fn show(session: &mut Session, keyword: &str, name: &str) -> Result<Vec<String>> {
    let rows = session.query(&format!("SHOW CREATE {keyword} {name}"))?;
    rows.into_iter().next().ok_or_else(|| Problem::new(format!("SHOW CREATE {keyword} {name} gave no row")))
}

fn three(row: Vec<String>) -> Result<[String; 3]> {
    row.try_into().map_err(|row| Problem::new(format!("three columns expected: {row:?}")))
}
