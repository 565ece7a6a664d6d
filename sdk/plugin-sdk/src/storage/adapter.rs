//! Stands between the generated traits and [`StoragePlugin`]: checks what the contract fixes, so that no plugin can forget to.

use std::marker::PhantomData;

use super::{
    Bucket, ByteRange, Description, Entry, Page, PutOptions, Source, StoragePlugin, Upload, check_key, check_prefix,
};
use crate::bindings::shared::bulkhead::host::types;
use crate::bindings::storage::exports::bulkhead::storage::storage as export;
use crate::{Failure, Result};

/// The most entries of one page.
const PAGE_LIMIT: u32 = 1000;

/// What [`register_storage!`](crate::register_storage) exports for a plugin.
#[doc(hidden)]
pub struct Adapter<P>(PhantomData<P>);

/// The resource that it exports.
#[doc(hidden)]
pub struct OpenBucket<P: StoragePlugin>(P::Bucket);

impl<P: StoragePlugin> export::Guest for Adapter<P> {
    type Bucket = OpenBucket<P>;

    fn describe() -> Description {
        P::describe()
    }

    fn validate(config: String, credentials: Option<String>) -> Result<()> {
        P::validate(&config, credentials.as_deref())
    }
}

impl<P: StoragePlugin> export::GuestBucket for OpenBucket<P> {
    async fn open(config: String, credentials: Option<String>) -> Result<export::Bucket> {
        Ok(export::Bucket::new(Self(P::open(&config, credentials).await?)))
    }

    async fn put(&self, key: String, data: types::Source, options: PutOptions) -> Result<u64> {
        check_key(&key)?;
        self.0.put(&key, Source(data), options).await
    }

    async fn get(&self, key: String, range: Option<ByteRange>) -> Result<types::Source> {
        check_key(&key)?;
        Ok(self.0.get(&key, range).await?.0)
    }

    async fn head(&self, key: String) -> Result<Option<Entry>> {
        check_key(&key)?;
        self.0.head(&key).await
    }

    async fn list(&self, prefix: String, after: Option<String>, limit: u32) -> Result<Page> {
        check_prefix(&prefix)?;
        if limit == 0 || limit > PAGE_LIMIT {
            return Err(Failure::invalid(format!("a page has 1 to {PAGE_LIMIT} entries, not {limit}")));
        }
        self.0.list(&prefix, after.as_deref(), limit).await
    }

    async fn delete(&self, key: String) -> Result<()> {
        check_key(&key)?;
        self.0.delete(&key).await
    }

    async fn unfinished(&self, prefix: String, after: Option<Upload>) -> Result<Vec<Upload>> {
        check_prefix(&prefix)?;
        self.0.unfinished(&prefix, after.as_ref()).await
    }

    async fn abandon(&self, upload: Upload) -> Result<()> {
        check_key(&upload.key)?;
        self.0.abandon(&upload).await
    }
}
