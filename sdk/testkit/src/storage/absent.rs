//! Rule: what is not there is said to be not there, and can be insisted on.

use bulkhead_runtime::Bucket;

use super::{get, get_failure, keys, put};
use crate::bytes::good;

pub async fn objects_are_not_found(bucket: &Bucket) {
    put(bucket, "there/object", b"x").await;
    for key in ["missing", "there", "there/missing", "there/object/below", "missing/a/b/c"] {
        assert_eq!(get_failure(bucket, key, None).await.kind.code(), "not-found", "a get of {key:?}");
        assert_eq!(bucket.head(key).await.expect("head of a missing key"), None, "head of {key:?}");
        for _ in 0..2 {
            let deleted = bucket.delete(key).await;
            deleted.unwrap_or_else(|failure| panic!("deleting {key:?}, which is not there, succeeds: {failure}"));
        }
    }
    assert!(get(bucket, "there/object", None).await == b"x", "deleting what is not there deletes nothing else");
    bucket.delete("there/object").await.expect("an object can be deleted");
    assert_eq!(get_failure(bucket, "there/object", None).await.kind.code(), "not-found", "a get of a deleted object");
    assert_eq!(bucket.head("there/object").await.expect("head of a deleted object"), None);
    assert_eq!(keys(bucket, "", 10).await, [""; 0], "a deleted object is not listed");
}

pub async fn objects_can_be_asked_for(bucket: &Bucket) {
    let kept = bucket.put("once", good(b"first"), true).await.expect("a put of an absent key");
    assert_eq!(kept, 5);
    let failure =
        bucket.put("once", good(b"second"), true).await.expect_err("an if-absent put of a key that exists fails");
    assert_eq!(failure.kind.code(), "conflict", "an if-absent put of a key that exists: {failure}");
    assert!(get(bucket, "once", None).await == b"first", "a refused put leaves the object as it was");
    assert_eq!(keys(bucket, "", 10).await, ["once"], "a refused put leaves nothing behind");
    bucket.delete("once").await.expect("an object can be deleted");
    bucket.put("once", good(b"third"), true).await.expect("a deleted key is absent");
}
