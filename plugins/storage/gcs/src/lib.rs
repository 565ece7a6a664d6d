//! Storage plugin `gcs`: artifacts in a bucket of Google Cloud Storage, through its XML interface.

mod account;
mod config;
mod explain;
mod plugin;
mod service;
mod tokens;

bulkhead_plugin_sdk::register_storage!(plugin::Gcs);
