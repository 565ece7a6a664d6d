//! The HTTP API: routes, roles, problem documents. Decides nothing; the engine does.

mod auth;
mod document;
mod dto;
mod fields;
mod path;
mod problem;
mod router;
mod routes;

pub use auth::{AuthMode, Authenticator, Claims, mint};
pub use document::{Document, Operation, Operations};
pub use router::{Api, document, router, serve};
