//! Method plugin `surrealdb-export`: logical backups of SurrealDB, readable by any `surreal import`.
//!
//! | object | holds |
//! |---|---|
//! | `0001.surql`, `0002.surql`, ... | one database each: what the server exports, as it came |
//! | `root.surql` | when more than one database was asked for: the namespaces, and which users and accesses stand above databases |
//! | `contents.json` | written last: which object holds what, with the number of records of each table and of definitions of each kind |
//!
//! The server calls an export a success that broke off in the middle, and an import that did half of its work. So an export is taken apart
//! while it passes, and what is in it is compared with what the server says it has; a restore looks at the outcome of every statement, and
//! compares in the end.

mod access;
mod answer;
mod backup;
mod batch;
mod census;
mod check;
mod config;
mod contents;
mod export;
mod guard;
mod kinds;
mod load;
mod plugin;
mod restore;
mod root;
mod scope;
mod server;
mod statement;
mod tally;
mod upgrade;

bulkhead_plugin_sdk::register_method!(plugin::SurrealdbExport);
