//! The traits that a storage plugin implements.

use super::{ByteRange, Description, Entry, Page, PutOptions, Source, Upload};
use crate::Result;

/// One kind of place to keep artifacts in.
pub trait StoragePlugin: 'static {
    /// What an opened target is.
    type Bucket: Bucket;

    /// Says what the plugin is and which grants it needs. Pure: calls nothing of the host.
    fn describe() -> Description;

    /// Checks the form of a target's configuration and, when it has some, of its credentials. Pure: calls nothing of the host.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold. Never repeats a credential.
    fn validate(config: &str, credentials: Option<&str>) -> Result<()> {
        let _any = (config, credentials);
        Ok(())
    }

    /// Opens a target. `config` is its configuration in JSON, `credentials` what its secret holds.
    ///
    /// # Errors
    /// `invalid` for the configuration, `denied` for the credentials, `unavailable` when the place is not there.
    fn open(config: &str, credentials: Option<String>) -> impl Future<Output = Result<Self::Bucket>>;
}

/// An opened target. Keys, prefixes and limits have been checked before a call arrives here; several calls may be under way at once.
pub trait Bucket: 'static {
    /// Keeps an object: all of it, durably, or nothing. Ends the source with [`Chunks::finish`](super::Chunks::finish) before it
    /// makes anything visible. Returns the number of bytes kept.
    ///
    /// # Errors
    /// The source's failure; `conflict` when the key exists and the options ask for an absent one; `unavailable` for lack of space.
    fn put(&self, key: &str, data: Source, options: PutOptions) -> impl Future<Output = Result<u64>>;

    /// Opens an object, or a part of it. A range that ends past the object's end is cut.
    ///
    /// # Errors
    /// `not-found` for a missing key; `invalid` for a range that starts at or past the end.
    fn get(&self, key: &str, range: Option<ByteRange>) -> impl Future<Output = Result<Source>>;

    /// What is known of an object; `None` when there is no such key.
    ///
    /// # Errors
    /// When the question could not be answered.
    fn head(&self, key: &str) -> impl Future<Output = Result<Option<Entry>>>;

    /// Entries whose key starts with `prefix`, after the key `after`, at most `limit`, in ascending order of the key's bytes.
    ///
    /// # Errors
    /// When the question could not be answered.
    fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> impl Future<Output = Result<Page>>;

    /// Deletes an object; what is not there is deleted already.
    ///
    /// # Errors
    /// When the object may still be there.
    fn delete(&self, key: &str) -> impl Future<Output = Result<()>>;

    /// Unfinished uploads of keys that start with `prefix`, after the last one of an earlier page; an empty page is the end. A place
    /// that keeps no half uploads has none.
    ///
    /// # Errors
    /// When the question could not be answered.
    fn unfinished(&self, prefix: &str, after: Option<&Upload>) -> impl Future<Output = Result<Vec<Upload>>> {
        let _any = (prefix, after);
        std::future::ready(Ok(Vec::new()))
    }

    /// Ends an unfinished upload; what is not there has ended already.
    ///
    /// # Errors
    /// When it may still be there.
    fn abandon(&self, upload: &Upload) -> impl Future<Output = Result<()>> {
        let _any = upload;
        std::future::ready(Ok(()))
    }
}

/// Makes a type the plugin of this component.
#[macro_export]
macro_rules! register_storage {
    ($plugin:ty) => {
        #[doc(hidden)]
        type RegisteredStorage = $crate::storage::Adapter<$plugin>;
        $crate::bindings::storage::export_storage!(RegisteredStorage with_types_in $crate::bindings::storage);
    };
}
