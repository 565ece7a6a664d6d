//! Sources and sinks of bytes, once for each world.
//!
//! The types of the two worlds look the same and are not: the intrinsics behind a stream belong to the world that makes it, and a
//! storage plugin that linked those of the method world would import interfaces it has no right to.

/// Defines `Source`, `Sink` and `Chunks` over the bindings of one world.
macro_rules! pipe {
    ($bindings:path) => {
        use $bindings as world;

        /// Bytes on their way to whoever consumes them, and the word on how they end.
        ///
        /// Hand a source on as it is wherever that is possible: bytes that came from the host then never enter the plugin.
        pub struct Source(pub(crate) crate::bindings::shared::bulkhead::host::types::Source);

        impl Source {
            /// A source and the sink that feeds it, for the host to read: reading it in the plugin that made it is a trap. Feed it from a task of its own ([`spawn`](crate::method::spawn)): the consumer reads
            /// while it is fed.
            pub fn pipe() -> (Sink, Self) {
                let (data, reader) = world::wit_stream::new();
                let (done, word) = world::wit_future::new(|| {
                    Err($crate::Failure::unavailable("the sender of a stream went away before it ended"))
                });
                let source = crate::bindings::shared::bulkhead::host::types::Source { data: reader, done: word };
                (Sink { data, done, sent: 0 }, Self(source))
            }

            /// A source of bytes that lie in memory, for the host to read.
            pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
                let (mut sink, source) = Self::pipe();
                let bytes = bytes.into();
                wit_bindgen::spawn_local(async move {
                    if sink.write(bytes).await.is_ok() {
                        sink.finish().await;
                    }
                });
                source
            }

            /// Reads everything. More than `limit` bytes are `invalid`.
            ///
            /// # Errors
            /// The sender's failure, or `corrupt` when it sent another number of bytes than it says.
            pub async fn read_all(self, limit: u64) -> $crate::Result<Vec<u8>> {
                let mut chunks = self.chunks(64 << 10);
                let mut all = Vec::new();
                while let Some(chunk) = chunks.next().await {
                    all.extend_from_slice(chunk);
                    if all.len() as u64 > limit {
                        return Err($crate::Failure::invalid(::std::format!(
                            "more than the {limit} bytes expected here"
                        )));
                    }
                }
                chunks.finish().await?;
                Ok(all)
            }

            /// Reads in pieces of up to `size` bytes, through one buffer.
            pub fn chunks(self, size: usize) -> Chunks {
                Chunks { source: self.0, buffer: Vec::with_capacity(size), size, read: 0, ended: false }
            }
        }

        /// A source that is read piece by piece.
        pub struct Chunks {
            source: crate::bindings::shared::bulkhead::host::types::Source,
            buffer: Vec<u8>,
            size: usize,
            read: u64,
            ended: bool,
        }

        impl Chunks {
            /// The next piece: full, except for the last. `None` at the end, which says nothing of success: see [`Chunks::finish`].
            pub async fn next(&mut self) -> Option<&[u8]> {
                let mut buffer = ::std::mem::take(&mut self.buffer);
                buffer.clear();
                while !self.ended && buffer.len() < self.size {
                    let (status, filled) = self.source.data.read(buffer).await;
                    buffer = filled;
                    self.ended = !matches!(status, wit_bindgen::StreamResult::Complete(_));
                }
                self.buffer = buffer;
                self.read += self.buffer.len() as u64;
                (!self.buffer.is_empty()).then_some(&self.buffer[..])
            }

            /// The next piece, of up to that size, for keeps: full, except for the last. `None` as for [`Chunks::next`]. Dropped before
            /// it is there, it takes what was on its way with it.
            pub async fn piece(&mut self, size: usize) -> Option<Vec<u8>> {
                let mut piece = Vec::with_capacity(size);
                while !self.ended && piece.len() < size {
                    let (status, filled) = self.source.data.read(piece).await;
                    piece = filled;
                    self.ended = !matches!(status, wit_bindgen::StreamResult::Complete(_));
                }
                self.read += piece.len() as u64;
                (!piece.is_empty()).then_some(piece)
            }

            /// The next piece as soon as there is anything, for streams that go on as something happens. `None` as for
            /// [`Chunks::next`]. Dropped before it is there, it takes what was on its way with it.
            pub async fn available(&mut self) -> Option<&[u8]> {
                let mut buffer = ::std::mem::take(&mut self.buffer);
                buffer.clear();
                buffer.reserve_exact(self.size);
                while !self.ended && buffer.is_empty() {
                    let (status, filled) = self.source.data.read(buffer).await;
                    buffer = filled;
                    self.ended = !matches!(status, wit_bindgen::StreamResult::Complete(_));
                }
                self.buffer = buffer;
                self.read += self.buffer.len() as u64;
                (!self.buffer.is_empty()).then_some(&self.buffer[..])
            }

            /// Hears how the stream ended and compares: the number of bytes read, when it is all that was sent.
            ///
            /// # Errors
            /// The sender's failure, or `corrupt` when it sent another number of bytes than it says.
            pub async fn finish(self) -> $crate::Result<u64> {
                let Self { source, read, .. } = self;
                let said = source.done.await?;
                drop(source.data);
                if said == read {
                    Ok(read)
                } else {
                    Err($crate::Failure::corrupt(::std::format!("the source says {said} bytes and sent {read}")))
                }
            }
        }

        /// The sending side of a [`Source`]. Dropped without a word, the stream counts as broken off.
        pub struct Sink {
            data: wit_bindgen::StreamWriter<u8>,
            done: wit_bindgen::FutureWriter<$crate::Result<u64>>,
            sent: u64,
        }

        /// The consumer reads no further.
        #[derive(Clone, Copy, Debug)]
        pub struct Gone;

        impl Sink {
            /// Sends all of `bytes`. Pieces of 256 KiB to 1 MiB are fastest.
            ///
            /// # Errors
            /// [`Gone`] when the consumer reads no further; stop sending then.
            pub async fn write(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), Gone> {
                self.write_back(bytes.into()).await.map(drop)
            }

            /// As [`Sink::write`], and gives the emptied buffer back for the next piece.
            ///
            /// # Errors
            /// As [`Sink::write`].
            pub async fn write_back(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Gone> {
                let length = bytes.len() as u64;
                let mut write = self.data.write(bytes).await;
                loop {
                    let (status, rest) = write;
                    if rest.remaining() == 0 {
                        self.sent += length;
                        return Ok(rest.into_vec());
                    }
                    if !matches!(status, wit_bindgen::StreamResult::Complete(_)) {
                        return Err(Gone);
                    }
                    write = self.data.write_buf(rest).await;
                }
            }

            /// Ends the stream well, with the number of bytes sent.
            pub async fn finish(self) {
                let sent = self.sent;
                self.end(Ok(sent)).await;
            }

            /// Ends the stream as failed.
            pub async fn fail(self, failure: $crate::Failure) {
                self.end(Err(failure)).await;
            }

            /// Ends the stream with a word of the caller's making. For tests of hosts: anything but the truth breaks the contract.
            pub async fn end(self, word: $crate::Result<u64>) {
                let Self { data, done, .. } = self;
                drop(data);
                // A consumer that has gone away does not want to know.
                let _gone = done.write(word).await;
            }
        }
    };
}

pub(crate) use pipe;
