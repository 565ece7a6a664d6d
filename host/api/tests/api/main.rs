//! The API over a real catalog: who may do what, whose things they see, and in which words.

mod access;
mod audit;
mod coverage;
mod document;
mod host;
mod idempotency;
mod schema;
mod serving;
mod targets;
mod words;
