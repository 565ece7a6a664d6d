//! Holds answers against the document: as much of JSON Schema as the document uses.

use serde_json::Value;

use crate::host::Heard;

/// The document, taken apart.
pub struct Document(Value);

/// One operation of it.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
}

impl Document {
    pub fn new() -> Self {
        Self(serde_json::from_slice(&bulkhead_api::document().json).unwrap())
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                all.push(Operation { id, method: method.to_uppercase(), path: path.clone() });
            }
        }
        all
    }

    /// Panics unless the document allows this answer.
    pub fn check(&self, operation: &Operation, heard: &Heard) {
        let declared = &self.0["paths"][&operation.path][operation.method.to_lowercase()]["responses"];
        let answer = self.resolve(&declared[heard.status.to_string()]);
        let at = format!("{} answers {}: {}", operation.id, heard.status, heard.text);
        assert!(answer.is_object(), "not in the document: {at}");
        assert!(heard.header("x-request-id").is_some(), "no id: {at}");
        let Some(content) = answer["content"].as_object() else {
            assert!(heard.text.is_empty(), "there should be no body: {at}");
            return;
        };
        let kind = heard.header("content-type").unwrap_or_default().split(';').next().unwrap();
        let content = content.get(kind).unwrap_or_else(|| panic!("`{kind}` is not in the document: {at}"));
        if kind.ends_with("json") {
            let wrong = self.wrong(&content["schema"], &heard.json());
            assert_eq!(wrong, None, "{at}");
        }
        for header in answer["headers"].as_object().into_iter().flatten() {
            let optional = ["idempotent-replayed"].contains(&header.0.to_lowercase().as_str());
            assert!(optional || heard.header(header.0).is_some(), "no header {}: {at}", header.0);
        }
    }

    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// What of a value is not as its schema says.
    fn wrong(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolve(schema);
        for combined in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[combined].as_array() {
                let found = choices.iter().any(|choice| self.wrong(choice, value).is_none());
                return (!found).then(|| format!("{value} is none of {choices:?}"));
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return parts.iter().find_map(|part| self.wrong(part, value));
        }
        let is = |kind: &Value| match kind.as_str().unwrap() {
            "null" => value.is_null(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("type {other}"),
        };
        let fits = match &schema["type"] {
            Value::Null => true,
            Value::Array(kinds) => kinds.iter().any(is),
            kind => is(kind),
        };
        if !fits {
            return Some(format!("{value} is no {}", schema["type"]));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Some(format!("{value} is none of {words:?}"));
        }
        if let Some(items) = value.as_array() {
            return items.iter().find_map(|item| self.wrong(&schema["items"], item));
        }
        let object = value.as_object()?;
        for required in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(required.as_str().unwrap()) {
                return Some(format!("{required} is missing in {value}"));
            }
        }
        object.iter().find_map(|(name, value)| {
            let known = schema["properties"].get(name);
            // Answers may grow; what they are documented to hold, they hold as documented.
            known.and_then(|known| self.wrong(known, value)).map(|wrong| format!("{name}: {wrong}"))
        })
    }
}
