//! An answer's body, as `object_store` takes it.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http_body::{Body, Frame};
use object_store::client::{HttpError, HttpErrorKind};
use wasi_http::ErrorCode;

use crate::Fault;

/// Bytes of one piece.
const READ: usize = 256 << 10;

/// An answer's body: as long as the connection says it is, or an error.
pub struct ResponseBody {
    /// `Mutex`: `object_store` wants bodies to be `Sync`. Nobody waits for it.
    pieces: Mutex<BoxStream<'static, Result<Bytes, HttpError>>>,
}

impl ResponseBody {
    /// `explain` tells what it means that the body breaks off.
    pub fn new(body: wasi_http::Body, explain: impl Fn(ErrorCode) -> Fault + Send + 'static) -> Self {
        let pieces = stream::try_unfold((body, explain), |(mut body, explain)| async move {
            match body.piece(READ).await {
                Ok(Some(piece)) => Ok(Some((Bytes::from(piece), (body, explain)))),
                Ok(None) => Ok(None),
                Err(code) => Err(HttpError::new(HttpErrorKind::Interrupted, explain(code))),
            }
        });
        Self { pieces: Mutex::new(pieces.boxed()) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let pieces = self.get_mut().pieces.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        pieces.poll_next_unpin(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
