//! Storage plugin `filesystem`: objects are files below a directory of the host, one for one with their keys.
//!
//! A file appears under its name only when it is whole and on the disk: it is written beside its name, synced, renamed, and the
//! directory is synced after it.

mod bucket;
mod key;
mod plugin;
mod prune;
mod read;
mod root;
mod walk;
mod wasi;
mod write;

bulkhead_plugin_sdk::register_storage!(plugin::Filesystem);
