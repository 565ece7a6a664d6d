//! The document of the API (OpenAPI 3.1): generated from the handlers, completed here with what holds for all of them.

mod complete;
mod operations;
mod page;

use std::sync::Arc;

use axum::body::Bytes;
use utoipa::openapi::OpenApi;

pub use operations::{Operation, Operations};
pub use page::routes as page;

/// The document as served, and what the middleware reads from it.
#[derive(Clone)]
pub struct Document {
    /// The JSON.
    pub json: Bytes,
    /// What can be done, by method and address.
    pub operations: Arc<Operations>,
}

impl Document {
    /// Completes what the handlers say of themselves.
    pub fn new(collected: OpenApi) -> Self {
        let mut document = serde_json::to_value(collected).unwrap_or_default();
        complete::complete(&mut document);
        let operations = Arc::new(Operations::of(&document));
        let mut json = serde_json::to_vec_pretty(&document).unwrap_or_default();
        json.push(b'\n');
        Self { json: json.into(), operations }
    }
}
