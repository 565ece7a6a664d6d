//! Rule: calls side by side do not mix.

use bulkhead_runtime::Bucket;
use futures::future::join_all;

use super::{get, keys, put};
use crate::bytes::good;

/// Calls at once.
const CALLS: u8 = 8;
/// Bytes of one object: several blocks of any plugin.
const BYTES: usize = 1_500_000;

/// An object whose every byte tells who wrote it, and whose length does too.
fn object(writer: u8) -> Vec<u8> {
    vec![writer; BYTES + usize::from(writer)]
}

pub async fn puts_of_one_key_do_not_mix(bucket: &Bucket) {
    let outcomes =
        join_all((0..CALLS).map(|writer| bucket.put("key", good(&object(writer)), false).into_future_of(writer))).await;
    assert!(outcomes.iter().any(|(_, outcome)| outcome.is_ok()), "of puts side by side one succeeds at least");
    let kept = get(bucket, "key", None).await;
    let writer = *kept.first().expect("the object is not empty");
    assert!(kept == object(writer), "the object is that of one writer alone");
    let succeeded = outcomes.iter().any(|(who, outcome)| *who == writer && outcome.is_ok());
    assert!(succeeded, "the object is that of a writer who was told of success");
    assert_eq!(keys(bucket, "", 10).await, ["key"]);
}

pub async fn one_of_many_makes_an_absent_key(bucket: &Bucket) {
    let outcomes =
        join_all((0..CALLS).map(|writer| bucket.put("dir/key", good(&object(writer)), true).into_future_of(writer)))
            .await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(who, _)| *who).collect();
    assert_eq!(winners.len(), 1, "of if-absent puts side by side exactly one succeeds");
    assert!(get(bucket, "dir/key", None).await == object(winners[0]), "the object is the winner's");
    for (_, outcome) in outcomes {
        if let Err(failure) = outcome {
            assert_eq!(failure.kind.code(), "conflict", "the others are told why: {failure}");
        }
    }
}

pub async fn puts_and_deletions_side_by_side(bucket: &Bucket) {
    for round in 0..4 {
        let old = format!("a/b/c/{round}-old");
        put(bucket, &old, b"old").await;
        let new: Vec<_> = (0..CALLS).map(|number| format!("a/b/c/{round}-{number}")).collect();
        let puts = join_all(new.iter().map(|key| bucket.put(key, good(key.as_bytes()), false)));
        let (deleted, made) = futures::join!(bucket.delete(&old), puts);
        deleted.unwrap_or_else(|failure| panic!("a deletion beside puts failed: {failure}"));
        for (key, outcome) in new.iter().zip(made) {
            outcome.unwrap_or_else(|failure| panic!("a put of {key:?} beside a deletion failed: {failure}"));
            assert!(get(bucket, key, None).await == key.as_bytes());
        }
        let gone = join_all(new.iter().map(|key| bucket.delete(key))).await;
        assert!(gone.iter().all(Result::is_ok), "deletions side by side succeed: {gone:?}");
        assert_eq!(keys(bucket, "", 10).await, [""; 0]);
    }
}

/// Ties an outcome to who asked for it.
trait IntoFutureOf: Future + Sized {
    async fn into_future_of(self, who: u8) -> (u8, Self::Output) {
        (who, self.await)
    }
}

impl<F: Future> IntoFutureOf for F {}
