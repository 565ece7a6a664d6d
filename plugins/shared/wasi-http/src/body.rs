//! An answer's body.

use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};

use crate::bindings::{ErrorCode, Response, Trailers, wit_future};

/// An answer's body: as long as the connection says it is, or an error.
pub struct Body {
    bytes: StreamReader<u8>,
    ended: bool,
    /// Tells how the body ended; once.
    trailers: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// Dropped when the body has been read.
    _read: FutureWriter<Result<(), ErrorCode>>,
}

impl Body {
    pub(crate) fn of(response: Response) -> Self {
        let (read, taken) = wit_future::new(|| Ok(()));
        let (bytes, trailers) = Response::consume_body(response, taken);
        Self { bytes, ended: false, trailers: Some(trailers), _read: read }
    }

    /// The next piece, of `size` bytes but for the last one. `None` at the end of a body that is whole.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn piece(&mut self, size: usize) -> Result<Option<Vec<u8>>, ErrorCode> {
        // Full, as pieces may be held until more have come: a buffer with little in it takes as much memory.
        let mut piece = Vec::with_capacity(size);
        while !self.ended && piece.len() < size {
            let (status, filled) = self.bytes.read(piece).await;
            piece = filled;
            self.ended = !matches!(status, StreamResult::Complete(_));
        }
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
        // The stream's end alone says nothing.
        match self.trailers.take() {
            Some(trailers) => trailers.await.map(|_| None),
            None => Ok(None),
        }
    }
}
