//! What a key may look like.

use crate::{Failure, Result};

/// The longest key, in bytes; what S3 and the other object stores allow.
const KEY_BYTES: usize = 1024;
/// The longest segment of a key, in bytes; what file systems allow, less room for a temporary name.
const SEGMENT_BYTES: usize = 200;

/// Checks a key: `/`-separated segments of letters, digits and `.`, `-`, `_`, `:`, `=`, `+`, `@`, none of them empty, `.` or `..`.
///
/// # Errors
/// `invalid`.
pub fn check_key(key: &str) -> Result<()> {
    check_prefix(key)?;
    for segment in key.split('/') {
        if segment.is_empty() || segment == "." || segment == ".." {
            return Err(Failure::invalid("a segment of the key is empty, `.` or `..`"));
        }
        if segment.len() > SEGMENT_BYTES {
            return Err(Failure::invalid(format!("a segment of the key is longer than {SEGMENT_BYTES} bytes")));
        }
    }
    Ok(())
}

/// Checks a prefix of keys: key characters alone, in any arrangement.
///
/// # Errors
/// `invalid`.
pub fn check_prefix(prefix: &str) -> Result<()> {
    if prefix.len() > KEY_BYTES {
        return Err(Failure::invalid(format!("the key is longer than {KEY_BYTES} bytes")));
    }
    match prefix.chars().find(|c| !c.is_ascii_alphanumeric() && !"/.-_:=+@".contains(*c)) {
        Some(c) => Err(Failure::invalid(format!("the key holds {c:?}, which keys may not hold"))),
        None => Ok(()),
    }
}
