//! Files that others have made: whatever they are compressed and encrypted with comes off, and what is left is made into what the
//! methods of this host restore. Everything is known by its content; nothing is called whole before its end was seen.

mod archive;
mod dump;
mod info;
mod inventory;
mod key;
mod layers;
mod openssl;
mod reading;
#[cfg(test)]
mod tests;
mod told;
mod xbstream;

pub use dump::Dumped;
pub use inventory::CopiedFiles;
pub use key::EncryptionKey;
pub use reading::Found;

/// By what a file is said to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `mariadb-backup`.
    Files,
    /// `mariadb-dump`.
    Dump,
}
