//! A whole database, out of a server and into one.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bulkhead_model::Result;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyDataStream, BodyExt, StreamBody};
use hyper::body::Incoming;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};

use crate::answer::{Answer, all_or_failure};
use crate::client::Client;
use crate::server::Scope;
use crate::transport::{Transport, whole};
use crate::words;

impl Client {
    /// A database as SurrealQL, while it is written by the server.
    ///
    /// The server ends the stream in good order when it fails midway. Who relies on the export compares what came with what the
    /// database holds.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn export(&self, scope: &Scope) -> Result<Export> {
        let response = self.transport.send(Method::GET, "/export", Some(scope), whole(""), self.deadline).await?;
        Ok(self.body(response))
    }

    /// The same without users and accesses. Servers write `[REDACTED]` in the place of an access's secret key, which an import would
    /// make the key: whoever knows that word could sign tokens for what was loaded.
    ///
    /// # Errors
    /// As [`query`](Self::query); also of servers before 2.1, which export everything or nothing.
    pub async fn export_without_logins(&self, scope: &Scope) -> Result<Export> {
        let parts = json!({"users": false, "accesses": false});
        let response = self.transport.send_json("/export", scope, &parts, self.deadline).await?;
        Ok(self.body(response))
    }

    fn body(&self, response: Response<Incoming>) -> Export {
        Export {
            body: response.into_body().into_data_stream(),
            patience: Box::pin(sleep(self.deadline)),
            deadline: self.deadline,
            transport: self.transport.clone(),
        }
    }

    /// Runs an export in a database, which must exist; the first statement has to be `OPTION IMPORT`. Statements that succeeded
    /// before one that failed stay.
    ///
    /// # Errors
    /// As [`run`](Self::run), and with what `body` fails.
    pub async fn import<B>(&self, scope: &Scope, body: B, within: Duration) -> Result<()>
    where
        B: Stream<Item = Result<Bytes>> + Send + 'static,
    {
        let body = StreamBody::new(body.map(|piece| piece.map(Frame::data))).boxed_unsync();
        let response = self.transport.ask(Method::POST, "/import", Some(scope), body, within).await?;
        let status = response.status();
        let body = self.transport.read(response, self.deadline).await?;
        // Servers from 3.x answer 422 with the failed statements, older ones 200 with all of them.
        match status.is_success() || status == StatusCode::UNPROCESSABLE_ENTITY {
            true => {
                all_or_failure(Answer::read_all(&body)?)?;
                match status.is_success() {
                    true => Ok(()),
                    false => Err(words::request_failure(self.server(), status, &body)),
                }
            }
            false => Err(words::request_failure(self.server(), status, &body)),
        }
    }
}

/// The bytes of an export, as they come. Fails when the server falls silent for longer than the client's deadline.
pub struct Export {
    body: BodyDataStream<Incoming>,
    patience: Pin<Box<Sleep>>,
    deadline: Duration,
    transport: Transport,
}

impl Stream for Export {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.body.poll_next_unpin(context) {
            Poll::Ready(piece) => {
                this.patience.as_mut().reset(Instant::now() + this.deadline);
                Poll::Ready(piece.map(|piece| piece.map_err(|error| this.transport.explain(&error))))
            }
            Poll::Pending => match this.patience.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(this.transport.late(this.deadline)))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
