//! Rule: what was kept comes back, all of it or the part that is asked for.

use bulkhead_runtime::{Bucket, ByteRange};

use super::{get, get_failure, put};
use crate::bytes::pattern;

pub async fn come_back_as_they_were(bucket: &Bucket) {
    for length in [0, 1, 4096, 65_536, (1 << 20) + 1, 5_000_011] {
        let (key, bytes) = (format!("size/{length}"), pattern(length));
        put(bucket, &key, &bytes).await;
        assert!(get(bucket, &key, None).await == bytes, "an object of {length} bytes comes back as it was");
        let entry = bucket.head(&key).await.expect("head of a kept object").expect("a kept object has an entry");
        assert_eq!((entry.key, entry.bytes), (key, length as u64), "head states key and size");
    }
}

pub async fn can_be_read_in_parts(bucket: &Bucket) {
    let bytes = pattern(3_000_001);
    put(bucket, "object", &bytes).await;
    let size = bytes.len() as u64;
    let parts = [(0, Some(1)), (1, Some(65_536)), (1_500_000, Some(1_000_000)), (size - 1, Some(1)), (2_999_000, None)];
    for (offset, length) in parts {
        let end = length.map_or(size, |length: u64| offset + length);
        let part = get(bucket, "object", Some(ByteRange { offset, length })).await;
        assert!(part == bytes[offset as usize..end as usize], "the part {offset}..{end} comes back as it was");
    }
    for length in [Some(u64::MAX), Some(2)] {
        let cut = get(bucket, "object", Some(ByteRange { offset: size - 1, length })).await;
        assert!(cut == bytes[bytes.len() - 1..], "a range that ends past the object's end is cut");
    }
    for offset in [size, size + 1, u64::MAX] {
        let failure = get_failure(bucket, "object", Some(ByteRange { offset, length: Some(1) })).await;
        assert_eq!(failure.kind.code(), "invalid", "a range that starts at or past the end is invalid: {failure}");
    }
}

pub async fn are_replaced_as_a_whole(bucket: &Bucket) {
    for length in [100_000, 300_000, 1, 0] {
        let bytes = pattern(length);
        put(bucket, "object", &bytes).await;
        assert!(get(bucket, "object", None).await == bytes, "a put of {length} bytes replaces what was there");
    }
    assert_eq!(super::keys(bucket, "", 10).await, ["object"], "a replaced object is listed once, and nothing besides");
}
