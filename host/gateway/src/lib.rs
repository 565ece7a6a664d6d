//! The front door of a SurrealDB service.
