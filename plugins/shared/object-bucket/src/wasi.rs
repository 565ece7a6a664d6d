//! Bindings of WASI's HTTP client. The one place that names it: its host side is still marked experimental.

wit_bindgen::generate!({
    path: "wit",
    world: "bulkhead:object-bucket/requests",
    generate_all,
});

pub use wasi::http::client::send;
pub use wasi::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme, Trailers};
