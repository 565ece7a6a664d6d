//! Method plugin `mariadb-binlog`: archives the binary logs of a MariaDB server, and replays them on top of a restored backup.
//!
//! A log backup continues the one before it. Its objects, in the order of the logs:
//!
//! | object | holds |
//! |---|---|
//! | `binlog.000012` | a whole log, byte for byte as the server wrote it |
//! | `binlog.000013.at-91822` | a log that begins with the event at that position: what was archived before is left out |
//! | `logs.json` | what is in which of them, for people and for the replay |
//!
//! Backups that continue each other without a gap are a *timeline*. Where a log was lost, or the server is another one, a new one begins.

mod archive;
mod backup;
mod config;
mod continuity;
mod failure;
mod follow;
mod index;
mod plugin;
mod report;
mod restore;
mod server;

bulkhead_plugin_sdk::register_method!(plugin::MariadbBinlog);
