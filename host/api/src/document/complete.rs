//! What holds for every operation, in one place: who may ask, which problems may be answered, which headers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Completes the document that was collected from the handlers.
pub fn complete(document: &mut Value) {
    document["info"] = json!({
        "title": "Bulkhead",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Makes, keeps, proves and restores database backups. docs/api.md tells how to call, docs/errors.md what the codes mean.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([
        { "url": "/v1" },
        { "url": "/skybackup/v1", "description": "The same, for clients of SkySQL's API" },
    ]);
    document["security"] = json!([{ "bearer": [] }, { "api_key": [] }]);
    let components = &mut document["components"];
    components["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        "api_key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
    });
    components["responses"] = problems();
    components["headers"] = headers();
    let schemas = document["components"]["schemas"].clone();
    let mut sent = BTreeSet::new();
    for item in objects(&mut document["paths"]) {
        for operation in objects(item) {
            operation_complete(operation);
            references(&operation["requestBody"], &schemas, &mut sent);
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if !sent.contains(name) {
            always_there(schema);
        } else if schema["properties"].is_object() {
            // A field that is not known is refused.
            schema["additionalProperties"] = json!(false);
        }
    }
}

fn objects(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// The names of the schemas that a part of the document is made of.
fn references(part: &Value, schemas: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                && names.insert(name.to_owned())
            {
                references(&schemas[name], schemas, names);
            }
            fields.values().for_each(|field| references(field, schemas, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, schemas, names)),
        _ => {}
    }
}

fn operation_complete(operation: &mut Value) {
    let guarded = operation.get("security").is_none();
    if !guarded {
        operation["security"] = json!([]);
    }
    let mut may: Vec<&str> = vec!["400", "500", "503"];
    if guarded {
        may.extend(["401", "403", "429"]);
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    if parameters.clone().any(|parameter| parameter["in"] == "path") {
        may.push("404");
    }
    if operation.get("requestBody").is_some() {
        may.extend(["413", "415"]);
    }
    for status in may {
        operation["responses"][status] = json!({ "$ref": format!("#/components/responses/Problem{status}") });
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with('2') {
            response["headers"]["X-Request-Id"] = header("X-Request-Id");
        }
    }
}

/// An answer's field that may be null is always there; one that may be missing is never null.
fn always_there(schema: &mut Value) {
    let nullable = |property: &Value| {
        let null = |kind: &Value| kind == "null";
        property["type"].as_array().is_some_and(|kinds| kinds.iter().any(null))
            || property["oneOf"].as_array().is_some_and(|one| one.iter().any(|kind| null(&kind["type"])))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let always: Vec<String> =
        properties.filter(|(_, property)| nullable(property)).map(|(name, _)| name.clone()).collect();
    if always.is_empty() {
        return;
    }
    let before = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let required: BTreeSet<String> = before.chain(always).collect();
    schema["required"] = json!(required);
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id of this request, as in the host's log and the audit trail",
            "schema": { "type": "string" },
        },
        "Retry-After": {
            "description": "Seconds after which another try may help",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WWW-Authenticate": { "description": "`Bearer`", "schema": { "type": "string" } },
    })
}

fn problems() -> Value {
    let all = [
        ("400", "The request, or a field of it, is wrong; the detail names it", None),
        ("401", "No credential was sent, or one that does not count", Some("WWW-Authenticate")),
        ("403", "The role is not enough", None),
        ("404", "What was named does not exist, or belongs to another organization", None),
        ("409", "Something is in the way; the detail says what", None),
        ("413", "The body is longer than 1 MiB", None),
        ("415", "The body is not declared as JSON", None),
        ("422", "This version, plugin, tool or server cannot do it", None),
        ("429", "Too many requests", Some("Retry-After")),
        ("500", "A fault of the host", None),
        ("503", "Something is not available now, or took too long", Some("Retry-After")),
    ];
    let mut problems = Map::new();
    for (status, description, special) in all {
        let mut headers = json!({ "X-Request-Id": header("X-Request-Id") });
        if let Some(special) = special {
            headers[special] = header(special);
        }
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ "application/problem+json": { "schema": schema } });
        problems.insert(
            format!("Problem{status}"),
            json!({ "description": description, "headers": headers, "content": content }),
        );
    }
    Value::Object(problems)
}
