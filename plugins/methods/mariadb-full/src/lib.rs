//! Method plugin `mariadb-full`: physical backups of MariaDB with `mariadb-backup`, as one stream that the host keeps, and restores that
//! are prepared beside the live data and swapped in.

mod plugin;

bulkhead_plugin_sdk::register_method!(plugin::MariadbFull);
