//! Reads MariaDB binary logs as they come: in pieces of any size, without keeping more of them than it has to.
//!
//! The format: four bytes of magic, then events of 19 bytes header (time, type, server, length, end in the file, flags), a body and, when
//! the format event says so, a CRC32. Transactions are groups of events that begin with a GTID event.
//! <https://mariadb.com/kb/en/binlog-event-types/>
//!
//! - [`Observer`] says of a log that passes by what it holds: GTIDs, times, where it can be cut.
//! - [`Selector`] lets those transactions through that lie between a base and a stop.
#![warn(missing_docs)]

mod clock;
mod event;
mod gtid;
mod moment;
mod observer;
mod parser;
mod problem;
mod selector;
pub mod stamp;

pub use clock::{Reading, around};
pub use event::MAGIC;
pub use gtid::{Gtid, State};
pub use moment::Clock;
pub use observer::{Closed, Observation, Observer};
pub use problem::{Problem, ProblemKind};
pub use selector::{Log, Point, Selector, Start, Stop, Summary};
