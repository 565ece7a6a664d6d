//! Deleting objects, and the directories that are empty without them.

use bulkhead_plugin_sdk::storage::Result;

use crate::key;
use crate::root::{Root, failure};
use crate::wasi::ErrorCode;

/// Deletes an object durably; what is not there is deleted already.
pub fn delete(root: &Root, key: &str) -> Result<()> {
    match root.0.unlink_file_at(key) {
        Ok(()) => {}
        // A directory is no object.
        Err(ErrorCode::NoEntry | ErrorCode::NotDirectory | ErrorCode::IsDirectory) => return Ok(()),
        Err(code) => return Err(failure(code, "cannot delete the object")),
    }
    let directory = key::split(key).0;
    match root.directory(directory).and_then(|directory| directory.sync()) {
        // Another deletion has pruned the directory, and the file with it.
        Ok(()) | Err(ErrorCode::NoEntry) => {}
        Err(code) => return Err(failure(code, "cannot sync the directory")),
    }
    parents(root, directory);
    Ok(())
}

/// Removes a directory and those above it as far as they are empty. An object that is being made there keeps its directory, as its
/// temporary file lies in it; that of a put which has not come so far is made again by it.
pub fn parents(root: &Root, mut directory: &str) {
    while !directory.is_empty() {
        match root.0.remove_directory_at(directory) {
            Ok(()) | Err(ErrorCode::NoEntry) => directory = key::split(directory).0,
            // Not empty: the usual end. Anything else leaves an empty directory behind, which does no harm.
            Err(_) => return,
        }
    }
}
