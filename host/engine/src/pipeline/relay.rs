//! One stream of stored bytes to several targets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, ManifestObject, Result};
use bulkhead_runtime::{ByteSource, Completion};
use futures::future::join_all;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use super::Meter;
use super::intake::CHUNK;

/// How long a copy may keep all others waiting before it is left behind.
const STALL: Duration = Duration::from_secs(120);

/// Hands a source on to several. The first of them is the one that counts: when it stops taking bytes, all ends. Another one that
/// does, or that takes none for two minutes, is left behind as failed. With `expected`, none completes unless the bytes are those and
/// the lease is still held, and they are counted.
///
/// # Errors
/// `unavailable` without file descriptors.
pub fn relay(
    source: ByteSource,
    outlets: usize,
    expected: Option<(ManifestObject, Arc<Meter>)>,
) -> Result<Vec<ByteSource>> {
    let unusable = |error: io::Error| Failure::unavailable(format!("a pipe cannot be used: {error}"));
    let input = pipe::Receiver::from_owned_fd(source.data).map_err(unusable)?;
    let (mut sources, mut open) = (Vec::with_capacity(outlets), Vec::with_capacity(outlets));
    for _ in 0..outlets {
        let (write, completion, source) = ByteSource::pipe()?;
        let pipe = pipe::Sender::from_owned_fd(write.into()).map_err(unusable)?;
        open.push(Some(Outlet { pipe, completion }));
        sources.push(source);
    }
    let done = source.done;
    tokio::spawn(async move {
        let outcome = pass_on(input, &mut open, expected.as_ref(), done).await;
        for Outlet { pipe, completion } in open.into_iter().flatten() {
            drop(pipe);
            completion.end(outcome.clone());
        }
    });
    Ok(sources)
}

struct Outlet {
    pipe: pipe::Sender,
    completion: Completion,
}

async fn pass_on(
    mut input: pipe::Receiver,
    outlets: &mut [Option<Outlet>],
    expected: Option<&(ManifestObject, Arc<Meter>)>,
    done: tokio::sync::oneshot::Receiver<Result<u64>>,
) -> Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut sha256 = expected.map(|_| Sha256::new());
    let mut passed = 0_u64;
    loop {
        let read = input.read(&mut buffer).await;
        let read = read.map_err(|error| Failure::unavailable(format!("a stream cannot be read: {error}")))?;
        check_held(expected)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        passed += read as u64;
        if let (Some(sha256), Some((_, meter))) = (&mut sha256, expected) {
            sha256.update(chunk);
            meter.add_plain(read);
            meter.add_stored(read);
        }
        let writes = outlets.iter_mut().map(async |outlet| match outlet {
            Some(outlet) => match tokio::time::timeout(STALL, outlet.pipe.write_all(chunk)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(format!("the target stopped taking bytes: {error}")),
                Err(_) => Err(format!("the target took no bytes for {} s", STALL.as_secs())),
            },
            None => Ok(()),
        });
        let written = join_all(writes).await;
        for (place, (outlet, written)) in outlets.iter_mut().zip(written).enumerate() {
            let Err(why) = written else { continue };
            let failure = Failure::unavailable(why);
            if let Some(Outlet { pipe, completion }) = outlet.take() {
                drop(pipe);
                completion.end(Err(failure.clone()));
            }
            if place == 0 {
                return Err(failure);
            }
        }
    }
    let sent = ByteSource::ended(done).await?;
    if sent != passed {
        return Err(Failure::corrupt(format!("{sent} bytes were sent, of which {passed} arrived")));
    }
    if let (Some(sha256), Some((expected, _))) = (sha256, expected)
        && (hex::encode(sha256.finalize()) != expected.stored_sha256 || passed != expected.stored_bytes)
    {
        return Err(Failure::corrupt(format!("object `{}` is damaged where it is copied from", expected.key)));
    }
    check_held(expected)?;
    Ok(passed)
}

/// A process that was frozen for longer than its lease must not complete, when it thaws, what another one may have given up since.
fn check_held(expected: Option<&(ManifestObject, Arc<Meter>)>) -> Result<()> {
    match expected {
        Some((_, meter)) if !meter.is_held() => Err(Failure::unavailable("the lease ran out")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_model::{Codec, Encryption, FailureKind};

    use super::*;

    fn object(bytes: &[u8]) -> (ManifestObject, Arc<Meter>) {
        let object = ManifestObject {
            name: "a".to_owned(),
            key: "a.zst".to_owned(),
            media_type: String::new(),
            plain_bytes: 0,
            stored_bytes: bytes.len() as u64,
            plain_blake3: String::new(),
            stored_sha256: hex::encode(Sha256::digest(bytes)),
            codec: Codec::Zstd,
            encryption: Encryption::None,
        };
        (object, Arc::default())
    }

    #[tokio::test]
    async fn all_get_all_of_it_and_one_that_goes_away_keeps_nobody_else() {
        let bytes: Vec<u8> = (0..5_000_011_u32).map(|at| (at ^ (at >> 9)) as u8).collect();
        let source = ByteSource::from_bytes(bytes.clone()).unwrap();
        let mut outlets = relay(source, 3, Some(object(&bytes))).unwrap();
        let (third, second, first) = (outlets.pop().unwrap(), outlets.pop().unwrap(), outlets.pop().unwrap());
        drop(second.data);
        let (first, third) = tokio::join!(first.read_all(bytes.len()), third.read_all(bytes.len()));
        assert!(first.unwrap() == bytes && third.unwrap() == bytes);
        assert_eq!(ByteSource::ended(second.done).await.unwrap_err().kind, FailureKind::Unavailable);
    }

    #[tokio::test]
    async fn without_the_first_one_nothing_counts() {
        let source = ByteSource::from_bytes(vec![7; 5_000_000]).unwrap();
        let mut outlets = relay(source, 2, None).unwrap();
        let (second, first) = (outlets.pop().unwrap(), outlets.pop().unwrap());
        drop(first.data);
        assert!(second.read_all(5_000_000).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_attempt_that_has_lost_its_lease_completes_no_object() {
        let bytes = vec![7; 5_000_000];
        let (object, meter) = object(&bytes);
        let mut outlets = relay(ByteSource::from_bytes(bytes).unwrap(), 1, Some((object, Arc::clone(&meter)))).unwrap();
        let mut outlet = outlets.pop().unwrap();
        // Some of it is on its way.
        let mut first = [0; 1000];
        std::io::Read::read_exact(&mut std::fs::File::from(outlet.data.try_clone().unwrap()), &mut first).unwrap();
        meter.hold_until(std::time::Instant::now());
        outlet.done.try_recv().unwrap_err();
        let failure = outlet.read_all(5_000_000).await.unwrap_err();
        assert!(failure.to_string().contains("lease ran out"), "{failure}");
    }

    #[tokio::test]
    async fn bytes_that_are_not_those_expected_never_complete() {
        let source = ByteSource::from_bytes(vec![7; 100_000]).unwrap();
        let mut outlets = relay(source, 1, Some(object(&[8; 100_000]))).unwrap();
        let failure = outlets.pop().unwrap().read_all(100_000).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Corrupt, "{failure}");
    }
}
