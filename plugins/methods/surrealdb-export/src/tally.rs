//! What is in an export, counted while it passes.

use std::collections::BTreeMap;

use bulkhead_plugin_sdk::method::{Failure, Result};
use surql::{Item, Items, Kind, Shallow};

use crate::contents::Table;
use crate::statement::Statement;

/// The longest record or definition. A plugin has 128 MiB, and a restore holds a record several times.
pub const MOST_ITEM: usize = 16 << 20;

/// Brackets in a record from which on it is loaded in parts. Servers of 3.0 read no more than 18 in a statement of an export, those of the
/// statement included; what is stored may be nested deeper.
pub const FLAT: usize = 14;
/// Brackets in one part.
const PART: usize = 10;
/// The most of a record's id that is shown.
const SHOWN: usize = 200;
/// How parts are called.
const PART_NAME: &str = "bulkhead_part";

/// Takes a record apart that is nested too deeply for servers to read; its parts have numbers from `first` on.
pub fn in_parts(record: &str, first: usize) -> Shallow {
    surql::shallow(record, PART, PART_NAME, first)
}

/// Counts what passes.
pub struct Tally {
    items: Items,
    counted: Counted,
    /// The table that was defined last: edges without records follow the table that they belong to.
    current: Option<String>,
    has_begun: bool,
}

/// What an export has.
#[derive(Debug, Default)]
pub struct Counted {
    pub tables: BTreeMap<String, Table>,
    /// Definitions by kind.
    pub definitions: BTreeMap<String, u64>,
    /// The table that the export ends with, unless the server has marked its end: some of its records may be missing.
    pub open_end: Option<String>,
}

impl Tally {
    pub fn new() -> Self {
        Self { items: Items::new(MOST_ITEM), counted: Counted::default(), current: None, has_begun: false }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `unsupported` for a record that is too long, `corrupt` for what is no export.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.items.push(bytes).map_err(too_long)?;
        while let Some(item) = self.items.next_item() {
            self.count(&item)?;
        }
        Ok(())
    }

    /// Ends the export.
    ///
    /// # Errors
    /// `corrupt` when it ends in the middle of something, or has nothing at all.
    pub fn finish(mut self) -> Result<Counted> {
        whole(&mut self.items)?;
        if !self.has_begun {
            return Err(
                Failure::corrupt("the server exported nothing, and called it a success").with_hint("its log says why")
            );
        }
        if !self.items.is_closed() {
            self.counted.open_end = self.current;
        }
        Ok(self.counted)
    }

    fn count(&mut self, item: &Item) -> Result<()> {
        let statement = match &item.kind {
            Kind::Record { table, .. } => {
                let table = table
                    .as_ref()
                    .ok_or_else(|| Failure::corrupt(format!("the export has a record without an id at {}", item.at)))?;
                self.add_record(table.clone());
                return check_depth(item);
            }
            Kind::Statement => Statement::read(&String::from_utf8_lossy(&item.text)),
        };
        if !self.has_begun && statement != Statement::Import {
            return Err(Failure::corrupt("what the server sent is no export: it does not begin with OPTION IMPORT"));
        }
        if let Some(kind) = statement.counted_kind() {
            *self.counted.definitions.entry(kind.to_owned()).or_default() += 1;
        }
        match statement {
            Statement::Import => self.has_begun = true,
            Statement::Table { name, view } => {
                self.counted.tables.entry(name.clone()).or_default().view |= view;
                self.current = Some(name);
            }
            Statement::Edge => {
                let table = self.current.clone().ok_or_else(|| Failure::corrupt("the export has edges of no table"))?;
                self.add_record(table);
            }
            Statement::Access | Statement::Definition(_) => {}
            Statement::Other => {
                return Err(Failure::unsupported(format!(
                    "the export has a statement that is not known, at {}",
                    item.at
                ))
                .with_hint("the server may be newer than this plugin"));
            }
        }
        Ok(())
    }

    fn add_record(&mut self, table: String) {
        self.counted.tables.entry(table).or_default().records += 1;
    }
}

/// Refuses a record that no server could read back.
fn check_depth(item: &Item) -> Result<()> {
    if item.depth <= FLAT || in_parts(&String::from_utf8_lossy(&item.text), 0).depth <= FLAT {
        return Ok(());
    }
    let record: String = item.id().unwrap_or("one without an id").chars().take(SHOWN).collect();
    Err(Failure::unsupported(format!("the record {record} is nested too deeply to be restored, at {}", item.at))
        .with_hint("servers read no record ids, futures or parentheses that are nested as deeply as its own; store it otherwise"))
}

/// Makes sure that an export ends where a statement ends.
pub fn whole(items: &mut Items) -> Result<()> {
    match items.finish() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::corrupt("the export ends in the middle of a statement").with_retry(true)),
        Err(unfinished) => Err(Failure::corrupt(format!("the export ends early: {unfinished}")).with_retry(true)),
    }
}

/// An item that is too long.
pub fn too_long(too_long: surql::TooLong) -> Failure {
    Failure::unsupported(format!("the export has a record that is too large: {too_long}"))
        .with_hint("this method takes records and definitions of up to 16 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(record: &str, end: &str) -> Result<Counted> {
        let mut tally = Tally::new();
        let head =
            "-- ---\n-- OPTION\n-- ---\n\nOPTION IMPORT;\n\nDEFINE TABLE t;\n\n-- ---\n-- TABLE DATA: t\n-- ---\n\n";
        tally.push(format!("{head}INSERT [ {record} ];\n{end}").as_bytes())?;
        tally.finish()
    }

    #[test]
    fn a_deep_record_is_taken_and_one_that_no_server_could_read_back_is_named() {
        let deep = (0..30).fold("true".to_owned(), |inner, _| format!("{{ children: [{inner}] }}"));
        assert_eq!(count(&format!("{{ id: t:1, v: {deep} }}"), "\n").unwrap().tables["t"].records, 1);
        let id = format!("t:{}1{}", "[".repeat(20), "]".repeat(20));
        let failure = count(&format!("{{ id: {id}, v: 'secret' }}"), "\n").unwrap_err();
        assert!(failure.message.contains(&format!("the record {id} is nested too deeply")), "{}", failure.message);
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }

    #[test]
    fn an_export_without_the_mark_of_its_end_names_the_table_that_it_ends_in() {
        assert_eq!(count("{ id: t:1 }", "\n").unwrap().open_end, None);
        assert_eq!(count("{ id: t:1 }", "").unwrap().open_end.as_deref(), Some("t"));
    }
}
