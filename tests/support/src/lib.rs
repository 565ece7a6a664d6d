//! Real servers and real data for the tests, the demo and the benchmarks.
//!
//! * [`MariaDb`]: a private MariaDB server on loopback, gone when dropped.
//! * [`PostgreSql`]: a private PostgreSQL server for catalogs, gone when dropped.
//! * [`SurrealDb`]: a private SurrealDB server, gone when dropped; [`Surreal2`]: an engine of the version before.
//! * [`bucket`]: object stores that speak S3's, Google's and Azure's language, and faults before them.
//! * [`dataset`]: what a database can hold (every common type and kind of object) and bulk rows.
//! * [`Snapshot`]: everything in a server, comparable object by object; [`SurrealSnapshot`] of a SurrealDB server.
//! * [`StreamProcessor`]: reads along at a front door; [`Tripwire`]: a proxy that kills a server in the middle of a request.
//! * [`Writer`]: keeps writing so that any restored state can be proved consistent.
//! * [`AgeKey`]: keys for encrypted artifacts.
//! * [`BulkheadHost`]: the `bulkhead` binary, served on a free port, and its command line.
//!
//! Nothing here is part of the product. Children get a cleared environment and `TZ=UTC`.

mod age;
pub mod bucket;
mod child;
pub mod dataset;
mod guardian;
mod host;
mod http;
mod listener;
mod mariadb;
mod postgres;
mod problem;
pub mod process;
mod program;
mod snapshot;
pub mod soak;
mod stream_processor;
mod surrealdb;
mod template;
mod tripwire;
pub mod workspace;
mod writer;
pub mod zoo;

pub use age::AgeKey;
pub use host::{BulkheadHost, CommandOutput, HostOptions, HttpAnswer, JWT_SECRET, ServiceEntry, StandIn};
pub use mariadb::{Account, MariaDb, MariaDbOptions, Session};
pub use postgres::PostgreSql;
pub use problem::{Problem, Result};
pub use program::{ServerProgram, cache_dir};
pub use snapshot::{Difference, Object, Snapshot, TableSum};
pub use stream_processor::{Lived, StreamProcessor};
pub use surrealdb::{Liar, Lie, Storage, Surreal2, SurrealClient, SurrealDb, SurrealDbOptions, SurrealSnapshot};
pub use tripwire::{Held, Tripwire};
pub use writer::{Ledger, Writer};
