//! The handlers: `<noun>/<verb>.rs`.

pub mod backup;
pub mod health;
pub mod job;
pub mod plugin;
pub mod restore;
pub mod schedule;
pub mod service;
