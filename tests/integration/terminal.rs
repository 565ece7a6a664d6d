//! The commands of `spky cloud backup` as `bulkhead backup`, each driven through a pseudo-terminal.

mod completions;
mod configure;
mod lists;
mod pty;
mod reset;
mod restore;
mod world;
