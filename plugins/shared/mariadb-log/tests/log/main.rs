//! Logs of a real server (10.11.19, `tests/logs`), and logs built here for what a real one does not do on demand.

mod build;
mod moment;
mod observe;
mod select;
