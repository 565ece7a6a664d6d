//! How far the replica is, on disk beside the log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bulkhead_model::{Failure, Result};
use serde::{Deserialize, Serialize};

const FORMAT: u32 = 1;

/// Written after the replica has taken events in, and before they leave the log. So an event may go into the replica twice, which
/// changes nothing, and is never passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    format: u32,
    /// Whether the replica is a copy of the main database.
    pub copied: bool,
    /// The last event in the replica.
    pub applied: u64,
}

/// Where it is written.
#[derive(Clone, Debug)]
pub(crate) struct PositionFile(PathBuf);

impl PositionFile {
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("position.json"))
    }

    /// What is written there, or that nothing has happened yet.
    ///
    /// # Errors
    /// `corrupt` when it cannot be understood.
    pub fn read(&self) -> Result<Position> {
        let bytes = match fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Position { format: FORMAT, copied: false, applied: 0 });
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let position: Option<Position> = serde_json::from_slice(&bytes).ok();
        position.filter(|position| position.format == FORMAT).ok_or_else(|| {
            Failure::corrupt(format!("`{}` is not what this version of the host writes there", self.0.display())).with_hint(
                "put it back as it was, or move the front door's directory away and start with a new copy of the database",
            )
        })
    }

    /// Writes it, atomically and for good. Blocks.
    ///
    /// # Errors
    /// `unavailable` when the disk fails; what was written before stands then.
    pub fn write(&self, copied: bool, applied: u64) -> Result<()> {
        let temporary = self.0.with_extension("json.tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(&Position { format: FORMAT, copied, applied })?)?;
            file.sync_all()?;
            fs::rename(&temporary, &self.0)?;
            self.0.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
        };
        write().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::unavailable(format!("`{}` cannot be used: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let file = PositionFile::new(directory.path());
        assert_eq!(file.read().unwrap(), Position { format: 1, copied: false, applied: 0 });
        file.write(true, 7).unwrap();
        assert_eq!(file.read().unwrap(), Position { format: 1, copied: true, applied: 7 });
        for strange in ["", "{}", r#"{"format":2,"copied":true,"applied":7}"#] {
            fs::write(&file.0, strange).unwrap();
            assert_eq!(file.read().unwrap_err().kind.code(), "corrupt", "{strange}");
        }
    }
}
