//! Splits SurrealQL text into statements, and writes names and strings into it.
