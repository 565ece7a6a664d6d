//! Front doors as those who use them meet them: over HTTP, killed, with full disks, before real servers.

mod client;
mod disk;
mod kill;
mod process;
mod processors;
mod replica;
mod scene;
