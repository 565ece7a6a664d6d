//! What the host offers to plugins, one file an interface. Every grant is checked here, below all contract versions.

pub(crate) mod artifacts;
pub(crate) mod database;
pub(crate) mod log;
pub(crate) mod progress;
pub(crate) mod scratch;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod tools;
