//! Bindings of WASI's HTTP client. The one place that names it: its host side is still marked experimental.
#![allow(missing_docs, reason = "generated")]

wit_bindgen::generate!({
    path: "wit",
    world: "bulkhead:requests/requests",
    generate_all,
});

pub use wasi::http::client::send;
pub use wasi::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme, Trailers};
