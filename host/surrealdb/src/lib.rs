//! The host's own client of a SurrealDB server, over HTTP.
//!
//! SurrealDB answers `200` to requests of which half has failed. Nothing here takes that for success: [`Client::query`] shows
//! the result of every statement, [`Client::run`] and [`Client::import`] fail when one of them has failed.

mod answer;
mod client;
mod server;
mod session;
mod transfer;
mod transport;
mod words;

pub use answer::Answer;
pub use client::Client;
pub use server::{Login, Scope, Server};
pub use transfer::Export;
