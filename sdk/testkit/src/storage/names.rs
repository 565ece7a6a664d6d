//! Rule: keys are what the contract says, nothing else, and lead nowhere else.

use bulkhead_runtime::Bucket;

use super::{get, keys, put};
use crate::bytes::good;

pub async fn that_are_no_keys_are_refused(bucket: &Bucket) {
    let long = "k".repeat(5000);
    let refused = [
        "",
        "/",
        "/absolute",
        "a/",
        "a//b",
        ".",
        "..",
        "../up",
        "a/../../up",
        "a/./b",
        "a/..",
        "a b",
        "a\nb",
        "a\0b",
        "a\\b",
        "~",
        "*",
        "ä",
        "a,b",
        "a%2fb",
        &long,
    ];
    for key in refused {
        let failure = bucket.put(key, good(b"x"), false).await.err();
        let failure = failure.unwrap_or_else(|| panic!("a put under {key:?}, which is no key, is refused"));
        assert_eq!(failure.kind.code(), "invalid", "a put under {key:?}: {failure}");
        assert!(bucket.get(key, None).await.is_err(), "a get of {key:?} is refused");
        assert!(bucket.head(key).await.is_err(), "a head of {key:?} is refused");
        assert!(bucket.delete(key).await.is_err(), "a deletion of {key:?} is refused");
    }
    for prefix in ["a b", "../\0", "ä"] {
        assert!(bucket.list(prefix, None, 10).await.is_err(), "a list of {prefix:?} is refused");
    }
    for prefix in ["..", "../", "/", "a//"] {
        let found = bucket.list(prefix, None, 10).await.map(|page| page.entries.len()).unwrap_or(0);
        assert_eq!(found, 0, "a list of {prefix:?} finds nothing");
    }
    assert_eq!(keys(bucket, "", 10).await, [""; 0], "a refused put leaves nothing behind");
}

pub async fn of_all_key_characters_work(bucket: &Bucket) {
    let mut all =
        vec!["...", "-", "_x", "a.b-c_d:e=f+g@h", ".hidden/.tmp-x", ".tmp-", "UPPER", "upper", "deep/er/and/deep/er"];
    for key in &all {
        put(bucket, key, key.as_bytes()).await;
    }
    for key in &all {
        assert!(get(bucket, key, None).await == key.as_bytes(), "each key has its own object: {key:?}");
    }
    all.sort_unstable();
    assert_eq!(keys(bucket, "", 100).await, all, "each key is listed");
}
