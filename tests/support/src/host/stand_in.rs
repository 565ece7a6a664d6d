//! A script in the place of a tool or of a server's start command, to be given a new behaviour at any time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::problem::Result;
use crate::process;

/// A script that stands in for a program; at first it just becomes that program.
///
/// A tool's sandbox lets it read nothing but the script itself and what every program needs, and a child of the script is not let
/// near the credentials: the real tool has to be reached by `exec "$real" "$@"`.
#[derive(Debug)]
pub struct StandIn {
    directory: TempDir,
    name: String,
    real: PathBuf,
}

impl StandIn {
    /// For a tool by its name.
    pub fn for_tool(name: &str) -> Result<Self> {
        Self::of(name, process::program(name)?)
    }

    /// For any program.
    pub fn of(name: &str, real: PathBuf) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("bulkhead-stand-in-").tempdir()?;
        let stand_in = Self { directory, name: name.to_owned(), real };
        stand_in.behave("")?;
        Ok(stand_in)
    }

    /// From now on it runs these lines of shell first; when they fall through, it becomes the real program. Asked for its version it
    /// always is the real one.
    pub fn behave(&self, lines: &str) -> Result<()> {
        let real = self.real.display();
        let text = format!(
            "#!/bin/sh\nreal='{real}'\ncase \"$*\" in *--version*) exec \"$real\" \"$@\";; esac\n{lines}\nexec \"$real\" \"$@\"\n"
        );
        // Renamed into place: a script that runs is read while it runs.
        let fresh = self.directory.path().join("fresh");
        fs::write(&fresh, text)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
        fs::rename(fresh, self.path())?;
        Ok(())
    }

    /// The script.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// Where a script that is not in a sandbox may keep notes.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The lines of `bulkhead.toml` that put it in the place of the tool of its name.
    pub fn toml(&self) -> String {
        format!("[tools.{}]\npath = {}\n", self.name, serde_json::Value::from(self.path().to_string_lossy()))
    }
}
