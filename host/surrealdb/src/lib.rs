//! The host's own client of a SurrealDB server, over HTTP.

mod server;

pub use server::{Login, Scope, Server};
