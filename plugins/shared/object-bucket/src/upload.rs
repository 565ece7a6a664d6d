//! Keeping an object: in one request when it is small, in parts otherwise, and nothing of it when anything fails.

use std::collections::VecDeque;
use std::sync::Arc;

use bulkhead_plugin_sdk::storage::{Chunks, Source, spawn};
use bulkhead_plugin_sdk::{Failure, Result, warn};
use futures::FutureExt;
use futures::future::RemoteHandle;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attribute, ObjectStoreExt, PutPayload};

use crate::{Fault, ObjectBucket, Operation, PutToken, Service, Verdict};

/// All tries of one request lie within it, in microseconds.
const TWINS_US: u64 = 120_000_000;

/// Keeps all of `data` under `key`, or nothing.
pub async fn put<S: Service>(bucket: &ObjectBucket<S>, key: &str, data: Source, if_absent: bool) -> Result<u64> {
    let path = bucket.layout.path(key)?;
    // The service refuses as well, if it knows how; some do not.
    if if_absent && bucket.look_up(&path).await?.is_some() {
        return Err(Failure::conflict("cannot keep the object: it exists"));
    }
    let token = PutToken::new(if_absent);
    let upload = Upload { store: bucket.store(Some(token.clone()))?, bucket, path, token };

    let size = bucket.layout.parts().bytes(0)?;
    let mut chunks = data.chunks(size);
    let first = chunks.piece(size).await.unwrap_or_default();
    let second = if first.len() == size { chunks.piece(bucket.layout.parts().bytes(1)?).await } else { None };
    match second {
        None => {
            // Nothing may be visible before the source has said how it ended.
            let bytes = chunks.finish().await?;
            upload.whole(first).await?;
            Ok(bytes)
        }
        Some(second) => upload.in_parts(first, second, chunks).await,
    }
}

/// Ends an upload so that nothing of it is left. One that is gone has ended.
pub async fn abort<S: Service>(store: &S::Store, path: &Path, id: &String) -> Result<()> {
    match store.abort_multipart(path, id).await {
        Ok(()) => Ok(()),
        Err(error) => match Fault::of(&error, Operation::Abort.failing()) {
            Fault { verdict: Verdict::Absent, .. } => Ok(()),
            fault => Err(fault.failure),
        },
    }
}

struct Upload<'a, S: Service> {
    bucket: &'a ObjectBucket<S>,
    store: Arc<S::Store>,
    path: Path,
    token: PutToken,
}

type Sent = RemoteHandle<object_store::Result<PartId>>;

impl<S: Service> Upload<'_, S> {
    async fn whole(&self, bytes: Vec<u8>) -> Result<()> {
        let size = bytes.len() as u64;
        match self.store.put(&self.path, PutPayload::from(bytes)).await {
            Ok(_) => Ok(()),
            Err(error) => self.settle(Fault::of(&error, Operation::Put.failing()), size).await,
        }
    }

    async fn in_parts(&self, first: Vec<u8>, second: Vec<u8>, chunks: Chunks) -> Result<u64> {
        let id = self.store.create_multipart(&self.path).await;
        let id = id.map_err(|error| Fault::of(&error, Operation::Begin.failing()).failure)?;
        if self.token.doubtful() {
            self.forget_twins(&id).await;
        }
        let kept = self.parts(&id, first, second, chunks).await;
        if kept.is_err()
            && let Err(failure) = abort::<S>(&self.store, &self.path, &id).await
        {
            // The sweep finds it.
            warn!("an upload that failed is left unfinished"; "why" => failure.message);
        }
        kept
    }

    /// Ends what an earlier try of beginning this upload has begun, whose answer was lost: uploads of the same object, begun shortly
    /// before.
    async fn forget_twins(&self, id: &String) {
        let name = self.path.as_ref();
        let Ok(found) = self.bucket.service.clone().unfinished(name, None).await else { return };
        let ours = found.iter().find(|upload| upload.id == *id).map(|upload| upload.begun_us);
        let Some(begun_us) = ours else { return };
        let twins = found.iter().filter(|upload| upload.name == name && upload.id != *id);
        for twin in twins.filter(|twin| twin.begun_us + TWINS_US > begun_us) {
            // The sweep finds what is left.
            let _ended = abort::<S>(&self.store, &self.path, &twin.id).await;
        }
    }

    async fn parts(&self, id: &String, first: Vec<u8>, second: Vec<u8>, mut chunks: Chunks) -> Result<u64> {
        let parts = self.bucket.layout.parts();
        let mut waiting = VecDeque::from([first, second]);
        let mut sent: VecDeque<Sent> = VecDeque::new();
        let mut kept = Vec::new();
        for number in 0.. {
            let piece = match waiting.pop_front() {
                Some(piece) => Some(piece),
                None => chunks.piece(parts.bytes(number)?).await,
            };
            let Some(piece) = piece else { break };
            while sent.len() >= parts.parallel(number) {
                kept.extend(next(&mut sent).await?);
            }
            sent.push_back(self.send(id.clone(), number, piece));
        }
        while !sent.is_empty() {
            kept.extend(next(&mut sent).await?);
        }
        let bytes = chunks.finish().await?;
        match self.store.complete_multipart(&self.path, id, kept).await {
            Ok(_) => {}
            Err(error) => self.settle(Fault::of(&error, Operation::Complete.failing()), bytes).await?,
        }
        Ok(bytes)
    }

    /// Sends a part beside whatever else goes on. Dropping the handle ends it.
    fn send(&self, id: String, number: usize, piece: Vec<u8>) -> Sent {
        let (store, path) = (self.store.clone(), self.path.clone());
        let (part, sent) =
            async move { store.put_part(&path, &id, number, PutPayload::from(piece)).await }.remote_handle();
        spawn(part);
        sent
    }

    /// After a request that should have made the object appear and did not say that it has: an answer may have been lost. The object's
    /// mark tells whose it is.
    async fn settle(&self, fault: Fault, bytes: u64) -> Result<()> {
        if fault.verdict == Verdict::Final {
            return Err(fault.failure);
        }
        let mark = Attribute::Metadata(S::MARK.into());
        match self.bucket.look_up(&self.path).await {
            Ok(Some(found))
                if found.meta.size == bytes
                    && found.attributes.get(&mark).is_some_and(|mark| **mark == *self.token.mark) =>
            {
                Ok(())
            }
            // An upload that is gone, and not as our object.
            Ok(_) if fault.verdict == Verdict::Absent => {
                Err(Failure::unavailable("cannot keep the object: its upload was ended by somebody else"))
            }
            _ => Err(fault.failure),
        }
    }
}

async fn next(sent: &mut VecDeque<Sent>) -> Result<Option<PartId>> {
    match sent.pop_front() {
        Some(part) => part.await.map(Some).map_err(|error| Fault::of(&error, Operation::Part.failing()).failure),
        None => Ok(None),
    }
}
