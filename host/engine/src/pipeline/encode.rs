//! From plain bytes to stored bytes.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bulkhead_model::{Codec, Encryption, Failure, ManifestObject, Result};
use bulkhead_runtime::ByteSource;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use zstd::stream::raw::{CParameter, Encoder, Operation, OutBuffer};

use super::intake::{CHUNK, read_full};
use super::{Meter, Recipients, stored_name};

const TARGET_GONE: &str = "the target stopped taking bytes";

/// How objects are stored.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// zstd's level; 3 by default.
    pub level: i32,
    /// zstd's worker threads; 0 means one a core.
    pub threads: u32,
    /// To whom objects are encrypted; empty means stored in the clear.
    pub recipients: Recipients,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { level: 3, threads: 0, recipients: Recipients::default() }
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

impl Encoded {
    /// The manifest's entry for it.
    ///
    /// # Errors
    /// `invalid` for a name that is none.
    pub fn into_object(self, name: &str, media_type: &str) -> Result<ManifestObject> {
        Ok(ManifestObject {
            key: stored_name(name, self.encryption)?,
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            plain_bytes: self.plain_bytes,
            stored_bytes: self.stored_bytes,
            plain_blake3: self.plain_blake3,
            stored_sha256: self.stored_sha256,
            codec: self.codec,
            encryption: self.encryption,
        })
    }
}

/// An object on its way out.
#[derive(Debug)]
pub struct Encoding(oneshot::Receiver<Result<Encoded>>);

impl Encoding {
    /// Waits for the end.
    ///
    /// # Errors
    /// The source's failure; `unavailable` when the reader of the stored bytes went away (its own failure says why, see
    /// [`settle`]).
    pub async fn encoded(self) -> Result<Encoded> {
        self.0.await.unwrap_or_else(|_| Err(Failure::internal("the codec thread went away")))
    }
}

/// Brings together what the target says it has kept and what was sent. The failure that caused the other one wins.
///
/// # Errors
/// The first cause; `corrupt` when the target claims another size than was sent.
pub fn settle(put: Result<u64>, encoded: Result<Encoded>) -> Result<Encoded> {
    match (put, encoded) {
        (Ok(kept), Ok(encoded)) if kept == encoded.stored_bytes => Ok(encoded),
        (Ok(kept), Ok(encoded)) => Err(Failure::corrupt(format!(
            "the target says it kept {kept} bytes, but {} were sent",
            encoded.stored_bytes
        ))),
        (Err(put), Err(encoded)) if encoded.message.starts_with(TARGET_GONE) => Err(put),
        (_, Err(encoded)) => Err(encoded),
        (Err(put), Ok(_)) => Err(put),
    }
}

/// Starts a thread that compresses `source`, encrypts it when there are recipients, and digests both sides. Returns the stored
/// bytes as a source of their own. That source completes well only after the plain one did, with the same number of bytes.
///
/// # Errors
/// `unavailable` without file descriptors or threads; `internal` when the codec refuses its options.
pub fn encode(source: ByteSource, options: &EncodeOptions, meter: Arc<Meter>) -> Result<(ByteSource, Encoding)> {
    let compressor = Compressor::new(options.level, options.threads)?;
    let (file, completion, stored) = ByteSource::pipe()?;
    let (tell, told) = oneshot::channel();
    let recipients = options.recipients.clone();
    std::thread::Builder::new()
        .name("encode".to_owned())
        .spawn(move || {
            // `run` owns both pipes: whatever ends it, the method's tool and the target see that before they are told why.
            let outcome = run(source, compressor, &recipients, file, &meter);
            completion.end(outcome.as_ref().map(|encoded| encoded.stored_bytes).map_err(Clone::clone));
            let _nobody_waits = tell.send(outcome);
        })
        .map_err(|error| Failure::unavailable(format!("no thread for the codec: {error}")))?;
    Ok((stored, Encoding(told)))
}

fn run(
    source: ByteSource,
    mut compressor: Compressor,
    recipients: &Recipients,
    file: File,
    meter: &Arc<Meter>,
) -> Result<Encoded> {
    let gone = |error: io::Error| Failure::unavailable(format!("{TARGET_GONE}: {error}"));
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
        compressor.push(chunk, &mut outlet).map_err(gone)?;
    }
    drop(input);
    // End of file says nothing: only a source that vouches for its bytes may have its frame finished.
    let sent = source
        .done
        .blocking_recv()
        .unwrap_or_else(|_| Err(Failure::unavailable("the method's stream broke off")))?;
    if sent != plain_bytes {
        return Err(Failure::corrupt(format!("the method sent {sent} bytes, of which {plain_bytes} arrived")));
    }
    compressor.finish(&mut outlet).map_err(gone)?;
    let encryption = outlet.encryption();
    let sink = outlet.finish().map_err(gone)?;
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
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1)),
            threads => threads,
        };
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
#[expect(clippy::large_enum_variant, reason = "there is one for each object")]
enum Outlet {
    Clear(Sink),
    Age(age::stream::StreamWriter<Sink>),
}

impl Outlet {
    fn open(sink: Sink, recipients: &Recipients) -> Result<Self> {
        if recipients.is_empty() {
            return Ok(Self::Clear(sink));
        }
        let encryptor = age::Encryptor::with_recipients(recipients.as_age())
            .map_err(|error| Failure::internal(format!("age refuses the recipients: {error}")))?;
        let writer = encryptor
            .wrap_output(sink)
            .map_err(|error| Failure::unavailable(format!("{TARGET_GONE}: {error}")))?;
        Ok(Self::Age(writer))
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
