//! Reading a directory of migrations.

use std::collections::BTreeMap;
use std::path::Path;

use bulkhead_model::{Failure, Result};
use sha2::{Digest as _, Sha256};

use super::{Migration, Migrations};

/// The most bytes of one file.
const FILE_BYTES: u64 = 16 << 20;
/// The most bytes of all files: they are held in memory while the service is replaced, so that what is applied is what was checked.
const ALL_BYTES: u64 = 64 << 20;

impl Migrations {
    /// Reads the files of a directory whose names end with `.extension`. Hidden files are passed over.
    ///
    /// # Errors
    /// `invalid`, naming the file, for any other name, a number that is there twice, and what cannot be read or is too large.
    pub fn read(directory: &Path, extension: &str) -> Result<Self> {
        let cannot = |what: &Path, error: &std::io::Error| {
            Failure::invalid(format!("migrations: {} cannot be read: {error}", what.display()))
                .with_hint("`migrations` of the service names a directory that this host may read")
        };
        let mut files: BTreeMap<u32, Migration> = BTreeMap::new();
        let mut bytes = 0;
        for entry in std::fs::read_dir(directory).map_err(|error| cannot(directory, &error))? {
            let path = entry.map_err(|error| cannot(directory, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let number = number(&name, extension)?;
            let size = std::fs::metadata(&path).map_err(|error| cannot(&path, &error))?.len();
            bytes += size;
            if size > FILE_BYTES || bytes > ALL_BYTES {
                return Err(Failure::invalid(format!(
                    "migration `{}` is too large: one may have {} MiB, all together {} MiB",
                    name.escape_debug(),
                    FILE_BYTES >> 20,
                    ALL_BYTES >> 20
                )));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
            let checksum = hex::encode(Sha256::digest(&text));
            let migration = Migration { number, name, checksum, text };
            if let Some(other) = files.get(&number) {
                return Err(Failure::invalid(format!(
                    "migrations `{}` and `{}` have the same number",
                    other.name, migration.name
                ))
                .with_hint("give one of them another number; gaps are allowed"));
            }
            files.insert(number, migration);
        }
        Ok(Self { directory: directory.to_owned(), files: files.into_values().collect() })
    }

    /// Whether there is nothing to apply and nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// `3` of `0003_orders.surql`.
fn number(name: &str, extension: &str) -> Result<u32> {
    let parts = || {
        let (number, words) = name.strip_suffix(extension)?.strip_suffix('.')?.split_once('_')?;
        let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        (digits && !words.is_empty() && words.chars().all(plain)).then(|| number.parse().ok())?
    };
    parts().ok_or_else(|| {
        Failure::invalid(format!("`{}` is no name of a migration", name.escape_debug()))
            .with_hint(format!("name it like `0001_what_it_does.{extension}`, or move it out of the directory"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Migrations> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Migrations::read(directory.path(), "surql")
    }

    #[test]
    fn files_come_in_the_order_of_their_numbers_not_of_their_names() {
        let read = read(&[("10_c.surql", "c"), ("0009_b.surql", "b"), ("2_a.surql", "a"), (".0001_d.surql.swp", "x")]);
        let names: Vec<_> = read.unwrap().files.into_iter().map(|file| (file.number, file.text)).collect();
        assert_eq!(names, [(2, "a".to_owned()), (9, "b".to_owned()), (10, "c".to_owned())]);
    }

    #[test]
    fn what_is_no_migration_is_named() {
        for name in
            ["readme.md", "0001.surql", "0001_.surql", "x1_a.surql", "0001_a.sql", "1234567890_a.surql", "1_ä.surql"]
        {
            let failure = read(&[("0001_first.surql", ""), (name, "")]).unwrap_err();
            assert!(failure.message.contains(name), "{name}: {failure}");
        }
        let failure = read(&[("01_a.surql", ""), ("1_b.surql", "")]).unwrap_err();
        assert!(failure.message.contains("01_a.surql") && failure.message.contains("1_b.surql"), "{failure}");
        let failure = Migrations::read(Path::new("/nowhere/at/all"), "sql").unwrap_err();
        assert!(failure.message.contains("/nowhere/at/all"), "{failure}");
    }
}
