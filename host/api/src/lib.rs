//! The HTTP API: routes, roles, problem documents. Decides nothing; the engine does.

mod auth;
mod dto;
mod fields;
mod problem;
mod router;
mod routes;

pub use auth::{AuthMode, Authenticator, Claims, mint};
pub use router::{Api, router, serve};
