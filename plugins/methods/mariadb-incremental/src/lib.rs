//! Method plugin `mariadb-incremental`: what changed in the data files since the newest backup of the service's chain, copied with
//! `mariadb-backup` as one stream that the host keeps, and restores of a chain up to any of its links.

mod base;
mod config;
mod plugin;

bulkhead_plugin_sdk::register_method!(plugin::MariadbIncremental);
