//! The suite for storage plugins.

mod absent;
mod directory;
mod listing;
mod names;
mod objects;
mod race;
mod whole;

use bulkhead_model::Failure;
use bulkhead_runtime::{Bucket, ByteRange};

pub use directory::Directory;

/// An empty target to test against, alive as long as this is.
pub trait Target {
    /// The opened target.
    fn bucket(&self) -> &Bucket;
}

/// Runs the whole suite. `make` opens a target that is empty, and another one at each call.
///
/// # Panics
/// At the first rule of `bulkhead:storage` that the plugin breaks.
pub async fn storage_conformance<T: Target>(make: impl AsyncFn() -> T) {
    storage_conformance_without_conditions(&make).await;
    race::one_of_many_makes_an_absent_key(make().await.bucket()).await;
}

/// Runs the suite but for one rule, for a service without conditional writes: there, of if-absent puts side by side, more than one may
/// succeed.
///
/// # Panics
/// At the first rule of `bulkhead:storage` that the plugin breaks.
pub async fn storage_conformance_without_conditions<T: Target>(make: impl AsyncFn() -> T) {
    objects::come_back_as_they_were(make().await.bucket()).await;
    objects::can_be_read_in_parts(make().await.bucket()).await;
    objects::are_replaced_as_a_whole(make().await.bucket()).await;
    absent::objects_are_not_found(make().await.bucket()).await;
    absent::objects_can_be_asked_for(make().await.bucket()).await;
    whole::broken_sources_leave_nothing(make().await.bucket()).await;
    whole::a_reader_that_goes_away_does_no_harm(make().await.bucket()).await;
    names::that_are_no_keys_are_refused(make().await.bucket()).await;
    names::of_all_key_characters_work(make().await.bucket()).await;
    listing::is_in_order_of_bytes(make().await.bucket()).await;
    listing::comes_in_pages(make().await.bucket()).await;
    race::puts_of_one_key_do_not_mix(make().await.bucket()).await;
    race::puts_and_deletions_side_by_side(make().await.bucket()).await;
}

/// Puts an object and checks the number of bytes that the plugin claims.
async fn put(bucket: &Bucket, key: &str, bytes: &[u8]) {
    let kept = bucket.put(key, crate::bytes::good(bytes), false).await;
    let kept = kept.unwrap_or_else(|failure| panic!("a put of {} bytes under {key:?} failed: {failure}", bytes.len()));
    assert_eq!(kept, bytes.len() as u64, "a put returns the number of bytes kept, under {key:?}");
}

/// Reads an object, or a part.
async fn get(bucket: &Bucket, key: &str, range: Option<ByteRange>) -> Vec<u8> {
    let source = bucket.get(key, range).await;
    let source = source.unwrap_or_else(|failure| panic!("a get of {key:?} {range:?} failed: {failure}"));
    let read = source.read_all(256 << 20).await;
    read.unwrap_or_else(|failure| panic!("reading {key:?} {range:?} failed: {failure}"))
}

/// Opens an object to find that it cannot be.
async fn get_failure(bucket: &Bucket, key: &str, range: Option<ByteRange>) -> Failure {
    match bucket.get(key, range).await {
        Ok(_) => panic!("a get of {key:?} {range:?} that has to fail did not"),
        Err(failure) => failure,
    }
}

/// All keys with a prefix, in pages of that size.
async fn keys(bucket: &Bucket, prefix: &str, limit: u32) -> Vec<String> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = bucket.list(prefix, after.as_deref(), limit).await;
        let page = page.unwrap_or_else(|failure| panic!("a list of {prefix:?} after {after:?} failed: {failure}"));
        assert!(page.entries.len() <= limit as usize, "a page has at most as many entries as were asked for");
        all.extend(page.entries.into_iter().map(|entry| entry.key));
        match page.next {
            None => return all,
            Some(next) => {
                let onwards = after.as_ref().is_none_or(|after| &next > after);
                assert!(onwards, "`next` goes on: {next:?} came after {after:?}");
                after = Some(next);
            }
        }
    }
}
