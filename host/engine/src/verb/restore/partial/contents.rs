//! What of a part can be copied, and what is left behind, by name: known before the live server is touched.

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Connection, ToolSet};

use super::{Target, ask, column, identifier, sequences, text, value};
use crate::request::Partial;

/// The first series whose server and dump tool know the history of system-versioned tables.
const HISTORY: (u32, u32) = (10, 11);
/// Triggers whose text is read.
const MOST_TRIGGERS: usize = 1000;
/// Names of one kind that are told.
const NAMED: usize = 20;

/// What is copied of a part, in arguments of `mariadb-dump`, and what is not.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Which kinds of objects, and which not.
    pub(super) arguments: Vec<String>,
    /// What stays behind, in words.
    pub(super) left: Vec<String>,
    /// Whether routines are copied.
    pub(super) routines: bool,
    /// Whether triggers are.
    pub(super) triggers: bool,
}

impl Contents {
    /// Asks the server that the part is copied from.
    pub(super) async fn of(
        from: &Connection,
        live: &Connection,
        tools: &ToolSet,
        part: &Partial,
        into: &Target,
    ) -> Result<Self> {
        let mut contents = Self::default();
        contents.leave_broken(from, part).await?;
        contents.keep_history(from, live, tools, part).await?;
        let renamed = into.database != part.database;
        match &part.table {
            Some(table) => contents.of_table(from, live, part, table, into, renamed).await?,
            None if renamed => contents.of_renamed(from, part).await?,
            None => {
                (contents.routines, contents.triggers) = (true, true);
                contents.arguments.push("--events".to_owned());
            }
        }
        if contents.routines {
            contents.arguments.push("--routines".to_owned());
        }
        contents.arguments.push(if contents.triggers { "--triggers" } else { "--skip-triggers" }.to_owned());
        Ok(contents)
    }

    /// What a table is without under another name: of triggers and foreign keys the names are a database's own, and given.
    async fn of_table(
        &mut self,
        from: &Connection,
        live: &Connection,
        part: &Partial,
        table: &str,
        into: &Target,
        renamed: bool,
    ) -> Result<()> {
        let (database, name) = (text(&part.database), text(table));
        self.triggers = !renamed && into.table.as_deref() == Some(table);
        let triggers = format!(
            "SELECT trigger_name FROM information_schema.triggers
             WHERE event_object_schema = {database} AND event_object_table = {name} ORDER BY 1"
        );
        if !self.triggers {
            self.leave("triggers", &column(&ask(from, &triggers).await?));
        }
        let keys = format!(
            "SELECT constraint_name, unique_constraint_schema, referenced_table_name
             FROM information_schema.referential_constraints WHERE constraint_schema = {database} AND table_name = {name} ORDER BY 1"
        );
        let mut dangling = Vec::new();
        for row in ask(from, &keys).await?.rows {
            let Ok([Some(key), Some(schema), Some(referenced)]) = <[Option<String>; 3]>::try_from(row) else {
                continue;
            };
            // A reference within the database is one within the database that it comes to.
            let schema = if schema == part.database { into.database.clone() } else { schema };
            if !renamed && into.table.as_deref() != Some(table) {
                dangling.push(key);
            } else if !exists(live, &schema, &referenced).await? {
                self.left.push(format!("`{schema}`.`{referenced}`, to which the foreign key `{key}` refers"));
            }
        }
        self.leave("foreign keys", &dangling);
        Ok(())
    }

    /// What a database is without under another name: events, which would run twice, and whatever has the old name in its text, as it
    /// would go on to use that database.
    async fn of_renamed(&mut self, from: &Connection, part: &Partial) -> Result<()> {
        let database = text(&part.database);
        let events =
            format!("SELECT event_name FROM information_schema.events WHERE event_schema = {database} ORDER BY 1");
        self.leave("events", &column(&ask(from, &events).await?));

        // The dump of a routine or trigger that was made under another default of the database sets that default, by the old name.
        let collation =
            format!("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = {database}");
        let collation = value(&ask(from, &collation).await?).unwrap_or_default();
        let routines = format!(
            "SELECT name, db_collation, CONCAT_WS(' ', param_list, returns, body) FROM mysql.proc WHERE db = {database} ORDER BY 1"
        );
        let mut names = Vec::new();
        self.routines = true;
        for row in ask(from, &routines).await?.rows {
            let Ok([Some(name), made_under, words]) = <[Option<String>; 3]>::try_from(row) else { continue };
            let words = words.unwrap_or_default();
            self.routines &=
                made_under.as_deref() == Some(collation.as_str()) && !names_database(&words, &part.database);
            names.push(name);
        }
        if !self.routines {
            self.leave("routines", &names);
        }

        let triggers = format!(
            "SELECT trigger_name, database_collation FROM information_schema.triggers WHERE trigger_schema = {database}
             ORDER BY 1 LIMIT {}",
            MOST_TRIGGERS + 1
        );
        let rows = ask(from, &triggers).await?.rows;
        self.triggers = rows.len() <= MOST_TRIGGERS;
        let mut names = Vec::new();
        for row in rows {
            let Ok([Some(name), made_under]) = <[Option<String>; 2]>::try_from(row) else { continue };
            if self.triggers {
                let shown = format!("SHOW CREATE TRIGGER {}.{}", identifier(&part.database), identifier(&name));
                let shown = ask(from, &shown).await?;
                let words = shown.rows.first().and_then(|row| row.get(2)?.as_deref()).unwrap_or_default();
                self.triggers =
                    made_under.as_deref() == Some(collation.as_str()) && !names_database(words, &part.database);
            }
            names.push(name);
        }
        if !self.triggers {
            self.leave("triggers", &names);
        }
        self.leave_views(from, part).await
    }

    /// Views on nothing but tables and views of the database come along: the server states them without its name.
    async fn leave_views(&mut self, from: &Connection, part: &Partial) -> Result<()> {
        let database = text(&part.database);
        let objects = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = {database}");
        let objects = column(&ask(from, &objects).await?);
        let schemas = format!("SELECT schema_name FROM information_schema.schemata WHERE schema_name <> {database}");
        let schemas = column(&ask(from, &schemas).await?);
        let views =
            format!("SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = {database}");
        let mut views: Vec<(String, String)> = ask(from, &views)
            .await?
            .rows
            .into_iter()
            .filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
                Ok([Some(name), definition]) => Some((name, definition.unwrap_or_default())),
                _ => None,
            })
            .collect();
        let own: Vec<String> = objects.iter().map(|name| qualified(&part.database, name)).collect();
        let foreign: Vec<String> = schemas.iter().map(|schema| format!("{}.", identifier(schema))).collect();
        let old = format!("{}.", identifier(&part.database));
        let portable = |definition: &str| {
            let mut rest = definition.to_owned();
            own.iter().for_each(|name| rest = rest.replace(name, ""));
            !rest.contains(&old) && !foreign.iter().any(|schema| definition.contains(schema))
        };
        let mut left: Vec<String> =
            views.iter().filter(|(_, definition)| !portable(definition)).map(|(name, _)| name.clone()).collect();
        left.extend(self.ignored(&part.database));
        // Nor those that are made on one that stays behind.
        loop {
            views.retain(|(name, _)| !left.contains(name));
            let gone: Vec<String> = left.iter().map(|name| qualified(&part.database, name)).collect();
            let more = views.iter().find(|(_, definition)| gone.iter().any(|name| definition.contains(name)));
            let Some((name, _)) = more else { break };
            left.push(name.clone());
        }
        let ignored = self.ignored(&part.database);
        left.retain(|name| !ignored.contains(name));
        left.sort();
        self.arguments.extend(left.iter().map(|view| format!("--ignore-table={}.{view}", part.database)));
        self.leave("views", &left);
        Ok(())
    }

    fn ignored(&self, database: &str) -> Vec<String> {
        let option = format!("--ignore-table={database}.");
        self.arguments.iter().filter_map(|argument| argument.strip_prefix(&option)).map(str::to_owned).collect()
    }

    /// Leaves out what was broken before it was backed up: a MERGE table without its child, a discarded tablespace, a view on nothing.
    async fn leave_broken(&mut self, from: &Connection, part: &Partial) -> Result<()> {
        let suspects = format!(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = {} {}
             AND (table_type = 'VIEW' AND table_comment <> 'VIEW' OR table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')
             AND (engine IS NULL OR engine = 'InnoDB' AND COALESCE(data_length, 0) = 0)) ORDER BY 1",
            text(&part.database),
            part.table.as_ref().map(|table| format!("AND table_name = {}", text(table))).unwrap_or_default()
        );
        let mut broken = Vec::new();
        for row in ask(from, &suspects).await?.rows {
            let Ok([Some(name), Some(kind)]) = <[Option<String>; 2]>::try_from(row) else { continue };
            let object = qualified(&part.database, &name);
            let open = match kind.as_str() {
                "VIEW" => format!("SHOW COLUMNS FROM {object}"),
                _ => format!("SELECT 1 FROM {object} LIMIT 1"),
            };
            match ask(from, &open).await {
                Ok(_) => {}
                Err(failure) if failure.retry => return Err(failure),
                Err(failure) if part.table.is_some() => {
                    return Err(failure.context(format!("{object} cannot be read, as when it was backed up")));
                }
                Err(_) => broken.push(name),
            }
        }
        self.arguments.extend(broken.iter().map(|name| format!("--ignore-table={}.{name}", part.database)));
        self.leave("tables and views that could not be opened when they were backed up", &broken);
        Ok(())
    }

    /// Copies the rows that system-versioned tables held at other times too, where both servers and the tool can.
    async fn keep_history(
        &mut self,
        from: &Connection,
        live: &Connection,
        tools: &ToolSet,
        part: &Partial,
    ) -> Result<()> {
        let versioned = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_type = 'SYSTEM VERSIONED' AND table_schema = {} {}",
            text(&part.database),
            part.table.as_ref().map(|table| format!("AND table_name = {}", text(table))).unwrap_or_default()
        );
        let versioned = column(&ask(from, &versioned).await?);
        if versioned.is_empty() {
            return Ok(());
        }
        let version = |rows| value(&rows).unwrap_or_default();
        let servers = [version(ask(from, "SELECT VERSION()").await?), version(ask(live, "SELECT VERSION()").await?)];
        let tool = tools.version("mariadb-dump").await?;
        if servers.iter().chain([&tool]).all(|version| series(version).is_some_and(|series| series >= HISTORY)) {
            self.arguments.push("--dump-history".to_owned());
        } else {
            self.leave("the history of", &versioned);
        }
        Ok(())
    }

    fn leave(&mut self, kind: &str, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let mut list: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        if names.len() > NAMED {
            list.push(format!("{} more", names.len() - NAMED));
        }
        self.left.push(format!("{kind} {}", list.join(", ")));
    }
}

/// Fails unless the sequences of other databases that the part's tables take their numbers from are on the live server.
pub(super) async fn require_sequences(live: &Connection, named: &[sequences::Named], part: &Partial) -> Result<()> {
    for sequence in named.iter().filter(|sequence| sequence.schema != part.database) {
        if !exists(live, &sequence.schema, &sequence.name).await? {
            let name = qualified(&sequence.schema, &sequence.name);
            return Err(Failure::conflict(format!(
                "{} takes its numbers from the sequence {name}, which the service does not have",
                qualified(&part.database, &sequence.table)
            ))
            .with_hint("make that sequence first, or restore its database"));
        }
    }
    Ok(())
}

pub(super) async fn exists(server: &Connection, schema: &str, name: &str) -> Result<bool> {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
        text(schema),
        text(name)
    );
    Ok(value(&ask(server, &sql).await?).as_deref() != Some("0"))
}

pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// Whether a text has a database's name in it as a word, in whatever case: what may mean it does.
fn names_database(words: &str, database: &str) -> bool {
    let (words, database) = (words.to_lowercase(), database.to_lowercase());
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
    words.match_indices(&database).any(|(at, found)| {
        !within(words[..at].chars().next_back()) && !within(words[at + found.len()..].chars().next())
    })
}

/// The first two numbers of a version.
fn series(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-', '+', ' ']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::names_database;

    #[test]
    fn a_text_that_may_mean_the_database_is_found() {
        for words in ["DELETE FROM shop.orders", "insert into `Shop` . `t`", "CONCAT('shop', '.t')", "SHOP.f()"] {
            assert!(names_database(words, "shop"), "{words}");
        }
        for words in ["DELETE FROM orders", "workshop.t", "shop_id", "shops", "my$shop"] {
            assert!(!names_database(words, "shop"), "{words}");
        }
    }
}
