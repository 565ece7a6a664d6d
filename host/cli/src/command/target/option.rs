//! `--option KEY=VALUE`: one key of a plugin's configuration.

use serde_json::{Map, Value};

/// A key and its value. What is JSON is taken as such, everything else as text: `part_size_mib=16`, `region=eu-west-1`.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginOption(String, Value);

impl std::str::FromStr for PluginOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, e.g. region=eu-west-1")?;
        if key.is_empty() {
            return Err("the key is missing: write e.g. region=eu-west-1".to_owned());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok(Self(key.to_owned(), value))
    }
}

/// The field `config` of a request; `None` when no option is given.
pub fn config(options: Vec<PluginOption>) -> Option<Value> {
    let config: Map<String, Value> = options.into_iter().map(|PluginOption(key, value)| (key, value)).collect();
    (!config.is_empty()).then_some(Value::Object(config))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_json_where_they_can_be() {
        let options = ["region=eu-west-1", "part_size_mib=16", "path_style=true", "prefix=a=b", "kms_key_id=null"];
        let options = options.map(|option| option.parse().unwrap()).to_vec();
        let expected = json!({"region": "eu-west-1", "part_size_mib": 16, "path_style": true, "prefix": "a=b", "kms_key_id": null});
        assert_eq!(config(options), Some(expected));
        assert_eq!(config(Vec::new()), None);
        assert!("region".parse::<PluginOption>().is_err() && "=x".parse::<PluginOption>().is_err());
    }
}
