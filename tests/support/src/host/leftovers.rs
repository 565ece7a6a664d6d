//! What a host has left behind: in its target, in its scratch, beside data directories, among the processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::BulkheadHost;
use crate::mariadb::MariaDb;
use crate::problem::{Problem, Result};
use crate::process;

/// Older than what a sweep takes for abandoned.
const LONG_AGO: Duration = Duration::from_hours(48);

impl BulkheadHost {
    /// Waits until a host at rest has cleared everything away: no object that no manifest names, no scratch, nothing beside the data
    /// directories, no tool. Says what is left at the deadline.
    pub fn wait_until_clean(&self, servers: &[&MariaDb], deadline: Duration) -> Result<()> {
        let mut left = Vec::new();
        let clean = process::wait_until("nothing is left behind", deadline, || {
            left = self.leftovers(servers)?;
            Ok(left.is_empty().then_some(()))
        });
        clean.map_err(|problem| Problem::new(format!("{problem}; left: {left:#?}\n{}", self.log_tail())))
    }

    /// Everything that a host at rest has no use for.
    pub fn leftovers(&self, servers: &[&MariaDb]) -> Result<Vec<String>> {
        let mut left: Vec<String> = unnamed_objects(&self.bucket())?.iter().map(|path| shown(path)).collect();
        for name in ["scratch", "drills", "run"] {
            left.extend(children(&self.dir().join("data").join(name))?.iter().map(|path| shown(path)));
        }
        for server in servers {
            let strays = children(server.dir())?.into_iter().filter(|path| shown(path).contains(".bulkhead-"));
            left.extend(strays.map(|path| shown(&path)));
        }
        left.extend(self.tools().into_iter().map(|(pid, name)| format!("process {pid}: {name}")));
        Ok(left)
    }

    /// The tools that run for this host or for one that served here before, as process id and command line.
    pub fn tools(&self) -> Vec<(u32, String)> {
        // A tool works in the scratch directory of its attempt, also after that was removed.
        let scratch = self.dir().join("data/scratch");
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let tool = |entry: fs::DirEntry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let directory = fs::read_link(entry.path().join("cwd")).ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (directory.starts_with(&scratch) && process::alive(pid)).then_some((pid, line))
        };
        processes.filter_map(tool).collect()
    }

    /// Makes everything in the target that no manifest names look as if it had been left there two days ago.
    pub fn age_leftovers(&self) -> Result<()> {
        // The age of a file on disk is compared with the machine's clock by the one who sweeps it.
        #[expect(clippy::disallowed_methods, reason = "files carry the machine's time")]
        let long_ago = SystemTime::now() - LONG_AGO;
        for path in unnamed_objects(&self.bucket())? {
            match fs::File::options().write(true).open(&path) {
                Ok(file) => file.set_modified(long_ago)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The files of a target that are neither a manifest nor named by the manifest beside them.
fn unnamed_objects(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut unnamed = Vec::new();
    let named = named(&directory.join("manifest.json"))?;
    for path in children(directory)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            unnamed.extend(unnamed_objects(&path)?);
        } else if !named.contains(&name) {
            unnamed.push(path);
        }
    }
    Ok(unnamed)
}

/// The manifest's own name and those it lists; nothing when there is no manifest.
fn named(manifest: &Path) -> Result<BTreeSet<String>> {
    let text = match fs::read_to_string(manifest) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error.into()),
    };
    let manifest: Value = serde_json::from_str(&text).map_err(|error| Problem::new(format!("a manifest: {error}")))?;
    let keys = manifest["objects"].as_array().into_iter().flatten().filter_map(|object| object["key"].as_str());
    Ok(keys.map(str::to_owned).chain(["manifest.json".to_owned()]).collect())
}

/// What lies in a directory; nothing when it is gone.
fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
