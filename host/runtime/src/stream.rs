//! Byte streams across the boundary: a pipe outside, `stream<u8>` and `future<result<u64, failure>>` inside.
//!
//! A source that a plugin hands straight on is taken out again as the pipe it was, and its bytes never enter the sandbox.
//! The word on how a stream ended always travels beside it; where two know it (the host that made the source and the plugin that
//! hands it on) both have to agree.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::mem;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bulkhead_model::{Failure, Result};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use wasmtime::component::{
    ComponentType, Destination, FutureConsumer, FutureReader, Lift, Lower, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult, VecBuffer,
};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::state::PluginState;
use crate::{ByteSource, Completion};

/// The most that moves in one step when both ends are in the host.
const CHUNK_BYTES: usize = 256 << 10;

/// How a source ended, for all who want to know.
pub(crate) type Ended = Shared<BoxFuture<'static, Result<u64>>>;

/// A source on the plugin's side of the boundary.
pub(crate) struct Handed<F> {
    pub(crate) data: StreamReader<u8>,
    pub(crate) done: FutureReader<Result<u64, F>>,
    /// What the plugin hears in `done`.
    pub(crate) ended: Ended,
    /// Bytes that the plugin has taken so far.
    pub(crate) taken: Arc<AtomicU64>,
}

/// Gives a source to a plugin.
pub(crate) fn to_guest<F>(
    mut store: impl AsContextMut<Data = PluginState>,
    source: ByteSource,
) -> wasmtime::Result<Handed<F>>
where
    F: From<Failure> + ComponentType + Lift + Lower + Send + Sync + 'static,
{
    let ended = ByteSource::ended(source.done).boxed().shared();
    let taken = Arc::new(AtomicU64::new(0));
    let producer = Producer { bytes: Bytes::Untouched(source.data), ended: ended.clone(), taken: taken.clone() };
    let data = StreamReader::new(&mut store, producer)?;
    let word = ended.clone();
    let done = FutureReader::new(&mut store, async move { Ok::<_, wasmtime::Error>(word.await.map_err(F::from)) })?;
    Ok(Handed { data, done, ended, taken })
}

/// Takes a source from a plugin. Its bytes flow while the store runs.
pub(crate) fn from_guest<F>(
    mut store: impl AsContextMut<Data = PluginState>,
    data: StreamReader<u8>,
    done: FutureReader<Result<u64, F>>,
) -> wasmtime::Result<ByteSource>
where
    F: Into<Failure> + ComponentType + Lift + Lower + Send + Sync + 'static,
{
    let (word, said) = oneshot::channel();
    done.pipe(&mut store, DoneConsumer { word: Some(word), failure: PhantomData })?;
    let (pipe, moved, completion, done) = match data.try_into::<HostSource>(&mut store) {
        Ok(source) => {
            let (completion, done) = Completion::new();
            (source.data, source.ended, completion, done)
        }
        Err(data) => {
            let (write, completion, source) = ByteSource::pipe()?;
            let (word, moved) = oneshot::channel();
            let pipe = pipe::Sender::from_owned_fd(OwnedFd::from(write))?;
            data.pipe(&mut store, Consumer { pipe: Some(pipe), moved: 0, broken: None, word: Some(word) })?;
            (source.data, heard(moved).boxed().shared(), completion, source.done)
        }
    };
    tokio::spawn(async move {
        let outcome = futures::future::try_join(moved, heard(said)).await;
        completion.end(outcome.and_then(|(moved, said)| agree(moved, said)));
    });
    Ok(ByteSource { data: pipe, done })
}

async fn heard(word: oneshot::Receiver<Result<u64>>) -> Result<u64> {
    word.await.unwrap_or_else(|_| Err(Failure::unavailable("the plugin went away before its stream ended")))
}

fn agree(moved: u64, said: u64) -> Result<u64> {
    if moved == said {
        Ok(moved)
    } else {
        Err(Failure::corrupt(format!("a stream of the plugin ended after {moved} bytes, the plugin says {said}")))
    }
}

/// What a source was before it was given to the plugin.
struct HostSource {
    data: OwnedFd,
    ended: Ended,
}

struct Producer {
    bytes: Bytes,
    ended: Ended,
    taken: Arc<AtomicU64>,
}

enum Bytes {
    /// Nothing has been read, and the pipe is as it was: it can be handed to a tool or a thread.
    Untouched(OwnedFd),
    Reading(pipe::Receiver),
    Ended,
}

impl Producer {
    /// The pipe, made ready for asynchronous reading on the first call. `None` at the end and when it cannot be read: what was
    /// taken then falls short of what `done` says.
    fn reading(&mut self) -> Option<&pipe::Receiver> {
        if let Bytes::Untouched(_) = self.bytes
            && let Bytes::Untouched(data) = mem::replace(&mut self.bytes, Bytes::Ended)
        {
            match pipe::Receiver::from_owned_fd(data) {
                Ok(pipe) => self.bytes = Bytes::Reading(pipe),
                Err(error) => tracing::error!(%error, "a stream cannot be read"),
            }
        }
        match &self.bytes {
            Bytes::Reading(pipe) => Some(pipe),
            Bytes::Untouched(_) | Bytes::Ended => None,
        }
    }
}

impl StreamProducer<PluginState> for Producer {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, PluginState>,
        mut destination: Destination<'a, u8, VecBuffer<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().compute.rest();
        let me = self.get_mut();
        loop {
            let Some(pipe) = me.reading() else { return Poll::Ready(Ok(StreamResult::Dropped)) };
            match pipe.poll_read_ready(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => {}
            }
            // A read of nothing asks whether there is something.
            if destination.remaining(store.as_context_mut()) == Some(0) {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            let mut direct = destination.reborrow().as_direct(store.as_context_mut(), CHUNK_BYTES);
            match pipe.try_read(direct.remaining()) {
                Ok(0) => {
                    me.bytes = Bytes::Ended;
                    return Poll::Ready(Ok(StreamResult::Dropped));
                }
                Ok(read) => {
                    direct.mark_written(read);
                    me.taken.fetch_add(read as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::error!(%error, "a stream cannot be read further");
                    me.bytes = Bytes::Ended;
                }
            }
        }
    }

    fn try_into(me: Pin<Box<Self>>, ty: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        if ty != TypeId::of::<HostSource>() || !matches!(me.bytes, Bytes::Untouched(_)) {
            return Err(me);
        }
        let me = *Pin::into_inner(me);
        match me.bytes {
            Bytes::Untouched(data) => Ok(Box::new(HostSource { data, ended: me.ended })),
            bytes => Err(Box::pin(Self { bytes, ..me })),
        }
    }
}

/// Takes a plugin's bytes into a pipe.
struct Consumer {
    pipe: Option<pipe::Sender>,
    moved: u64,
    broken: Option<Failure>,
    word: Option<oneshot::Sender<Result<u64>>>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // End of file first, then the word on it.
        self.pipe = None;
        if let Some(word) = self.word.take() {
            let _nobody_asks = word.send(self.broken.take().map_or(Ok(self.moved), Err));
        }
    }
}

impl StreamConsumer<PluginState> for Consumer {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, PluginState>,
        mut source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().compute.rest();
        let me = self.get_mut();
        loop {
            let Some(pipe) = &me.pipe else { return Poll::Ready(Ok(StreamResult::Dropped)) };
            match pipe.poll_write_ready(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => {}
            }
            let mut direct = source.reborrow().as_direct(store.as_context_mut());
            let bytes = direct.remaining();
            if bytes.is_empty() {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            match pipe.try_write(bytes) {
                Ok(written) => {
                    direct.mark_read(written);
                    me.moved += written as u64;
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    me.pipe = None;
                    me.broken = Some(Failure::unavailable(format!("a stream of the plugin broke off: {error}")));
                }
            }
        }
    }
}

/// Takes a plugin's word on how its stream ended.
struct DoneConsumer<F> {
    word: Option<oneshot::Sender<Result<u64>>>,
    failure: PhantomData<fn() -> F>,
}

impl<F> FutureConsumer<PluginState> for DoneConsumer<F>
where
    F: Into<Failure> + Lift + Send + 'static,
{
    type Item = Result<u64, F>;

    fn poll_consume(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        store: StoreContextMut<'_, PluginState>,
        mut source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut said = None;
        source.read(store, &mut said)?;
        if let (Some(said), Some(word)) = (said, self.get_mut().word.take()) {
            let _nobody_asks = word.send(said.map_err(Into::into));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::time::Duration;

    use wasmtime::Store;

    use super::*;
    use crate::call::Sandbox;
    use crate::contract::v0_1::WireFailure;
    use crate::limits::Limits;
    use crate::tools::ToolSet;

    fn store() -> Store<PluginState> {
        let sandbox = Sandbox {
            plugin: "test".into(),
            engine: crate::engine::start(1 << 20).unwrap(),
            limits: Limits::default(),
            grants: Arc::default(),
            tools: ToolSet::new("/nonexistent".into(), Default::default()),
        };
        sandbox.prepare("test", None, Vec::new(), None, Duration::from_secs(60)).unwrap().0
    }

    /// Gives a source to a plugin that gives it straight back, with its own word on the end if it has one.
    async fn back(source: ByteSource, said: Option<Result<u64>>) -> Result<Vec<u8>> {
        let inode = rustix::fs::fstat(source.data.as_fd()).unwrap().st_ino;
        let mut store = store();
        let outcome = store
            .run_concurrent(async |accessor| {
                let back = accessor.with(|mut access| {
                    let handed = to_guest::<WireFailure>(&mut access, source).unwrap();
                    let mut done = handed.done;
                    if let Some(said) = said {
                        done.close(&mut access).unwrap();
                        let word = async move { Ok::<_, wasmtime::Error>(said.map_err(WireFailure::from)) };
                        done = FutureReader::new(&mut access, word).unwrap();
                    }
                    from_guest(access, handed.data, done).unwrap()
                });
                assert_eq!(rustix::fs::fstat(back.data.as_fd()).unwrap().st_ino, inode, "the same pipe");
                assert!(!rustix::fs::fcntl_getfl(back.data.as_fd()).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
                back.read_all(1 << 20).await
            })
            .await;
        outcome.unwrap()
    }

    #[tokio::test]
    async fn a_source_handed_straight_on_is_the_pipe_it_was() {
        let source = || ByteSource::from_bytes("bytes").unwrap();
        assert_eq!(back(source(), None).await.unwrap(), b"bytes");
        assert_eq!(back(source(), Some(Ok(5))).await.unwrap(), b"bytes");
        assert_eq!(
            back(source(), Some(Ok(4))).await.unwrap_err(),
            Failure::corrupt("a stream of the plugin ended after 5 bytes, the plugin says 4")
        );
        assert_eq!(back(source(), Some(Err(Failure::cancelled()))).await.unwrap_err(), Failure::cancelled());
    }

    #[tokio::test]
    async fn a_source_that_failed_stays_failed_whatever_the_plugin_says() {
        for said in [None, Some(Ok(5))] {
            let (completion, done) = Completion::new();
            completion.end(Err(Failure::corrupt("a tool died")));
            let source = ByteSource { done, ..ByteSource::from_bytes("bytes").unwrap() };
            assert_eq!(back(source, said).await.unwrap_err(), Failure::corrupt("a tool died"));
        }
    }

    #[tokio::test]
    async fn a_source_that_was_read_from_flows_on_through_the_host() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
        let source = ByteSource::from_bytes(bytes.clone()).unwrap();
        let mut store = store();
        let read = store
            .run_concurrent(async |accessor| {
                let back = accessor.with(|mut access| {
                    let ended = ByteSource::ended(source.done).boxed().shared();
                    let word = ended.clone();
                    let mut producer = Producer { bytes: Bytes::Untouched(source.data), ended, taken: Arc::default() };
                    assert!(producer.reading().is_some());
                    let data = StreamReader::new(&mut access, producer).unwrap();
                    let word = async move { Ok::<_, wasmtime::Error>(word.await.map_err(WireFailure::from)) };
                    let done = FutureReader::new(&mut access, word).unwrap();
                    from_guest(access, data, done).unwrap()
                });
                back.read_all(bytes.len()).await
            })
            .await;
        assert!(read.unwrap().unwrap() == bytes);
    }
}
