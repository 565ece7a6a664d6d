//! Building descriptions and reading requests.

use serde::de::DeserializeOwned;

use super::{BackupRequest, ChainKind, Description, Finding, Link, Report, RestoreRequest, Restored, Severity};
use crate::bindings::method::exports::bulkhead::method::method::GrantRequest;
use crate::{Failure, Result};

/// A schema for plugins without configuration.
const NO_CONFIGURATION: &str = r#"{"type":"object","additionalProperties":false}"#;

impl Description {
    /// A plugin by its name (lower-case letters, digits and hyphens) and version (`env!("CARGO_PKG_VERSION")`), implementing a method that
    /// restores alone and takes no configuration.
    pub fn new(name: &str, version: &str, method: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            method: method.to_owned(),
            engines: Vec::new(),
            media_types: Vec::new(),
            chain: ChainKind::Standalone,
            config_schema: NO_CONFIGURATION.to_owned(),
            grants: Vec::new(),
        }
    }

    /// Adds an engine that the method works with, e.g. `mariadb`.
    #[must_use]
    pub fn engine(mut self, engine: &str) -> Self {
        self.engines.push(engine.to_owned());
        self
    }

    /// Adds a media type of the method's objects.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_types.push(media_type.to_owned());
        self
    }

    /// Sets how backups of this method build on each other.
    #[must_use]
    pub fn chain(mut self, chain: ChainKind) -> Self {
        self.chain = chain;
        self
    }

    /// Sets the JSON Schema of the configuration.
    #[must_use]
    pub fn config_schema(mut self, schema: &str) -> Self {
        self.config_schema = schema.to_owned();
        self
    }

    /// Asks for a grant: `tool:<name>`, `database`, `server`, `service` or `scratch`, and says why, for the operator who decides.
    #[must_use]
    pub fn grant(mut self, grant: &str, reason: &str) -> Self {
        self.grants.push(GrantRequest { grant: grant.to_owned(), reason: reason.to_owned() });
        self
    }
}

impl BackupRequest {
    /// Reads the configuration.
    ///
    /// # Errors
    /// `invalid`, with what is wrong and where.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        parse(&self.config)
    }
}

impl RestoreRequest {
    /// Reads the configuration.
    ///
    /// # Errors
    /// `invalid`, with what is wrong and where.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        parse(&self.config)
    }
}

impl Link {
    /// The object of that name, when this backup has it.
    pub fn object(&self, name: &str) -> Option<&super::Object> {
        self.objects.iter().find(|object| object.name == name)
    }
}

impl Report {
    /// A report on a server of that version.
    pub fn new(server_version: impl Into<String>) -> Self {
        Self { server_version: server_version.into(), point_in_time: None, positions: Vec::new() }
    }

    /// The value of a position.
    pub fn position(&self, name: &str) -> Option<&str> {
        self.positions.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Adds a position.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.positions.push((name.to_owned(), value.into()));
    }
}

impl Restored {
    /// The positions that the restored server has reached; none when the method knows of none.
    pub fn at(positions: Vec<(String, String)>) -> Self {
        Self { positions }
    }
}

impl Finding {
    /// A finding about a subject, e.g. a table.
    pub fn new(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, subject: subject.into(), message: message.into() }
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
