//! What can be done, as the document says.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::Value;

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `<noun>.<verb>`: also the action in the audit trail and the label of metrics.
    pub id: String,
    /// The names of its query parameters.
    pub query: Vec<String>,
}

/// All that can be done, by method and address, e.g. `GET` and `/backups/{id}`.
#[derive(Debug, Default)]
pub struct Operations(HashMap<(Method, String), Operation>);

impl Operations {
    /// Reads them from a document.
    pub fn of(document: &Value) -> Self {
        let mut operations = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_uppercase().parse() else { continue };
                let Some(id) = operation["operationId"].as_str() else { continue };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let query = parameters.filter(|parameter| parameter["in"] == "query");
                let query = query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect();
                operations.insert((method, path.clone()), Operation { id: id.to_owned(), query });
            }
        }
        Self(operations)
    }

    /// What a request to a matched address does. A HEAD is a GET without the body.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Operation> {
        let path = ["/skybackup/v1", "/v1"].iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        self.0.get(&(method, path.to_owned()))
    }
}
