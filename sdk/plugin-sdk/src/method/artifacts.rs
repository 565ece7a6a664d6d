//! The objects of a backup.

use super::Source;
use crate::Result;
use crate::bindings::method::exports::bulkhead::method::method as export;

pub use crate::bindings::method::bulkhead::host::artifacts::{Object, Written};

/// Takes the objects of the backup that is being made. The host hashes, compresses, encrypts and hands them to the target.
pub struct Writer(pub(super) export::Writer);

impl Writer {
    /// Keeps one object. `name` is plain, e.g. `data.xbstream`, and can be written once. Returns after the source has ended well and
    /// the target has confirmed every byte.
    ///
    /// # Errors
    /// The source's failure or the target's; `conflict` for a name written before.
    pub async fn write(&self, name: &str, media_type: &str, data: Source) -> Result<Written> {
        self.0.write(name.to_owned(), media_type.to_owned(), data.0).await
    }
}

/// Gives the objects of the chain that is being restored, checked while they pass.
pub struct Reader(pub(super) export::Reader);

impl Reader {
    /// Opens an object of a backup of the chain.
    ///
    /// # Errors
    /// `not-found` for what the chain does not hold. What is wrong with the bytes shows at the source's end.
    pub async fn open(&self, backup: &str, name: &str) -> Result<Source> {
        self.0.open(backup.to_owned(), name.to_owned()).await.map(Source)
    }
}
