//! What a dump would do to what the live server holds: asked before anything is made of the dump.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Level, Observer as _};

use crate::config::ServiceConfig;
use crate::executor::Run;
use crate::pipeline::foreign::{Contents, Dumped, Kind};

/// One question; the names of many tables take their time.
const ASK: Duration = Duration::from_secs(60);
/// The longest answer.
const MOST: u64 = 64 << 20;
/// Names that are shown.
const SHOWN: usize = 5;
/// Databases that no restore takes away.
const OWN: &str = "('mysql', 'sys', 'information_schema', 'performance_schema')";

/// What the live server has.
pub(super) struct Live<'a> {
    service: &'a ServiceConfig,
    version: String,
    /// Whether names are told apart by capitals.
    capitals_matter: bool,
}

impl<'a> Live<'a> {
    /// Asks the server how it takes names.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn ask(service: &'a ServiceConfig) -> Result<Self> {
        let rows = service.connection.query("SELECT @@version, @@lower_case_table_names", ASK, MOST).await?.rows;
        let mut cells = rows.into_iter().flatten();
        let version = cells.next().flatten().unwrap_or_default();
        Ok(Self { service, version, capitals_matter: cells.next().flatten().as_deref() == Some("0") })
    }

    /// Fails when the server does not have the collations and character sets of a dump.
    pub async fn require_words(&self, contents: &Contents) -> Result<()> {
        if contents.collations.is_empty() && contents.charsets.is_empty() {
            return Ok(());
        }
        let collations = self.names(
            "SELECT LOWER(collation_name) FROM information_schema.collations
             UNION SELECT LOWER(full_collation_name) FROM information_schema.collation_character_set_applicability",
        );
        let collations = match collations.await {
            Ok(names) => names,
            // Servers before 10.10 have no full names.
            Err(_) => self.names("SELECT LOWER(collation_name) FROM information_schema.collations").await?,
        };
        let mut missing = Vec::new();
        for name in unlisted(&contents.collations, &collations) {
            // Some servers take names for others that they do not list.
            if !self.takes(&name).await? {
                missing.push(name);
            }
        }
        self.require_none("collation", &missing)?;
        let charsets = self.names("SELECT LOWER(character_set_name) FROM information_schema.character_sets").await?;
        self.require_none("character set", &unlisted(&contents.charsets, &charsets))
    }

    /// Whether the server takes a name for a collation.
    async fn takes(&self, collation: &str) -> Result<bool> {
        let plain =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let charset = collation.split('_').next().unwrap_or_default();
        if !plain(collation) || !plain(charset) {
            return Ok(false);
        }
        let asked = format!("SELECT CONVERT('' USING {charset}) COLLATE {collation}");
        match self.service.connection.query(&asked, ASK, MOST).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.retry => Err(failure),
            Err(_) => Ok(false),
        }
    }

    fn require_none(&self, what: &str, missing: &[String]) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let (names, version) = (shown(missing.iter().map(|name| format!("`{name}`"))), &self.version);
        let lacks = format!("the dump uses the {what} {names}, which the service's server ({version}) does not have");
        Err(Failure::unsupported(lacks).with_hint(
            "it comes from MySQL 8 or a newer MariaDB: replace the name in the dump by one that the server has, such as \
             `utf8mb4_unicode_ci`, or restore into a server that has it",
        ))
    }

    /// Fails when a dump puts things beside what is there, instead of in its place: it would stop half way, or mix both.
    /// Says what the databases of the dump hold that it does not; gives whether any of that stays.
    pub async fn compare(&self, run: &Run, contents: &Contents) -> Result<bool> {
        let mut stays = false;
        let there = self.objects(&contents.databases).await?;
        if let Some(failure) = self.in_the_way(contents, &there) {
            return Err(failure);
        }
        for (database, objects) in &there {
            let made: BTreeSet<(Kind, String)> =
                self.of_dump(&contents.objects, database).map(|(kind, name)| (*kind, self.folded(name))).collect();
            let more: Vec<&(Kind, String)> =
                objects.iter().filter(|(kind, name)| !made.contains(&(*kind, self.folded(name)))).collect();
            if more.is_empty() {
                continue;
            }
            let gone = contents.emptied.iter().any(|name| self.same(name, database));
            stays |= !gone;
            let names = shown(more.iter().map(|(_, name)| format!("{database}.{name}")));
            let becomes = if gone { "they go, as the dump drops the database" } else { "they stay as they are" };
            let fields = [("database".to_owned(), database.clone()), ("more".to_owned(), more.len().to_string())];
            run.observer.log(
                Level::Warn,
                &format!("the service holds what the dump does not: {names}; {becomes}"),
                &fields,
            );
        }
        Ok(stays)
    }

    /// The databases that are not in a dump of the whole server.
    pub async fn lost(&self, dumped: &Dumped) -> Result<Vec<String>> {
        let asked = format!(
            "SELECT schema_name FROM information_schema.schemata WHERE LOWER(schema_name) NOT IN {OWN} ORDER BY 1"
        );
        let there = self.service.connection.query(&asked, ASK, MOST).await?.rows;
        let kept: BTreeSet<String> = dumped.contents.databases.iter().map(|name| self.folded(name)).collect();
        let names = there.into_iter().filter_map(|row| row.into_iter().next().flatten());
        Ok(names.filter(|name| !kept.contains(&self.folded(name))).collect())
    }

    fn in_the_way(&self, contents: &Contents, there: &BTreeMap<String, BTreeSet<(Kind, String)>>) -> Option<Failure> {
        let (database, names) = contents.additions.iter().find_map(|(name, additions)| {
            let (database, objects) = there.iter().find(|(database, _)| self.same(database, name))?;
            // An empty database is in the way of one that is made only when it is not there.
            (!objects.is_empty() || additions.contains(name)).then_some((database, additions))
        })?;
        Some(
            Failure::conflict(format!(
                "the service has the database `{database}`, and the dump does not drop what it makes or fills there: {}",
                shown(names.iter().map(|name| format!("`{name}`")))
            ))
            .with_hint(format!(
                "make the dump with --add-drop-table, which is the default, and without --no-create-info; or drop `{database}` in the service before"
            )),
        )
    }

    /// What is in those databases that are there.
    async fn objects(&self, databases: &BTreeSet<String>) -> Result<BTreeMap<String, BTreeSet<(Kind, String)>>> {
        let mut there: BTreeMap<String, BTreeSet<(Kind, String)>> = BTreeMap::new();
        if databases.is_empty() {
            return Ok(there);
        }
        let text = |name: &String| format!("CONVERT(x'{}' USING utf8mb4)", hex::encode(name));
        let list = databases.iter().map(text).collect::<Vec<_>>().join(", ");
        let questions = [
            (None, "schema_name, ''", "schemata", "schema_name"),
            (Some(Kind::Table), "table_schema, table_name", "tables", "table_schema"),
            (Some(Kind::Routine), "routine_schema, routine_name", "routines", "routine_schema"),
            (Some(Kind::Event), "event_schema, event_name", "events", "event_schema"),
        ];
        for (kind, columns, table, database) in questions {
            let asked = format!("SELECT {columns} FROM information_schema.{table} WHERE {database} IN ({list})");
            for row in self.service.connection.query(&asked, ASK, MOST).await?.rows {
                let mut cells = row.into_iter().flatten();
                let (Some(database), Some(name)) = (cells.next(), cells.next()) else { continue };
                let objects = there.entry(database).or_default();
                objects.extend(kind.map(|kind| (kind, name)));
            }
        }
        Ok(there)
    }

    async fn names(&self, asked: &str) -> Result<BTreeSet<String>> {
        let rows = self.service.connection.query(asked, ASK, MOST).await?.rows;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    fn of_dump<'o>(
        &self,
        objects: &'o BTreeMap<String, BTreeSet<(Kind, String)>>,
        database: &str,
    ) -> impl Iterator<Item = &'o (Kind, String)> {
        objects.iter().filter(|(name, _)| self.same(name, database)).flat_map(|(_, objects)| objects)
    }

    fn same(&self, left: &str, right: &str) -> bool {
        self.folded(left) == self.folded(right)
    }

    fn folded(&self, name: &str) -> String {
        if self.capitals_matter { name.to_owned() } else { name.to_lowercase() }
    }
}

/// Those of the names that a server does not list.
fn unlisted(named: &BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    // Servers differ in what they call the old `utf8`.
    let plain = |name: &str| match name.strip_prefix("utf8mb3") {
        Some(rest) if rest.is_empty() || rest.starts_with('_') => format!("utf8{rest}"),
        _ => name.to_owned(),
    };
    let known: BTreeSet<String> = known.iter().map(|name| plain(name)).collect();
    named.iter().filter(|name| !known.contains(&plain(name))).cloned().collect()
}

/// As many names as fit into a sentence.
pub(super) fn shown(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let names: Vec<String> = names.take(SHOWN).map(|name| name.escape_debug().to_string()).collect();
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_the_server_does_not_list_is_asked_for() {
        let known = set(&["utf8mb4_unicode_ci", "utf8mb3_general_ci", "latin1_swedish_ci"]);
        let named = set(&["utf8_general_ci", "utf8mb3_general_ci", "utf8mb4_0900_ai_ci", "latin1_swedish_ci"]);
        assert_eq!(unlisted(&named, &known), ["utf8mb4_0900_ai_ci"]);
    }

    #[test]
    fn a_sentence_holds_a_few_names_and_how_many_more_there_are() {
        let many: Vec<String> = (0..7).map(|at| format!("x{at}")).collect();
        assert_eq!(shown(many.into_iter()), "x0, x1, x2, x3, x4 and 2 more");
    }
}
