//! What the components share that keep artifacts in a bucket of a cloud: `s3`, `gcs`, `azure`.
//!
//! `object_store` knows the requests of each service. Around it lies what a backup needs besides: requests over `wasi:http`
//! (`exchange`), each try signed anew and what passes tried again (`connector`), uploads and downloads in parts with bounded memory
//! (`upload`, `download`), keys below a prefix (`layout`), and failures that say what to do (`refusal`).
//!
//! A component implements [`Service`] and hands out an [`ObjectBucket`] of it.

mod body;
mod bucket;
mod check;
mod connector;
mod crypto;
mod download;
mod exchange;
mod fault;
mod layout;
mod operation;
mod refusal;
mod retry;
mod s3_dialect;
mod service;
mod token;
mod upload;
mod xml;

pub use bucket::ObjectBucket;
pub use check::{Credentials, address, name, one_of, word};
pub use connector::Connector;
pub use crypto::Crypto;
pub use exchange::{ask, body_pieces, text};
pub use fault::{Fault, Verdict};
pub use layout::{Count, Layout, Parts};
pub use operation::Operation;
pub use refusal::Refusal;
pub use retry::Retry;
pub use s3_dialect::{S3Dialect, operation as s3_operation};
pub use service::{Listed, Service, Unfinished};
pub use token::PutToken;
pub use xml::read as read_xml;
