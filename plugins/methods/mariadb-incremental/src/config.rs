//! The configuration.

use bulkhead_plugin_sdk::method::{Failure, Result};
use mariadb_physical::{Copying, PROPERTIES};

/// Its JSON Schema.
pub fn schema() -> String {
    format!(
        r#"{{ "type": "object", "additionalProperties": false, "properties": {{ {PROPERTIES},
    "chain_length_max": {{ "type": "integer", "minimum": 1, "maximum": 1000, "default": 30,
                          "description": "Increments on one complete backup." }},
    "chain_age_max_hours": {{ "type": "integer", "minimum": 1, "maximum": 87600, "default": 168,
                             "description": "How old the complete backup of a chain may be." }},
    "chain_size_ratio_max": {{ "type": "number", "exclusiveMinimum": 0, "maximum": 1000, "default": 1.0,
                              "description": "Size of the increments together, as a part of the complete backup's." }},
    "on_limit": {{ "enum": ["full", "refuse"], "default": "full",
                  "description": "What happens at these limits: a complete backup that begins a new chain, or none." }},
    "on_missing_base": {{ "enum": ["refuse", "full"], "default": "refuse",
                         "description": "What happens without a backup to go on top of, or with one that the server's data does not continue." }} }} }}"#
    )
}

/// What is done when a backup cannot go on top of another one, or should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// A complete backup.
    Full,
    /// No backup.
    Refuse,
}

/// What an operator may set. The schema refuses unknown keys.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default)]
pub struct Config {
    #[serde(flatten)]
    pub copying: Copying,
    /// Increments on one complete backup.
    pub chain_length_max: u64,
    /// How old the complete backup may be.
    pub chain_age_max_hours: u64,
    /// Size of the increments together as a part of the complete backup's.
    pub chain_size_ratio_max: f64,
    /// At these limits.
    pub on_limit: Otherwise,
    /// Without a base that fits.
    pub on_missing_base: Otherwise,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            copying: Copying::default(),
            chain_length_max: 30,
            chain_age_max_hours: 168,
            chain_size_ratio_max: 1.0,
            on_limit: Otherwise::Full,
            on_missing_base: Otherwise::Refuse,
        }
    }
}

impl Config {
    /// Checks the values' bounds.
    pub fn validate(&self) -> Result<()> {
        self.copying.validate()?;
        if !(1..=1000).contains(&self.chain_length_max) {
            return Err(Failure::invalid("configuration: chain_length_max is 1 to 1000"));
        }
        if !(1..=87_600).contains(&self.chain_age_max_hours) {
            return Err(Failure::invalid("configuration: chain_age_max_hours is 1 to 87600"));
        }
        if !(self.chain_size_ratio_max > 0.0 && self.chain_size_ratio_max <= 1000.0) {
            return Err(Failure::invalid("configuration: chain_size_ratio_max is above 0 and at most 1000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_plugin_sdk::method::parse;

    use super::*;

    #[test]
    fn every_default_is_within_its_bounds_and_keys_of_copying_lie_beside_the_others() {
        parse::<Config>("").unwrap().validate().unwrap();
        let config: Config = parse(r#"{"parallel": 3, "on_missing_base": "full", "chain_size_ratio_max": 2}"#).unwrap();
        assert_eq!((config.copying.parallel, config.on_missing_base), (3, Otherwise::Full));
        assert!(parse::<Config>(r#"{"chain_length_max": 0}"#).unwrap().validate().is_err());
        assert!(parse::<Config>(r#"{"on_limit": "maybe"}"#).is_err());
        serde_json::from_str::<serde_json::Value>(&schema()).unwrap();
    }
}
