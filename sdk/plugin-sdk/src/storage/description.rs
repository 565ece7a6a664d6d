//! Building descriptions and reading configurations.

use serde::de::DeserializeOwned;

use super::{ByteRange, Description, Page};
use crate::bindings::storage::exports::bulkhead::storage::storage::GrantRequest;
use crate::{Failure, Result};

/// A schema for plugins without configuration.
const NO_CONFIGURATION: &str = r#"{"type":"object","additionalProperties":false}"#;

impl Description {
    /// A plugin by its name (lower-case letters, digits and hyphens) and version (`env!("CARGO_PKG_VERSION")`), without configuration.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            config_schema: NO_CONFIGURATION.to_owned(),
            grants: Vec::new(),
        }
    }

    /// Sets the JSON Schema of the target's configuration.
    #[must_use]
    pub fn config_schema(mut self, schema: &str) -> Self {
        self.config_schema = schema.to_owned();
        self
    }

    /// Asks for a grant, e.g. `directory:root`, and says why, for the operator who decides.
    #[must_use]
    pub fn grant(mut self, grant: &str, reason: &str) -> Self {
        self.grants.push(GrantRequest { grant: grant.to_owned(), reason: reason.to_owned() });
        self
    }
}

impl ByteRange {
    /// The range as `start..end` within an object of `bytes` bytes, cut at its end.
    ///
    /// # Errors
    /// `invalid` when it starts at or past the end.
    pub fn within(&self, bytes: u64) -> Result<std::ops::Range<u64>> {
        if self.offset >= bytes {
            return Err(Failure::invalid(format!("the range starts at {}, the object ends at {bytes}", self.offset)));
        }
        let end = self.length.map_or(bytes, |length| self.offset.saturating_add(length).min(bytes));
        Ok(self.offset..end)
    }
}

impl Page {
    /// The last page, without entries.
    pub fn empty() -> Self {
        Self { entries: Vec::new(), next: None }
    }
}

/// Reads a configuration: an empty text is an empty object.
///
/// # Errors
/// `invalid`, with what is wrong and where.
pub fn parse<T: DeserializeOwned>(config: &str) -> Result<T> {
    let config = if config.trim().is_empty() { "{}" } else { config };
    serde_json::from_str(config).map_err(|error| Failure::invalid(format!("configuration: {error}").to_lowercase()))
}
