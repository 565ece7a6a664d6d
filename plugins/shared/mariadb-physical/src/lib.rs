//! What the methods share that copy data files with `mariadb-backup`: asking the server, streaming a copy, restoring a chain.

mod config;
mod copy;
mod history;
mod info;
mod restore;
mod server;

pub use config::{Copying, PROPERTIES};
pub use copy::{Base, copy};
pub use restore::{check_chain, restore};
pub use server::Server;

use bulkhead_plugin_sdk::method::Description;

/// The object that a backup is made of.
pub const OBJECT: &str = "data.xbstream";
/// Its media type.
pub const MEDIA_TYPE: &str = "application/x-xbstream";
/// The tool that makes backups and prepares them.
const BACKUP_TOOL: &str = "mariadb-backup";
/// The tool that unpacks them.
const UNPACK_TOOL: &str = "mbstream";

/// Adds what each of these methods needs.
#[must_use]
pub fn describe(description: Description) -> Description {
    description
        .engine("mariadb")
        .media_type(MEDIA_TYPE)
        .grant("tool:mariadb-backup", "copies the data files while the server runs, and prepares them for a restore")
        .grant("tool:mbstream", "unpacks a backup for a restore")
        .grant("database", "asks the server for its version, its position in the binary log and its tables")
        .grant("server", "puts restored data in the place of the server's data")
        .grant("scratch", "keeps what mariadb-backup reports beside the stream")
}
