//! An answer's body.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http_body::{Body, Frame};
use object_store::client::{HttpError, HttpErrorKind};
use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};

use crate::Fault;
use crate::wasi::{ErrorCode, Trailers};

/// Bytes of one piece.
const READ: usize = 256 << 10;

/// An answer's body: as long as the connection says it is, or an error.
pub struct ResponseBody {
    /// `Mutex`: `object_store` wants bodies to be `Sync`. Nobody waits for it.
    pieces: Mutex<BoxStream<'static, Result<Bytes, HttpError>>>,
}

impl ResponseBody {
    /// `read` is dropped when the body has been read, `trailers` tells how it ended, `explain` what that means.
    pub fn new(
        body: StreamReader<u8>,
        trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
        read: FutureWriter<Result<(), ErrorCode>>,
        explain: impl Fn(ErrorCode) -> Fault + Send + 'static,
    ) -> Self {
        let state = Some((body, false, trailers, read, explain));
        let pieces = stream::try_unfold(state, |state| async move {
            let Some((mut body, mut ended, trailers, read, explain)) = state else { return Ok(None) };
            // Full, as pieces are held until all of a part has come: a buffer with little in it takes as much memory.
            let mut piece = Vec::with_capacity(READ);
            while !ended && piece.len() < READ {
                let (status, filled) = body.read(piece).await;
                piece = filled;
                ended = !matches!(status, StreamResult::Complete(_));
            }
            if !piece.is_empty() {
                return Ok(Some((Bytes::from(piece), Some((body, ended, trailers, read, explain)))));
            }
            // The stream's end alone says nothing.
            match trailers.await {
                Ok(_) => Ok(None),
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
