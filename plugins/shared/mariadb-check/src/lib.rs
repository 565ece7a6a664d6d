//! What every MariaDB method asks of a server: who it is, which tables it holds while it is backed up, and whether a restored one holds
//! them again.

mod broken;
mod check;
mod facts;
mod listing;
mod record;
mod sql;

pub use broken::Broken;
pub use check::{Reach, check};
pub use facts::Facts;
pub use record::{Census, Medium, OBJECT};
pub use sql::{identifier, quoted};

/// Databases that belong to the server.
pub const SYSTEM: &str = "('information_schema', 'performance_schema', 'mysql', 'sys')";
