//! The HTTP API: routes, roles, problem documents. Decides nothing; the engine does.

mod audit;
mod auth;
mod bucket;
mod document;
mod dto;
mod fields;
mod http;
mod made;
mod observe;
mod path;
mod problem;
mod router;
mod routes;
mod serve;

pub use auth::{AuthConfig, AuthMode, Claims, Hs256, JwksConfig, JwksSource, RateLimit, TokenChecks, mint};
pub use document::{Document, Operation, Operations};
pub use http::{HttpConfig, Metrics, MetricsAccess};
pub use router::{Api, document, router};
pub use serve::serve;
