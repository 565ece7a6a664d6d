//! From stored bytes back to plain bytes, proved while they pass.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bulkhead_model::{Encryption, Failure, ManifestObject, Result};
use bulkhead_runtime::ByteSource;
use zstd::stream::raw::{Decoder, Operation};

use super::intake::{CHUNK, Intake};
use super::{Keys, Meter};

/// No header of age with a sensible number of recipients comes near this.
const HEADER_BYTES: u64 = 1 << 20;

/// After a failure to decode, a remainder up to this size is still read, so that the digest can say whether bytes were changed
/// or the key is wrong.
const SETTLE_BYTES: u64 = 64 << 20;

/// Starts a thread that decrypts and decompresses an object. The plain source ends well only if the stored size and SHA-256, the
/// plain size and BLAKE3, and the target's own word all agree, and nothing follows behind the content.
///
/// Bytes that fail the proof may have left the pipe before; whoever reads must wait for the end before it trusts them.
///
/// # Errors
/// `denied` when the object is encrypted and there are no identities; `unavailable` without file descriptors or threads. The
/// source itself ends with `corrupt` for damage, `denied` for a wrong key, or the target's failure.
pub fn decode(stored: ByteSource, expected: &ManifestObject, keys: &Keys, meter: Arc<Meter>) -> Result<ByteSource> {
    decode_then(stored, expected, keys, meter, |_| {})
}

/// As [`decode`], and tells `ended` how it ended, before the reader learns it.
///
/// # Errors
/// As [`decode`].
pub fn decode_then(
    stored: ByteSource,
    expected: &ManifestObject,
    keys: &Keys,
    meter: Arc<Meter>,
    ended: impl FnOnce(&Result<u64>) + Send + 'static,
) -> Result<ByteSource> {
    need_key(expected, keys)?;
    let (file, completion, plain) = ByteSource::pipe()?;
    let (expected, keys) = (expected.clone(), keys.clone());
    std::thread::Builder::new()
        .name("decode".to_owned())
        .spawn(move || {
            let proved = prove(stored, &expected, &keys, file, meter);
            ended(&proved);
            completion.end(proved);
        })
        .map_err(|error| Failure::unavailable(format!("no thread for the codec: {error}")))?;
    Ok(plain)
}

pub(super) fn need_key(expected: &ManifestObject, keys: &Keys) -> Result<()> {
    if expected.encryption == Encryption::Age && keys.identities.is_empty() {
        return Err(Failure::denied(format!("object `{}` is encrypted and this host has no key", expected.key))
            .with_hint("name the identity file under [encryption] identities"));
    }
    Ok(())
}

/// What is said of an object that was encrypted to others.
pub(crate) const NOT_OUR_KEY: &str = "cannot be opened with this host's keys";

/// Decodes everything into `output` and gives the number of plain bytes once all is proved. Blocks.
pub(super) fn prove(
    stored: ByteSource,
    expected: &ManifestObject,
    keys: &Keys,
    output: impl Write,
    meter: Arc<Meter>,
) -> Result<u64> {
    let damaged = |what: &str| damage(expected, what);
    let mut intake = Intake::new(stored, Arc::clone(&meter));
    let decoded = match pump(&mut intake, expected, keys, output, &meter) {
        Err(Broken::Output(error)) => return Err(Failure::unavailable(format!("reader went away: {error}"))),
        decoded => decoded,
    };

    // The decoder may stop before the stored bytes do; what follows would be trailing data and makes the object too long.
    let remainder = expected.stored_bytes.saturating_sub(intake.count());
    let settle = decoded.is_ok() || remainder <= SETTLE_BYTES;
    if settle {
        intake.drain(expected.stored_bytes).map_err(unreadable)?;
    }
    if intake.count() > expected.stored_bytes {
        return Err(damaged(&format!("it is longer than the {} bytes that were stored", expected.stored_bytes)));
    }
    if intake.at_end() {
        let (count, sha256) = intake.finish()?;
        compare_stored(expected, count, &sha256)?;
    }

    match decoded {
        Ok(plain) if plain.bytes != expected.plain_bytes => {
            Err(damaged(&format!("it holds {} plain bytes, the manifest says {}", plain.bytes, expected.plain_bytes)))
        }
        Ok(plain) if plain.blake3 != expected.plain_blake3 => Err(damaged(&format!(
            "blake3 of the plain bytes is {}, the manifest says {}",
            plain.blake3, expected.plain_blake3
        ))),
        Ok(plain) => Ok(plain.bytes),
        Err(Broken::Key) => Err(Failure::denied(format!("object `{}` {NOT_OUR_KEY}", expected.key))
            .with_hint("add the identity that the backup was encrypted to under [encryption] identities")),
        Err(Broken::Content(what)) => Err(damaged(&what)),
        Err(Broken::Output(error)) => Err(unreadable(error)),
    }
}

pub(super) fn unreadable(error: io::Error) -> Failure {
    Failure::unavailable(format!("the target's stream cannot be read: {error}"))
}

pub(super) fn damage(expected: &ManifestObject, what: &str) -> Failure {
    Failure::corrupt(format!("object `{}` is damaged: {what}", expected.key))
}

pub(super) fn compare_stored(expected: &ManifestObject, count: u64, sha256: &str) -> Result<()> {
    if count != expected.stored_bytes {
        let what = format!("{count} bytes are stored, the manifest says {}", expected.stored_bytes);
        return Err(damage(expected, &what));
    }
    if sha256 != expected.stored_sha256 {
        let what = format!("sha-256 of the stored bytes is {sha256}, the manifest says {}", expected.stored_sha256);
        return Err(damage(expected, &what));
    }
    Ok(())
}

/// Why decoding stopped.
enum Broken {
    /// Whoever takes the plain bytes is gone.
    Output(io::Error),
    /// No identity opens the header.
    Key,
    /// The bytes are not what an encoder writes.
    Content(String),
}

struct Plain {
    bytes: u64,
    blake3: String,
}

fn pump(
    intake: &mut Intake,
    expected: &ManifestObject,
    keys: &Keys,
    output: impl Write,
    meter: &Meter,
) -> Result<Plain, Broken> {
    match expected.encryption {
        Encryption::None => inflate(intake, expected, output, meter),
        Encryption::Age => {
            let content = |error: age::DecryptError| Broken::Content(format!("it does not decrypt: {error}"));
            let ceiling = intake.ceiling();
            ceiling.set(HEADER_BYTES);
            let decryptor = age::Decryptor::new_buffered(&mut *intake).map_err(content)?;
            ceiling.set(u64::MAX);
            let reader = decryptor.decrypt(keys.identities.as_age()).map_err(|error| match error {
                age::DecryptError::NoMatchingKeys => Broken::Key,
                error => content(error),
            })?;
            inflate(reader, expected, output, meter)
        }
    }
}

fn inflate(
    mut input: impl Read,
    expected: &ManifestObject,
    mut output: impl Write,
    meter: &Meter,
) -> Result<Plain, Broken> {
    let content = |error: io::Error| Broken::Content(format!("its content does not decode: {error}"));
    let mut decoder = Decoder::new().map_err(content)?;
    let (mut from, mut to) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut blake3 = blake3::Hasher::new();
    let mut bytes = 0_u64;
    let mut between_frames = false;
    loop {
        let read = input.read(&mut from).map_err(content)?;
        if read == 0 {
            break;
        }
        let mut chunk = from.get(..read).unwrap_or_default();
        loop {
            let status = decoder.run_on_buffers(chunk, &mut to).map_err(content)?;
            chunk = chunk.get(status.bytes_read..).unwrap_or_default();
            between_frames = status.remaining == 0;
            let plain = to.get(..status.bytes_written).unwrap_or_default();
            bytes += plain.len() as u64;
            if bytes > expected.plain_bytes {
                // Also the guard against a small object that unpacks into a full disk.
                return Err(Broken::Content(format!("it holds more than {} plain bytes", expected.plain_bytes)));
            }
            blake3.update(plain);
            meter.add_plain(plain.len());
            output.write_all(plain).map_err(Broken::Output)?;
            // A full output may hide more of it, unless the frame is through: asking on would begin another.
            if chunk.is_empty() && (between_frames || plain.len() < to.len()) {
                break;
            }
        }
    }
    if !between_frames {
        return Err(Broken::Content("its content ends early".to_owned()));
    }
    Ok(Plain { bytes, blake3: blake3.finalize().to_hex().to_string() })
}
