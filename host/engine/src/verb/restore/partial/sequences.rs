//! Sequences from which a part's tables take their numbers. The default of a column names one with its database: under another name it
//! would go on to use up the numbers of the original.

use bulkhead_model::Result;
use bulkhead_runtime::Connection;

use super::contents::{exists, qualified};
use super::{Target, ask, identifier, text};
use crate::request::Partial;

/// The functions that a default may call.
const CALLS: [&str; 2] = ["nextval(", "lastval("];

/// A sequence, named by the default of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The table and its column.
    pub(super) table: String,
    column: String,
    default: String,
    /// The sequence.
    pub(super) schema: String,
    pub(super) name: String,
}

/// All that the part's tables name.
pub(super) async fn named(from: &Connection, part: &Partial) -> Result<Vec<Named>> {
    let sql = format!(
        "SELECT c.table_name, c.column_name, c.column_default FROM information_schema.columns c
         JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE c.table_schema = {} {} AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
         AND (c.column_default LIKE '%nextval(%' OR c.column_default LIKE '%lastval(%') ORDER BY 1, 2",
        text(&part.database),
        part.table.as_ref().map(|table| format!("AND c.table_name = {}", text(table))).unwrap_or_default()
    );
    let mut named = Vec::new();
    for row in ask(from, &sql).await?.rows {
        let Ok([Some(table), Some(column), Some(default)]) = <[Option<String>; 3]>::try_from(row) else { continue };
        for (schema, name) in calls(&default) {
            named.push(Named { table: table.clone(), column: column.clone(), default: default.clone(), schema, name });
        }
    }
    Ok(named)
}

/// Has tables of the server that is copied from name the sequences as they are called where the part comes to.
pub(super) async fn rename(from: &Connection, named: &[Named], part: &Partial, into: &Target) -> Result<()> {
    let own = || named.iter().filter(|sequence| sequence.schema == part.database);
    if into.database == part.database || own().next().is_none() {
        return Ok(());
    }
    ask(from, &format!("CREATE DATABASE IF NOT EXISTS {}", identifier(&into.database))).await?;
    for sequence in own() {
        // For the server, which looks whether it is there.
        ask(from, &format!("CREATE SEQUENCE IF NOT EXISTS {}", qualified(&into.database, &sequence.name))).await?;
    }
    let mut done: Vec<(&str, &str)> = Vec::new();
    for Named { table, column, default, .. } in own() {
        if done.contains(&(table, column)) {
            continue;
        }
        let mut default = default.clone();
        for call in CALLS {
            let (old, new) = (identifier(&part.database), identifier(&into.database));
            default = default.replace(&format!("{call}{old}."), &format!("{call}{new}."));
        }
        let alter = format!(
            "SET STATEMENT system_versioning_alter_history = KEEP FOR ALTER TABLE {} ALTER COLUMN {} SET DEFAULT ({default})",
            qualified(&part.database, table),
            identifier(column)
        );
        ask(from, &alter).await?;
        done.push((table, column));
    }
    Ok(())
}

/// Makes the sequences that a single table needs, where there are none of these names, as far as they had got. Answers which it made.
pub(super) async fn bring(
    from: &Connection,
    live: &Connection,
    named: &[Named],
    part: &Partial,
    into: &Target,
) -> Result<Vec<String>> {
    let mut made: Vec<String> = Vec::new();
    for sequence in named.iter().filter(|sequence| sequence.schema == part.database) {
        if exists(live, &into.database, &sequence.name).await? {
            continue;
        }
        let (there, here) = (qualified(&part.database, &sequence.name), qualified(&into.database, &sequence.name));
        let state = format!(
            "SELECT minimum_value, maximum_value, start_value, increment, cache_size, cycle_option, next_not_cached_value FROM {there}"
        );
        let state = ask(from, &state).await?.rows.into_iter().next().unwrap_or_default();
        let Ok([Some(least), Some(most), Some(start), Some(step), Some(cache), cycles, Some(next)]) =
            <[Option<String>; 7]>::try_from(state)
        else {
            continue;
        };
        let cycles = if cycles.as_deref() == Some("1") { "CYCLE" } else { "NOCYCLE" };
        let create = format!(
            "CREATE SEQUENCE {here} START WITH {start} MINVALUE {least} MAXVALUE {most} INCREMENT BY {step} CACHE {cache} {cycles}"
        );
        ask(live, &create).await?;
        made.push(sequence.name.clone());
        ask(live, &format!("SELECT SETVAL({here}, {next}, 0)")).await?;
    }
    Ok(made)
}

/// The sequences that the default of a column calls, as the server states them: ``nextval(`shop`.`numbers`)``.
fn calls(default: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for call in CALLS {
        for (at, _) in default.match_indices(call) {
            let rest = &default[at + call.len()..];
            if let Some((schema, rest)) = quoted(rest)
                && let Some((name, _)) = rest.strip_prefix('.').and_then(quoted)
            {
                found.push((schema, name));
            }
        }
    }
    found
}

/// A name in backticks, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('`')?;
        name.push_str(before);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn sequences_are_read_from_defaults() {
        let pair = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        assert_eq!(calls("nextval(`shop`.`numbers`)"), [pair("shop", "numbers")]);
        assert_eq!(calls("(nextval(`a``b`.`c.d`) + lastval(`shop`.`n`))"), [pair("a`b", "c.d"), pair("shop", "n")]);
        assert!(calls("'nextval(shop.numbers)'").is_empty());
        assert!(calls("(nextval(`unended").is_empty());
    }
}
