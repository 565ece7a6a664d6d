//! The contract's functions, each handed to the file that does it.

use bulkhead_plugin_sdk::storage::{Bucket, ByteRange, Entry, Page, PutOptions, Result, Source};

use crate::root::Root;
use crate::{prune, read, walk, write};

impl Bucket for Root {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        write::put(self, key, data, options.if_absent).await
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        read::get(self, key, range)
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        self.entry(key)
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        walk::list(self, prefix, after, limit as usize)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        prune::delete(self, key)
    }
}
