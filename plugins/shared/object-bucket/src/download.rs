//! Reading an object: ranges of it side by side, handed on in order, each taken up again where it broke off.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bulkhead_plugin_sdk::storage::{ByteRange, Sink, Source, spawn};
use bulkhead_plugin_sdk::{Failure, Result};
use bytes::Bytes;
use futures::future::RemoteHandle;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};

use crate::{Fault, ObjectBucket, Operation, Retry, Service, Verdict};

const FAILING: &str = "cannot read the object";

/// Opens the object, or a part of it.
pub async fn get<S: Service>(bucket: &ObjectBucket<S>, key: &str, asked: Option<ByteRange>) -> Result<Source> {
    let path = bucket.layout.path(key)?;
    let parts = bucket.layout.parts();
    let part = parts.bytes(0)? as u64;
    let asked = asked.unwrap_or(ByteRange { offset: 0, length: None });
    let mut object = Object::<S> { store: bucket.store(None)?, path, tag: None };

    // The first answer tells the size.
    let length = asked.length.unwrap_or(u64::MAX).min(part);
    let opened = match asked.offset.checked_add(length) {
        Some(end) if length > 0 => object.open(asked.offset..end).await.map_err(Some),
        // No request can ask for that.
        _ => Err(None),
    };
    let first = match opened {
        Ok(first) => first,
        Err(Some(fault)) if fault.verdict == Verdict::Absent || fault.verdict == Verdict::Final => {
            return Err(fault.failure);
        }
        // Past the end, or there is nothing in it that a range could name.
        Err(fault) => {
            let found = bucket.look_up(&object.path).await?;
            let found = found.ok_or_else(|| Failure::not_found(format!("{FAILING}: no such object")))?;
            if found.meta.size > 0 || asked.offset > 0 {
                asked.within(found.meta.size)?;
                if length > 0 {
                    return Err(fault.map_or_else(|| Failure::invalid("the range is none"), |fault| fault.failure));
                }
            }
            return Ok(Source::from_bytes(Vec::new()));
        }
    };

    object.tag = first.meta.e_tag.clone();
    let whole = asked.within(first.meta.size)?;
    let head = first.range.clone();
    let (sink, source) = Source::pipe();
    spawn(send(Arc::new(object), first, head.end..whole.end, part, parts.parallel(0), sink));
    Ok(source)
}

/// An object while it is read.
struct Object<S: Service> {
    store: Arc<S::Store>,
    path: Path,
    /// Its version at the first answer; every further one has to be of the same.
    tag: Option<String>,
}

impl<S: Service> Object<S> {
    async fn open(&self, range: Range<u64>) -> Result<GetResult, Fault> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(range)), if_match: self.tag.clone(), ..GetOptions::default() };
        self.store.get_opts(&self.path, options).await.map_err(|error| Fault::of(&error, Operation::Get.failing()))
    }

    /// All bytes of a range, of which `opened` is the answer when there is one already.
    async fn fetch(&self, mut range: Range<u64>, mut opened: Option<GetResult>) -> Result<Vec<Bytes>> {
        let mut pieces = Vec::new();
        let mut retry = Retry::default();
        while !range.is_empty() {
            let answer = match opened.take() {
                Some(answer) => answer,
                None => self.open(range.clone()).await?,
            };
            let before = range.start;
            let Err(fault) = take(answer, &mut range, &mut pieces).await else { continue };
            // What still comes forward, be it in pieces, needs no end.
            if range.start > before {
                retry = Retry::default();
            }
            retry.wait(fault).await?;
        }
        Ok(pieces)
    }
}

/// Takes what an answer brings, and moves the range's start on.
async fn take(answer: GetResult, range: &mut Range<u64>, pieces: &mut Vec<Bytes>) -> Result<(), Fault> {
    let mut stream = answer.into_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Fault::of(&error, Operation::Get.failing()))?;
        let left = range.end - range.start;
        if piece.len() as u64 > left {
            return Err(Fault::ended(Failure::corrupt(format!("{FAILING}: more bytes came than were asked for"))));
        }
        range.start += piece.len() as u64;
        pieces.push(piece);
    }
    if range.is_empty() {
        return Ok(());
    }
    Err(Fault::passing(Failure::unavailable(format!("{FAILING}: the service sent less than it said"))))
}

type Fetched = RemoteHandle<Result<Vec<Bytes>>>;

/// Sends the first answer and what follows it, in order.
async fn send<S: Service>(
    object: Arc<Object<S>>,
    first: GetResult,
    rest: Range<u64>,
    part: u64,
    parallel: usize,
    mut sink: Sink,
) {
    let fetch = |range: Range<u64>, opened| -> Fetched {
        let object = object.clone();
        let (fetching, fetched) = async move { object.fetch(range, opened).await }.remote_handle();
        spawn(fetching);
        fetched
    };
    let mut start = rest.start;
    let mut fetched = VecDeque::from([fetch(first.range.clone(), Some(first))]);
    loop {
        while start < rest.end && fetched.len() < parallel {
            let end = start.saturating_add(part).min(rest.end);
            fetched.push_back(fetch(start..end, None));
            start = end;
        }
        let Some(next) = fetched.pop_front() else { break };
        match next.await {
            Ok(pieces) => {
                for piece in pieces {
                    // The reader has what it wanted.
                    let Ok(()) = sink.write(Vec::from(piece)).await else { return };
                }
            }
            Err(failure) => return sink.fail(failure).await,
        }
    }
    sink.finish().await;
}
