//! Rule: a listing shows each object once, in the order of the keys' bytes, in pages.

use std::collections::BTreeSet;

use bulkhead_runtime::Bucket;

use super::{keys, put};

/// `/` comes after `-` and `.` and before digits and letters, which a walk through directories gets wrong when it does not look out.
const KEYS: [&str; 12] = ["d/x", "d.x", "d-x", "d0", "d/x0", "d/x.y", "d/x-y/z", "d/xy/z", "d+/a", "d/-", "e", "D"];

pub async fn is_in_order_of_bytes(bucket: &Bucket) {
    assert_eq!(keys(bucket, "", 1000).await, [""; 0], "an empty target lists nothing");
    for key in KEYS {
        put(bucket, key, b"").await;
    }
    let mut sorted = KEYS;
    sorted.sort_unstable();
    for prefix in ["", "d", "d/", "d/x", "d/x-y/z", "d/x-y/zz", "nothing", "d/nothing/", "d-", "D"] {
        let expected: Vec<_> = sorted.iter().filter(|key| key.starts_with(prefix)).copied().collect();
        for limit in [1, 2, 3, 1000] {
            assert_eq!(keys(bucket, prefix, limit).await, expected, "prefix {prefix:?} in pages of {limit}");
        }
    }
    for after in ["", "a", "d.", "d.x", "d/", "d/x", "d/x/", "d/x-y", "d/x.y.z", "d1", "z", "D"] {
        let expected: Vec<_> = sorted.iter().filter(|key| **key > after).copied().collect();
        let page = bucket.list("", Some(after), 1000).await.expect("a list after any key");
        let found: Vec<_> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!((found, page.next), (expected, None), "after {after:?}, which need not exist");
    }
    for limit in [0, 1001] {
        let failure = bucket.list("", None, limit).await.expect_err("a page has 1 to 1000 entries");
        assert_eq!(failure.kind.code(), "invalid", "a page of {limit} entries: {failure}");
    }
}

pub async fn comes_in_pages(bucket: &Bucket) {
    let mut expected = BTreeSet::new();
    for number in 0..150 {
        let key = format!("page/{}/{}", number % 7, number * 7919 % 150);
        put(bucket, &key, format!("{number}").as_bytes()).await;
        expected.insert(key);
    }
    let expected: Vec<_> = expected.into_iter().collect();
    for limit in [1000, 150, 149, 20] {
        assert_eq!(keys(bucket, "page/", limit).await, expected, "150 objects in pages of {limit}");
    }
    let page = bucket.list("page/", None, 150).await.expect("a list");
    assert_eq!(page.next, None, "`next` is none on the last page, also on a full one");
    for entry in page.entries {
        let head = bucket.head(&entry.key).await.expect("head of a listed object");
        assert_eq!(head, Some(entry), "head and list say the same");
    }
}
