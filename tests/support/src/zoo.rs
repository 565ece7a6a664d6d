//! Objects that others have thought of: the SQL of MariaDB's own test files, each in a database of its own.
//!
//! What makes and fills objects is kept, what drops them is left out. Statements may fail, as their authors meant many of them to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::{BulkheadHost, HostOptions, ServiceEntry};
use crate::mariadb::{Account, MariaDb, MariaDbOptions};
use crate::problem::{Problem, Result};
use crate::process;
use crate::program::cache_dir;
use crate::snapshot::Snapshot;

const SERVICE: &str = "zoo";
/// Long enough for the statements of one file.
const DEADLINE: Duration = Duration::from_secs(120);
/// In no statement.
const DELIMITER: &str = "//zoo//";
/// A file that makes more is about speed.
const ROWS_MOST: u64 = 5000;
/// A file with fewer says little.
const STATEMENTS_LEAST: usize = 12;

/// Which files, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Zoo {
    /// How many files.
    pub files: usize,
    /// With which of them to begin.
    pub seed: u64,
}

/// What has come back as it was.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Files whose SQL was run.
    pub files: usize,
    /// Objects that were compared.
    pub objects: usize,
    /// Rows that were.
    pub rows: u64,
    /// Backups that were restored, by method.
    pub restored: Vec<String>,
}

/// Where `cargo xtask install` puts the files.
pub fn dir() -> PathBuf {
    cache_dir().join("tools/mariadb-test-data")
}

impl Zoo {
    /// Loads, backs up by each method, loses everything, restores, compares.
    ///
    /// # Errors
    /// The first method that does not bring back what was there, with the differences.
    pub fn run(&self, say: &dyn Fn(&str)) -> Result<Seen> {
        let server = MariaDb::start_with(&MariaDbOptions {
            // As their authors run them.
            arguments: vec!["--sql-mode=NO_ENGINE_SUBSTITUTION".to_owned(), "--max-statement-time=20".to_owned()],
            ..MariaDbOptions::default()
        })?;
        let services = vec![ServiceEntry::of(SERVICE, &server).account(Account::ADMIN)];
        let host = BulkheadHost::start(HostOptions { services, ..HostOptions::default() })?;
        let mut seen = Seen::default();
        for file in self.choose()? {
            load(&server, &file)?;
            seen.files += 1;
        }
        remove_broken(&server)?;
        let before = Snapshot::take(&server)?;
        (seen.objects, seen.rows) = (before.definitions.len(), before.rows());
        say(&format!("{} files, {} objects, {} rows", seen.files, seen.objects, seen.rows));
        let mut backups = Vec::new();
        for method in ["full", "incremental", "dump"] {
            backups.push((method, host.backup(SERVICE, method)?));
        }
        for (method, id) in backups {
            let databases = server.query("SHOW DATABASES LIKE 'zoo\\_%'")?;
            for database in databases.into_iter().flatten() {
                server.execute(&format!("SET foreign_key_checks = 0; DROP DATABASE `{database}`"))?;
            }
            host.restore(&id, SERVICE)?;
            let differences = before.compare(&Snapshot::take(&server)?);
            if !differences.is_empty() {
                let told: Vec<String> = differences.iter().take(20).map(ToString::to_string).collect();
                return Err(Problem::new(format!(
                    "{} differences after the restore of the backup {method}:\n{}",
                    differences.len(),
                    told.join("\n")
                )));
            }
            say(&format!("{method}: all of it came back"));
            seen.restored.push(method.to_owned());
        }
        Ok(seen)
    }

    /// Files that make things, spread over all of them.
    fn choose(&self) -> Result<Vec<PathBuf>> {
        let failed = |error| Problem::new(format!("{}: {error}; hint: run `cargo xtask install`", dir().display()));
        let mut all = Vec::new();
        for entry in fs::read_dir(dir()).map_err(failed)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "test")
                && statements(&read(&path)?).len() >= STATEMENTS_LEAST
            {
                all.push(path);
            }
        }
        all.sort();
        let step = (all.len() / self.files.max(1)).max(1);
        let first = usize::try_from(self.seed).unwrap_or(0) % step;
        Ok(all.into_iter().skip(first).step_by(step).take(self.files).collect())
    }
}

/// Many are in other character sets.
fn read(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

fn load(server: &MariaDb, file: &Path) -> Result<()> {
    let name: String = file.file_stem().unwrap_or_default().to_string_lossy().chars().take(50).collect();
    let mut script = format!("CREATE DATABASE `zoo_{name}`; USE `zoo_{name}`;\nDELIMITER {DELIMITER}\n");
    for statement in statements(&read(file)?) {
        script.push_str(&statement);
        script.push_str(&format!("\n{DELIMITER}\n"));
    }
    let ended = process::run(&mut server.client(&["--force", "--comments"]), script.as_bytes(), DEADLINE);
    ended.map_err(|problem| Problem::new(format!("{}: {problem}", file.display())))?;
    let rows = server.value(&format!(
        "SELECT COALESCE(SUM(table_rows), 0) FROM information_schema.tables WHERE table_schema = 'zoo_{name}'"
    ))?;
    if rows.parse().unwrap_or(u64::MAX) > ROWS_MOST {
        server.execute(&format!("SET foreign_key_checks = 0; DROP DATABASE `zoo_{name}`"))?;
    }
    Ok(())
}

/// What cannot be opened was made so on purpose. How backups take that has tests of its own.
fn remove_broken(server: &MariaDb) -> Result<()> {
    // Opening one view may break on another that was removed.
    for _ in 0..3 {
        let broken = server.query(
            "SELECT CONCAT(IF(table_type = 'VIEW', 'VIEW', 'TABLE'), ' `', table_schema, '`.`', REPLACE(table_name, '`', '``'), '`')
             FROM information_schema.tables WHERE table_schema LIKE 'zoo\\_%'
             AND (engine IS NULL AND table_type <> 'VIEW' OR engine = 'MRG_MyISAM' OR table_comment LIKE '%invalid%')",
        )?;
        if broken.is_empty() {
            break;
        }
        for object in broken.into_iter().flatten() {
            server.execute(&format!("SET foreign_key_checks = 0; DROP {object}"))?;
        }
    }
    Ok(())
}

/// The statements of a file in the language of `mysqltest` that make or fill objects of one database.
fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut delimiter = ";".to_owned();
    let mut statement = String::new();
    let mut block_ends: Option<String> = None;
    for line in text.lines() {
        let bare = line.trim();
        if let Some(end) = &block_ends {
            if bare == end {
                block_ends = None;
            }
            continue;
        }
        let command = bare.trim_start_matches("--").trim_start();
        let word = command.split([' ', ';', '(']).next().unwrap_or_default().to_ascii_lowercase();
        if statement.is_empty() {
            if word == "delimiter" {
                let given = command["delimiter".len()..].trim();
                delimiter = given.strip_suffix(delimiter.as_str()).unwrap_or(given).to_owned();
                continue;
            }
            if ["perl", "write_file", "append_file"].contains(&word.as_str()) {
                let last = command.trim_end_matches(';').split_whitespace().last().unwrap_or_default();
                block_ends =
                    Some(if last.starts_with("EOF") || last.ends_with("EOF") { last } else { "EOF" }.to_owned());
                continue;
            }
            if bare.is_empty() || bare.starts_with('#') || bare.starts_with("--") {
                continue;
            }
        }
        statement.push_str(line);
        statement.push('\n');
        if delimiter.is_empty() {
            break;
        }
        while let Some(end) = end_of(&statement, &delimiter) {
            let rest = statement.split_off(end);
            if makes_something(&statement) {
                found.push(std::mem::take(&mut statement).trim().to_owned());
            }
            statement = rest[delimiter.len()..].trim_start().to_owned();
        }
    }
    found
}

/// Where the first delimiter is that no quotes and no comment hold.
fn end_of(statement: &str, delimiter: &str) -> Option<usize> {
    let bytes = statement.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
            }
            b'#' => at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            b'-' if rest.starts_with(b"-- ") => {
                at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            }
            _ if rest.starts_with(delimiter.as_bytes()) && statement.is_char_boundary(at) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether a statement makes or fills an object, and touches nothing but its own database.
fn makes_something(statement: &str) -> bool {
    let text = statement.trim_start().to_ascii_lowercase();
    let words: Vec<&str> = text.split([' ', '\n', '\t', '(']).filter(|word| !word.is_empty()).take(6).collect();
    let kind = |word: &&str| {
        [
            "table",
            "view",
            "procedure",
            "function",
            "trigger",
            "event",
            "index",
            "unique",
            "fulltext",
            "spatial",
            "sequence",
        ]
        .contains(word)
    };
    let makes = match words.as_slice() {
        ["create" | "alter", rest @ ..] => rest.iter().any(kind) && !rest.contains(&"temporary"),
        ["insert" | "replace" | "update", ..] | ["set", "names" | "sql_mode" | "session" | "character", ..] => true,
        _ => false,
    };
    let outside = [
        "$",
        "data directory",
        "index directory",
        "soname",
        "mysql.",
        "into outfile",
        "load_file",
        "sleep",
        "get_lock",
    ];
    makes && !outside.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn statements_that_make_something_are_told_from_commands() {
        let file = "--source include/x.inc\n# a comment; with this\nlet $x= 1;\ncreate table t1 (a int); insert into t1 values (';');\n\
            drop table t1;\nselect * from t1;\nset global x=1;\ndelimiter //;\ncreate procedure p() begin select 1; end//\ndelimiter ;//\n\
            perl;\ncreate table no (a int);\nEOF\n--error 1064\ncreate view v as select `;` from t1;\ncreate database d;\n";
        assert_eq!(
            statements(file),
            [
                "create table t1 (a int)",
                "insert into t1 values (';')",
                "create procedure p() begin select 1; end",
                "create view v as select `;` from t1"
            ]
        );
    }
}
