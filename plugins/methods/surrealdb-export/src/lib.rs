//! Method plugin `surrealdb-export`: exports of SurrealDB over HTTP.
