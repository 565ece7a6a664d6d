//! From plain bytes to stored bytes.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bulkhead_model::{Codec, Encryption, Failure, Result};
use bulkhead_runtime::ByteSource;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use zstd::stream::raw::{CParameter, Encoder, Operation, OutBuffer};

use super::intake::{CHUNK, read_full};
use super::{Meter, Recipients};
use crate::config::EngineLimits;

/// How objects are stored.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// zstd's level; 3 by default.
    pub level: i32,
    /// zstd's worker threads, beside the thread that reads, hashes and encrypts.
    pub threads: u32,
    /// To whom objects are encrypted; empty means stored in the clear.
    pub recipients: Recipients,
}

impl EncodeOptions {
    /// As the configuration says, where 0 threads stand for one a core.
    pub fn new(limits: &EngineLimits, recipients: &Recipients) -> Self {
        Self {
            level: limits.compression_level,
            threads: match limits.compression_threads {
                0 => std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1)),
                threads => threads,
            },
            recipients: recipients.clone(),
        }
    }

    /// How objects made with these options are encrypted.
    pub fn encryption(&self) -> Encryption {
        if self.recipients.is_empty() { Encryption::None } else { Encryption::Age }
    }
}

/// What the manifest keeps of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Plain size in bytes.
    pub plain_bytes: u64,
    /// Stored size in bytes.
    pub stored_bytes: u64,
    /// BLAKE3 of the plain bytes, hexadecimal.
    pub plain_blake3: String,
    /// SHA-256 of the stored bytes, hexadecimal.
    pub stored_sha256: String,
    /// Compression.
    pub codec: Codec,
    /// Encryption.
    pub encryption: Encryption,
}

/// Why no object came about, and on which side of the byte path the cause lies.
#[derive(Clone, Debug)]
pub struct EncodeFailure {
    failure: Failure,
    reader_gone: bool,
}

impl EncodeFailure {
    /// Whether the target stopped reading; then its own failure says why.
    pub fn is_reader_gone(&self) -> bool {
        self.reader_gone
    }

    /// What to tell when nobody knows better.
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl From<Failure> for EncodeFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, reader_gone: false }
    }
}

fn reader_gone(error: io::Error) -> EncodeFailure {
    let failure = Failure::unavailable(format!("the target stopped taking bytes: {error}"));
    EncodeFailure { failure, reader_gone: true }
}

/// Starts a thread that compresses `source`, encrypts it when there are recipients, and digests both sides. Returns the stored
/// bytes as a source of their own. That source completes well only after the plain one did, with the same number of bytes.
///
/// # Errors
/// `unavailable` without file descriptors or threads; `internal` when the codec refuses its options.
pub fn encode(
    source: ByteSource,
    options: EncodeOptions,
    meter: Arc<Meter>,
) -> Result<(ByteSource, impl Future<Output = Result<Encoded, EncodeFailure>> + Send + 'static)> {
    let compressor = Compressor::new(options.level, options.threads)?;
    let (file, completion, stored) = ByteSource::pipe()?;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("encode".to_owned())
        .spawn(move || {
            // `run` owns both pipes: whatever ends it, the method's tool and the target see that before they are told why.
            let outcome = run(source, compressor, &options.recipients, file, &meter);
            completion.end(outcome.as_ref().map(|encoded| encoded.stored_bytes).map_err(|error| error.failure.clone()));
            let _nobody_waits = tell.send(outcome);
        })
        .map_err(|error| Failure::unavailable(format!("no thread for the codec: {error}")))?;
    let encoded =
        async move { told.await.unwrap_or_else(|_| Err(Failure::internal("the codec thread broke down").into())) };
    Ok((stored, encoded))
}

fn run(
    source: ByteSource,
    mut compressor: Compressor,
    recipients: &Recipients,
    file: File,
    meter: &Arc<Meter>,
) -> Result<Encoded, EncodeFailure> {
    let mut input = File::from(source.data);
    let mut outlet = Outlet::open(Sink::new(file, Arc::clone(meter)), recipients)?;
    let mut blake3 = blake3::Hasher::new();
    let mut plain_bytes = 0_u64;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = read_full(&mut input, &mut buffer)
            .map_err(|error| Failure::unavailable(format!("the method's stream cannot be read: {error}")))?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        blake3.update(chunk);
        plain_bytes += read as u64;
        meter.add_plain(read);
        compressor.push(chunk, &mut outlet).map_err(reader_gone)?;
    }
    drop(input);
    // End of file says nothing: only a source that vouches for its bytes may have its frame finished.
    let sent =
        source.done.blocking_recv().unwrap_or_else(|_| Err(Failure::unavailable("the method's stream broke off")))?;
    if sent != plain_bytes {
        return Err(Failure::corrupt(format!("the method sent {sent} bytes, of which {plain_bytes} arrived")).into());
    }
    compressor.finish(&mut outlet).map_err(reader_gone)?;
    let encryption = outlet.encryption();
    let sink = outlet.finish().map_err(reader_gone)?;
    Ok(Encoded {
        plain_bytes,
        stored_bytes: sink.count,
        plain_blake3: blake3.finalize().to_hex().to_string(),
        stored_sha256: hex::encode(sink.sha256.finalize()),
        codec: Codec::Zstd,
        encryption,
    })
}

/// zstd with workers; its output is gathered into large pieces.
struct Compressor {
    encoder: Encoder<'static>,
    buffer: Vec<u8>,
}

impl Compressor {
    fn new(level: i32, threads: u32) -> Result<Self> {
        let encoder = Encoder::new(level).and_then(|mut encoder| {
            encoder.set_parameter(CParameter::ChecksumFlag(true))?;
            encoder.set_parameter(CParameter::NbWorkers(threads))?;
            Ok(encoder)
        });
        let encoder = encoder.map_err(|error| Failure::internal(format!("zstd refuses its options: {error}")))?;
        Ok(Self { encoder, buffer: vec![0; CHUNK] })
    }

    fn push(&mut self, mut chunk: &[u8], outlet: &mut Outlet) -> io::Result<()> {
        while !chunk.is_empty() {
            let status = self.encoder.run_on_buffers(chunk, &mut self.buffer)?;
            chunk = chunk.get(status.bytes_read..).unwrap_or_default();
            outlet.write_all(self.buffer.get(..status.bytes_written).unwrap_or_default())?;
        }
        Ok(())
    }

    fn finish(&mut self, outlet: &mut Outlet) -> io::Result<()> {
        loop {
            let mut output = OutBuffer::around(self.buffer.as_mut_slice());
            let remaining = self.encoder.finish(&mut output, true)?;
            outlet.write_all(output.as_slice())?;
            if remaining == 0 {
                return Ok(());
            }
        }
    }
}

/// Where compressed bytes go.
enum Outlet {
    Clear(Sink),
    Age(age::stream::StreamWriter<Sink>),
}

impl Outlet {
    fn open(sink: Sink, recipients: &Recipients) -> Result<Self, EncodeFailure> {
        if recipients.is_empty() {
            return Ok(Self::Clear(sink));
        }
        let encryptor = recipients
            .encryptor()
            .map_err(|error| Failure::internal(format!("age refuses the recipients: {error}")))?;
        Ok(Self::Age(encryptor.wrap_output(sink).map_err(reader_gone)?))
    }

    fn encryption(&self) -> Encryption {
        match self {
            Self::Clear(_) => Encryption::None,
            Self::Age(_) => Encryption::Age,
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(sink) => sink.write_all(bytes),
            Self::Age(writer) => writer.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Sink> {
        match self {
            Self::Clear(sink) => Ok(sink),
            Self::Age(writer) => writer.finish(),
        }
    }
}

/// The stored bytes on their way into the target's pipe.
struct Sink {
    file: File,
    sha256: Sha256,
    count: u64,
    meter: Arc<Meter>,
}

impl Sink {
    fn new(file: File, meter: Arc<Meter>) -> Self {
        Self { file, sha256: Sha256::new(), count: 0, meter }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        self.count += bytes.len() as u64;
        self.meter.add_stored(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_threads_stands_for_one_a_core() {
        let cores = std::thread::available_parallelism().unwrap().get();
        let threads = |compression_threads| {
            let limits = EngineLimits { compression_threads, ..EngineLimits::default() };
            EncodeOptions::new(&limits, &Recipients::default()).threads
        };
        assert_eq!((threads(0) as usize, threads(3)), (cores, 3));
    }
}
