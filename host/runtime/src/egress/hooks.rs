//! Requests of plugins. The one place that names wasmtime's `wasi:http`, whose version 0.3 is still marked experimental.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::origin::Origin;
use super::{Egress, Names};
use crate::Level;
use crate::log::CallLog;
use crate::state::PluginState;

/// Requests that one call may have under way: each holds a piece of its body in the host.
const MOST_REQUESTS: usize = 32;

/// How long a request may take. Plugins may ask for less.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    /// From the first byte of the request to the first of its answer.
    pub(super) answer: Duration,
    /// From one byte of the answer to the next.
    pub(super) between_bytes: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { answer: Duration::from_secs(300), between_bytes: Duration::from_secs(60) }
    }
}

/// Offers `wasi:http` 0.3.
pub(crate) fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// The requests of one call.
pub(crate) struct Requests {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl Requests {
    /// `egress` is `None` for a call that may send nothing.
    pub(crate) fn new(plugin: Arc<str>, egress: Option<Egress>, log: Arc<CallLog>) -> Self {
        let slots = Arc::new(Semaphore::new(MOST_REQUESTS));
        Self { context: WasiHttpCtx::new(), hooks: Hooks { plugin, egress, log, slots } }
    }
}

impl WasiHttpView for PluginState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.compute.rest();
        WasiHttpCtxView { ctx: &mut self.requests.context, table: &mut self.table, hooks: &mut self.requests.hooks }
    }
}

/// Decides over each request, and sends it.
struct Hooks {
    plugin: Arc<str>,
    egress: Option<Egress>,
    log: Arc<CallLog>,
    slots: Arc<Semaphore>,
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _transmitted: Transmission,
    ) -> Answer {
        let checked = self.check(&mut request);
        let options = options.unwrap_or_default();
        Box::new(async move {
            let (egress, slot) = checked?;
            let most = egress.deadlines;
            let deadline = options.first_byte_timeout.map_or(most.answer, |asked| asked.min(most.answer));
            let between =
                options.between_bytes_timeout.map_or(most.between_bytes, |asked| asked.min(most.between_bytes));
            let answer = tokio::time::timeout(deadline, egress.send(request));
            let answer = answer.await.map_err(|_| Error::ConnectionReadTimeout)??;
            let answer = answer.map(|body| {
                let late = Box::pin(tokio::time::sleep(between));
                AnswerBody { body, between, late, _slot: slot }.boxed_unsync()
            });
            Ok((answer, Box::new(async { Ok(()) }) as Transmission))
        })
    }
}

impl Hooks {
    /// The first layer: to whom, and how many at once. The second is [`Connect`](super::connect::Connect).
    fn check(&self, request: &mut Request<WasiBody>) -> Result<(Egress, OwnedSemaphorePermit), Error> {
        let origin = Origin::of_request(request.uri());
        let egress = self.egress.as_ref().filter(|egress| origin.as_ref().is_some_and(|origin| egress.knows(origin)));
        let Some(egress) = egress else {
            // The authority alone: paths and queries may hold signatures.
            let to = request.uri().authority().map_or("nowhere", |authority| authority.host());
            metrics::counter!("bulkhead_plugin_requests_refused_total", "plugin" => self.plugin.to_string())
                .increment(1);
            let fields = [("host".to_owned(), to.to_owned())];
            self.log.write(Level::Warn, "refused a request to what this plugin may not speak to", &fields);
            return Err(Error::HttpRequestDenied);
        };
        if let Names::Service(door) = &egress.names {
            door.dress(request).map_err(|_| Error::HttpRequestUriInvalid)?;
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| Error::ConnectionLimitReached)?;
        Ok((egress.clone(), slot))
    }
}

/// An answer's body, which ends when nothing comes any more.
struct AnswerBody {
    body: Incoming,
    between: Duration,
    late: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let next = Instant::now() + self.between;
                self.late.as_mut().reset(next);
                Poll::Ready(Some(Ok(frame)))
            }
            // Ended before all of it was there.
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Error::HttpResponseIncomplete))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.late.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
