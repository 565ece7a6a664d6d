//! What a dump makes, and what it leaves of what is there already.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead_model::{Failure, Result};

use super::super::inventory::shown;
use super::statement::{Does, How, Kind, Named};

/// Databases, and the objects in all of them, that are remembered by their names.
const NAMES_MAX: usize = 500_000;
/// Names that are shown.
const SHOWN: usize = 5;
/// The database of the server's own tables.
pub(super) const SYSTEM: &str = "mysql";
/// Databases that every server has.
const EVERYWHERE: [&str; 2] = [SYSTEM, "sys"];

/// What a dump does to databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The databases that it works on.
    pub databases: BTreeSet<String>,
    /// Those that it drops before.
    pub emptied: BTreeSet<String>,
    /// By database, the first names of what it makes or fills without dropping it before.
    pub additions: BTreeMap<String, Vec<String>>,
    /// By database, what it makes.
    pub objects: BTreeMap<String, BTreeSet<(Kind, String)>>,
    /// The collations that it names.
    pub collations: BTreeSet<String>,
    /// The character sets that it names.
    pub charsets: BTreeSet<String>,
}

/// Learns it from one statement after the other.
#[derive(Default)]
pub(super) struct Learning {
    pub(super) contents: Contents,
    names: usize,
    current: Option<String>,
    made: BTreeSet<String>,
    /// What was dropped and not made again yet.
    dropped: BTreeSet<(String, Kind, String)>,
    /// Databases of which rows came.
    filled: BTreeSet<String>,
    /// Whether a table is named before any database is.
    homeless: bool,
}

impl Learning {
    /// Takes a statement.
    ///
    /// # Errors
    /// `unsupported` for more names than are remembered.
    pub(super) fn take(&mut self, does: &Does) -> Result<()> {
        match does {
            Does::Use(name) => {
                self.database(name)?;
                self.current = Some(name.clone());
            }
            Does::MakeDatabase(name, how) => {
                self.database(name)?;
                self.made.insert(name.clone());
                match how {
                    How::OrReplace => self.empty(name),
                    How::Fresh if !self.contents.emptied.contains(name) => self.addition(name, name),
                    How::Fresh | How::IfAbsent => {}
                }
            }
            Does::DropDatabase(name) => {
                self.database(name)?;
                self.empty(name);
            }
            Does::Drop(kind, names) => {
                for named in names {
                    if let Some(database) = self.home(*kind, named)? {
                        self.remember()?;
                        self.dropped.insert((database, *kind, named.name.clone()));
                    }
                }
            }
            Does::Make(kind, named, how) => {
                let Some(database) = self.home(*kind, named)? else { return Ok(()) };
                let object = (database, *kind, named.name.clone());
                let replaced = self.dropped.remove(&object) || *how == How::OrReplace;
                let (database, kind, name) = object;
                if !replaced && !self.is_fresh(&database) && !self.has(&database, kind, &name) {
                    self.addition(&database, &name);
                }
                self.remember()?;
                self.contents.objects.entry(database).or_default().insert((kind, name));
            }
            Does::Fill(named) => {
                let Some(database) = self.home(Kind::Table, named)? else { return Ok(()) };
                if !self.is_fresh(&database) && !self.has(&database, Kind::Table, &named.name) {
                    self.addition(&database, &named.name);
                }
                self.filled.insert(database);
            }
            Does::Touch(named) => {
                self.home(Kind::Table, named)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What was learned.
    ///
    /// # Errors
    /// `unsupported` for a dump that does not stand alone.
    pub(super) fn conclude(self) -> Result<Contents> {
        if self.homeless || self.contents.databases.is_empty() {
            return Err(Failure::unsupported("it is a dump of tables that names no database")
                .with_hint("make it with --databases or --all-databases"));
        }
        let own = |name: &&String| !EVERYWHERE.iter().any(|known| known.eq_ignore_ascii_case(name));
        if let Some(name) = self.contents.databases.iter().filter(own).find(|name| !self.made.contains(*name)) {
            return Err(Failure::unsupported(format!("it uses the database `{}` and does not make it", shown(name)))
                .with_hint("make the dump without --no-create-db"));
        }
        let tables = |name: &String| self.contents.objects.get(name).is_some_and(|objects| !objects.is_empty());
        if let Some(name) = self.filled.iter().filter(own).find(|name| !tables(name)) {
            return Err(Failure::unsupported(format!(
                "it holds rows of the database `{}` and none of its tables",
                shown(name)
            ))
            .with_hint("make the dump without --no-create-info"));
        }
        Ok(self.contents)
    }

    /// The database of a name.
    fn home(&mut self, kind: Kind, named: &Named) -> Result<Option<String>> {
        if let Some(database) = &named.database {
            self.database(database)?;
            return Ok(Some(database.clone()));
        }
        if self.current.is_none() && kind == Kind::Table {
            self.homeless = true;
        }
        Ok(self.current.clone())
    }

    fn database(&mut self, name: &str) -> Result<()> {
        if !self.contents.databases.contains(name) {
            self.remember()?;
            self.contents.databases.insert(name.to_owned());
        }
        Ok(())
    }

    /// Counts a name that is kept.
    fn remember(&mut self) -> Result<()> {
        self.names += 1;
        if self.names > 2 * NAMES_MAX {
            return Err(Failure::unsupported(format!("it names more than {NAMES_MAX} tables")));
        }
        Ok(())
    }

    fn empty(&mut self, database: &str) {
        self.contents.emptied.insert(database.to_owned());
        self.contents.objects.remove(database);
        self.contents.additions.remove(database);
    }

    fn is_fresh(&self, database: &str) -> bool {
        self.contents.emptied.contains(database)
    }

    fn has(&self, database: &str, kind: Kind, name: &str) -> bool {
        self.contents.objects.get(database).is_some_and(|objects| objects.contains(&(kind, name.to_owned())))
    }

    fn addition(&mut self, database: &str, name: &str) {
        let names = self.contents.additions.entry(database.to_owned()).or_default();
        if names.len() < SHOWN && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}
