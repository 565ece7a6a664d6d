//! Storage plugin `azure`: artifacts as block blobs in a container of Azure Blob Storage.

mod config;
mod credentials;
mod explain;
mod listing;
mod plugin;
mod service;

bulkhead_plugin_sdk::register_storage!(plugin::Azure);
