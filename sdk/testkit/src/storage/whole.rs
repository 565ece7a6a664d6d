//! Rule: all of an object is kept, or nothing.

use bulkhead_runtime::Bucket;

use super::{get, get_failure, keys, put};
use crate::bytes::{broken, pattern};

pub async fn broken_sources_leave_nothing(bucket: &Bucket) {
    put(bucket, "old/object", b"old").await;
    for bytes in [&pattern(10)[..], &pattern(3_000_000)] {
        for (how, source) in broken(bytes) {
            let outcome = bucket.put("new/object", source, false).await;
            assert!(outcome.is_err(), "a put whose source {how} fails");
            assert_eq!(get_failure(bucket, "new/object", None).await.kind.code(), "not-found", "a source that {how}");
        }
        for (how, source) in broken(bytes) {
            let outcome = bucket.put("old/object", source, false).await;
            assert!(outcome.is_err(), "a put over an object whose source {how} fails");
            assert!(get(bucket, "old/object", None).await == b"old", "the object survives a source that {how}");
        }
    }
    let failed = broken(b"0123456789").into_iter().next().expect("there is one").1;
    let failure = bucket.put("new/object", failed, false).await.expect_err("a put whose source failed fails");
    assert!(failure.message.contains("the sender broke down"), "a put fails with its source's failure, not {failure}");
    assert_eq!(keys(bucket, "", 10).await, ["old/object"], "failed puts leave nothing in the listing");
}

pub async fn a_reader_that_goes_away_does_no_harm(bucket: &Bucket) {
    let bytes = pattern(3_000_000);
    put(bucket, "object", &bytes).await;
    for _ in 0..3 {
        drop(bucket.get("object", None).await.expect("an object can be opened"));
    }
    assert!(get(bucket, "object", None).await == bytes);
}
