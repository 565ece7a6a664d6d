//! Listing keys in the order of their bytes, without holding more than the directories on the way to one of them.

use bulkhead_plugin_sdk::storage::{Entry, Page, Result, check_key};

use crate::root::{Root, entry, failure};
use crate::wasi::{DescriptorType, ErrorCode, wall_clock};
use crate::{key, prune};

/// A temporary file that nobody has written to for so long belongs to a host that died.
const ABANDONED_SECONDS: u64 = 24 * 60 * 60;

/// One page of the keys that start with `prefix` and come after `after`.
pub fn list(root: &Root, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page> {
    let mut walk = Walk { root, prefix, after, open: Vec::new() };
    // Everything outside the prefix's own directory is out of question.
    let start = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
    if start.is_empty() || check_key(start).is_ok() {
        walk.descend(start)?;
    }
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(entry) = walk.next()? {
        if entries.len() == limit {
            return Ok(Page { next: entries.last().map(|entry| entry.key.clone()), entries });
        }
        entries.push(entry);
    }
    Ok(Page { entries, next: None })
}

/// A walk through the tree, depth first.
struct Walk<'a> {
    root: &'a Root,
    prefix: &'a str,
    after: Option<&'a str>,
    /// What is left of each directory from the root to here, last first. A directory ends in `/`, which is what sorts it rightly: the key
    /// `a.b` comes before `a/b`, and `a0` after.
    open: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn next(&mut self) -> Result<Option<Entry>> {
        while let Some(directory) = self.open.last_mut() {
            let Some(path) = directory.pop() else {
                self.open.pop();
                continue;
            };
            if let Some(directory) = path.strip_suffix('/') {
                self.descend(directory)?;
            } else if let Some(entry) = self.root.entry(&path)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Opens a directory: reads its names, drops what cannot matter, sorts the rest. One that is gone is empty.
    fn descend(&mut self, directory: &str) -> Result<()> {
        let unreadable = |code| failure(code, "cannot list the objects");
        let names = match self.root.directory(directory).and_then(|opened| opened.read_directory()) {
            Ok(names) => names,
            Err(ErrorCode::NoEntry | ErrorCode::NotDirectory | ErrorCode::Loop) => return Ok(()),
            Err(code) => return Err(unreadable(code)),
        };
        let mut paths = Vec::new();
        loop {
            let found = match names.read_directory_entry() {
                Ok(Some(found)) => found,
                Ok(None) => break,
                // Deleted between its name and its type, or named by nobody who uses keys.
                Err(ErrorCode::NoEntry | ErrorCode::IllegalByteSequence) => continue,
                Err(code) => return Err(unreadable(code)),
            };
            if key::is_temporary(&found.name) {
                self.sweep(directory, &found.name);
            }
            if check_key(&found.name).is_err() {
                continue;
            }
            let path = key::join(directory, &found.name);
            match found.type_ {
                DescriptorType::RegularFile if self.wants(&path) => paths.push(path),
                DescriptorType::Directory if self.wants_below(&format!("{path}/")) => paths.push(format!("{path}/")),
                _ => {}
            }
        }
        paths.sort_unstable_by(|a, b| b.cmp(a));
        self.open.push(paths);
        Ok(())
    }

    fn wants(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.after.is_none_or(|after| key > after)
    }

    /// Whether a key that starts with `path`, which ends in `/`, can be wanted.
    fn wants_below(&self, path: &str) -> bool {
        let prefixed = path.starts_with(self.prefix) || self.prefix.starts_with(path);
        prefixed && self.after.is_none_or(|after| path > after || after.starts_with(path))
    }

    /// Removes a temporary file that a host left behind when it died.
    fn sweep(&self, directory: &str, name: &str) {
        let path = key::join(directory, name);
        let Ok(Some(found)) = self.root.stat(&path).map(|stat| stat.and_then(|stat| entry(&path, &stat))) else {
            return;
        };
        let idle = wall_clock::now().seconds.saturating_sub(found.modified_us / 1_000_000);
        if idle > ABANDONED_SECONDS && self.root.0.unlink_file_at(&path).is_ok() {
            prune::parents(self.root, directory);
        }
    }
}
