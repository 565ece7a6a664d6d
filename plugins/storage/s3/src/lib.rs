//! Storage plugin `s3`: artifacts in a bucket of Amazon S3, or of any service that speaks its language.

mod config;
mod explain;
mod instance;
mod keys;
mod plugin;
mod service;

bulkhead_plugin_sdk::register_storage!(plugin::S3);
