//! The host's own client of a SurrealDB server, over HTTP.
