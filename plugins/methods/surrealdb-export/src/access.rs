//! Keys that servers hide.
//!
//! An export has `'[REDACTED]'` in the place of every secret key of an access. Loaded as it is, that would be the key: everybody who has read
//! this could sign tokens. So a key that nobody knows takes its place.

use bulkhead_plugin_sdk::method::{Failure, Result};

const HIDDEN: &str = "'[REDACTED]'";
/// The private half of a pair of keys cannot be made up: the access goes on verifying tokens, and issues none.
const HIDDEN_ISSUER: &str = " WITH ISSUER KEY '[REDACTED]'";
const SYMMETRIC: &str = "ALGORITHM HS";

/// A definition of an access with keys that nobody knows. `None` for one that hides nothing.
pub fn with_new_keys(definition: &str) -> Result<Option<String>> {
    if !definition.contains(HIDDEN) {
        return Ok(None);
    }
    let kept =
        if definition.contains(SYMMETRIC) { definition.to_owned() } else { definition.replace(HIDDEN_ISSUER, "") };
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::unavailable(format!("no random bytes: {error}")))?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(kept.replace(HIDDEN, &format!("'{key}'"))))
}
