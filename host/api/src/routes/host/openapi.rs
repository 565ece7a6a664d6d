use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, header};

use crate::Api;

/// `GET /openapi.json`: this document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "host.openapi", tag = "host", security(()),
    responses((status = 200, description = "The document of the API (OpenAPI 3.1)", body = serde_json::Value,
        content_type = "application/json")))]
pub async fn openapi(State(api): State<Api>) -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], api.document.json)
}
