//! The front door of a SurrealDB service: the routes of Sp00ky's scheduler.
//!
//! An event (one row that changed) comes in at `/ingest`, is given the next sequence number, lies on disk in the log, and only then
//! is acknowledged. From there it goes to every stream processor, and at intervals into the replica: a second server from which
//! stream processors load what they begin with. For a restore the front door is closed, cleared and opened again; see [`Gateway`].

mod backlog;
mod config;
mod event;
mod flow;
mod gate;
mod gateway;
mod log;
mod position;
mod processor;
mod replica;
mod routes;
mod serve;
mod shut;
mod status;
mod upkeep;

pub use config::{Fsync, GatewayConfig, Limits, Token};
pub use gateway::Gateway;
pub use shut::Shut;
pub use status::{State, Status};
