//! The components that keep artifacts in buckets, against real object stores.

mod bucket;
mod conformance;
mod faults;
mod forms;
mod large;
mod refusals;
