//! Keys as paths. A key's segments are the path's; what a key cannot hold names the files that are being written.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Starts the name of a file that is being written.
const TEMPORARY: &str = ".tmp-";
/// Ends it. No key can hold it, so no key can name a temporary file.
const NO_KEY: char = '~';

/// Directory (empty for the root) and file name of a key.
pub fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// A path from a directory (empty for the root) and a name in it.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A name that nothing has.
pub fn temporary() -> String {
    // Each `RandomState` of an instance differs by a counter; the seed differs by instance.
    format!("{TEMPORARY}{:016x}{NO_KEY}", RandomState::new().build_hasher().finish())
}

/// Whether a name is that of a file that was being written.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY) && name.ends_with(NO_KEY)
}
