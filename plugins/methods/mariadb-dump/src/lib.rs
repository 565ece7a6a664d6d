//! Method plugin `mariadb-dump`: logical backups of MariaDB, readable by any `mariadb` client.
//!
//! A backup is three objects, restored in this order, by the plugin as by hand, and `tables.json`, with which a restore is checked:
//!
//! | object | holds |
//! |---|---|
//! | `users.sql` | accounts and roles, their memberships, and what they may do everywhere or in a whole database |
//! | `data.sql` | every database but the system's: what `mariadb-dump` writes |
//! | `grants.sql` | what accounts may do with single tables, columns and routines, which have to exist first |
//!
//! Accounts come first because a view on a view is made with the rights of the inner view's definer.

mod accounts;
mod backup;
mod config;
mod definitions;
mod header;
mod left_out;
mod names;
mod plugin;
mod restore;
mod rights;
mod statement;
mod stored_code;
mod untransacted;

bulkhead_plugin_sdk::register_method!(plugin::MariadbDump);
