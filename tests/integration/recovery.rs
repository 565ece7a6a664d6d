//! Chains, logs, moments, parts and drills, on real servers.

mod chains;
mod drills;
mod moments;
mod parts;
mod scene;
mod soak;
mod timelines;
