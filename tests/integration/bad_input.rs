//! Wrong requests, wrong files and a wrong world: a clear error, an exit code, and nothing lost.

mod buckets;
mod configuration;
mod hosts;
mod requests;
mod tokens;
mod world;
