//! Looks whether a configuration is one that its plugin's schema knows, in words that name the option. What the schema cannot say, the
//! plugin does.

use bulkhead_model::{Failure, Result, nearest};
use serde_json::{Map, Value};

/// Checks the keys of a configuration, and those of objects within it. `place` stands before their names, e.g. `config`.
///
/// # Errors
/// `invalid`, naming the option; never with its value, which may be a secret in the wrong place.
pub(super) fn check(place: &str, config: &Map<String, Value>, schema: &Value) -> Result<()> {
    let Some(known) = schema["properties"].as_object() else { return Ok(()) };
    for (key, value) in config {
        let name = format!("{place}.{key}");
        match known.get(key) {
            Some(expected) => check_value(&name, value, expected)?,
            None if schema["additionalProperties"] == false => return Err(unknown(&name, key, known)),
            None => {}
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match required.into_iter().find(|key| !config.contains_key(*key)) {
        None => Ok(()),
        Some(key) => Err(missing(&format!("{place}.{key}"), &known[key])),
    }
}

fn check_value(name: &str, value: &Value, expected: &Value) -> Result<()> {
    let wrong = |what: String| Err(Failure::invalid(format!("`{name}` must be {what}")));
    if let Some(choices) = expected["enum"].as_array() {
        let words: Vec<_> = choices.iter().map(|choice| format!("`{}`", plain(choice))).collect();
        return if choices.contains(value) { Ok(()) } else { wrong(words.join(" or ")) };
    }
    match (expected["type"].as_str(), value) {
        (Some("string"), Value::String(text)) if text.is_empty() && expected["minLength"].as_u64() > Some(0) => {
            Err(missing(name, expected))
        }
        (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) => Ok(()),
        (Some("string"), _) => wrong("text".to_owned()),
        (Some("boolean"), _) => wrong("true or false".to_owned()),
        (Some("integer"), value) => {
            let (least, most) = (expected["minimum"].as_i64(), expected["maximum"].as_i64());
            let within =
                |number: i64| least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most);
            match (value.as_i64(), least, most) {
                (Some(number), ..) if within(number) => Ok(()),
                (_, Some(least), Some(most)) => wrong(format!("a whole number from {least} to {most}")),
                (_, Some(least), None) => wrong(format!("a whole number from {least}")),
                _ => wrong("a whole number".to_owned()),
            }
        }
        (Some("object"), Value::Object(inner)) => check(name, inner, expected),
        (Some("object"), _) => wrong("an object".to_owned()),
        _ => Ok(()),
    }
}

fn unknown(name: &str, key: &str, known: &Map<String, Value>) -> Failure {
    let failure = Failure::invalid(format!("unknown option `{name}`"));
    let keys = || known.keys().map(String::as_str);
    match nearest(key, keys()) {
        Some(meant) => failure.with_hint(format!("did you mean `{meant}`?")),
        None => failure.with_hint(format!("known: {}", keys().collect::<Vec<_>>().join(", "))),
    }
}

fn missing(name: &str, expected: &Value) -> Failure {
    let failure = Failure::invalid(format!("`{name}` is missing"));
    match expected["description"].as_str() {
        Some(description) => failure.with_hint(description),
        None => failure,
    }
}

/// A choice without quotation marks.
fn plain(choice: &Value) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_option_is_named_without_its_value() {
        let schema = json!({
            "properties": {
                "bucket": {"type": "string", "minLength": 1, "description": "The bucket's name."},
                "path_style": {"type": "boolean"},
                "part_size_mib": {"type": "integer", "minimum": 5, "maximum": 64},
                "parallel": {"type": "integer", "minimum": 1},
                "checksum": {"enum": ["crc64nvme", "none"]},
                "object_lock": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
            },
            "required": ["bucket"],
            "additionalProperties": false,
        });
        let said = |config: Value| check("config", config.as_object().unwrap(), &schema).map_err(|f| f.to_string());
        for (config, why) in [
            (json!({}), "`config.bucket` is missing; hint: The bucket's name."),
            (json!({"bucket": ""}), "`config.bucket` is missing; hint: The bucket's name."),
            (json!({"bucket": 7}), "`config.bucket` must be text"),
            (json!({"bucket": "b", "buckt": "hunter2"}), "unknown option `config.buckt`; hint: did you mean `bucket`?"),
            (json!({"bucket": "b", "path_style": "hunter2"}), "`config.path_style` must be true or false"),
            (
                json!({"bucket": "b", "part_size_mib": "8"}),
                "`config.part_size_mib` must be a whole number from 5 to 64",
            ),
            (json!({"bucket": "b", "part_size_mib": 4}), "`config.part_size_mib` must be a whole number from 5 to 64"),
            (json!({"bucket": "b", "parallel": 1.5}), "`config.parallel` must be a whole number from 1"),
            (json!({"bucket": "b", "checksum": "hunter2"}), "`config.checksum` must be `crc64nvme` or `none`"),
            (json!({"bucket": "b", "object_lock": {}}), "`config.object_lock.days` is missing"),
            (json!({"bucket": "b", "object_lock": "x"}), "`config.object_lock` must be an object"),
        ] {
            assert_eq!(said(config), Err(why.to_owned()));
        }
        let good = json!({"bucket": "b", "parallel": 4, "checksum": "none", "object_lock": {"days": 1, "mode": "x"}});
        assert_eq!(said(good), Ok(()));
        // A plugin without a schema checks by itself.
        assert_eq!(check("config", json!({"x": 1}).as_object().unwrap(), &json!({})), Ok(()));
    }
}
