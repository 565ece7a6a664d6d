//! Chains, logs, moments, parts and drills, on real servers.

mod anchors;
mod chains;
mod continuous;
mod drills;
mod fearless;
mod moments;
mod parts;
pub mod scene;
mod soak;
mod timelines;
mod twins;
