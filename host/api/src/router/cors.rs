//! Pages of other origins: none may call, unless configured.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use bulkhead_model::{Failure, Result};
use tower_http::cors::CorsLayer;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Whether all of these are origins.
///
/// # Errors
/// `invalid`, naming the one that is none.
pub fn check(origins: &[String]) -> Result<()> {
    origins.iter().try_for_each(|origin| parse(origin).map(|_| ()))
}

fn parse(origin: &str) -> Result<HeaderValue> {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let ok = authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '*', '?', '#', '@', ' ']));
    origin.parse().ok().filter(|_| ok).ok_or_else(|| {
        Failure::invalid(format!("`{}` is no origin", origin.escape_debug()))
            .with_hint("write scheme, host and port alone, e.g. `https://console.example.com`")
    })
}

/// The layer that lets pages of these origins call; `None` without origins.
pub fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| parse(origin).ok()).collect();
    let named = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(named(ALLOWED))
            .expose_headers(named(EXPOSED))
            .max_age(MAX_AGE),
    )
}

const ALLOWED: &[&str] =
    &["authorization", "content-type", "accept", "x-api-key", "idempotency-key", "last-event-id", "x-request-id"];
const EXPOSED: &[&str] = &["location", "retry-after", "x-request-id", "x-total-count", "idempotent-replayed"];
