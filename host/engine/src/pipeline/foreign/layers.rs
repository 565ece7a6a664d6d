//! Takes encryption and compression off a file, in whatever order they lie, by what its bytes say and not by its name.

use std::io::{Cursor, Read};

use bulkhead_model::{Failure, Result};
use bzip2::read::MultiBzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::gzip::Members;
use super::inventory::shown;
use super::key::EncryptionKey;
use super::openssl::{self, Decrypting};
use super::told::{Layer, heard};

/// Looked at to find out what something is: the magic of tar lies furthest behind.
const HEAD: usize = 1024;
/// No file that was made for a purpose has more of them.
const LAYERS_MAX: usize = 6;
/// Lines before a dump that are messages of the tool.
const LINES_BEFORE: usize = 5;
/// Headers of age with many recipients.
const AGE_HEADER_BYTES: u64 = 1 << 20;

/// What a file is made of once all layers are off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The stream of `mariadb-backup --stream=xbstream`.
    Xbstream,
    /// A tar archive of a directory.
    Tar,
    /// SQL.
    Sql,
}

/// A file without its layers.
pub(super) struct Opened<'a> {
    pub(super) content: Content,
    pub(super) reader: Box<dyn Read + 'a>,
    /// What was taken off, the outermost first.
    pub(super) layers: Vec<&'static str>,
}

/// What a beginning says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Content(Content),
    Openssl,
    Age,
    Gzip,
    Zstd,
    Bzip2,
    Lz4,
    /// Text of two bytes a letter.
    Utf16,
    /// A dump after lines that are no SQL.
    Preceded,
    /// Known, and not read here.
    Other(&'static str),
    Unknown,
}

/// Takes all layers off.
///
/// # Errors
/// `denied` without the right key; `unsupported` for what is no backup that is read here; `corrupt` for damage at the beginning.
pub(super) fn open<'a>(input: impl Read + 'a, key: Option<&EncryptionKey>) -> Result<Opened<'a>> {
    let mut reader: Box<dyn Read + 'a> = Box::new(input);
    let mut layers = Vec::new();
    loop {
        let head = beginning(&mut reader, HEAD)?;
        let form = Form::of(&head);
        let whole = Cursor::new(head.clone()).chain(reader);
        let (name, inner): (_, Box<dyn Read + 'a>) = match form {
            Form::Content(content) => return Ok(Opened { content, reader: Box::new(whole), layers }),
            Form::Gzip => ("gzip", layer("its gzip does not decode", Members::new(whole))),
            Form::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(whole);
                let decoder = decoder.map_err(|error| Failure::unavailable(format!("no decoder of zstd: {error}")))?;
                ("zstd", layer("its zstd does not decode", decoder))
            }
            Form::Bzip2 => ("bzip2", layer("its bzip2 does not decode", MultiBzDecoder::new(whole))),
            // Takes the end of its input for the end of a frame: what is within has an end of its own.
            Form::Lz4 => ("lz4", layer("its lz4 does not decode", FrameDecoder::new(whole))),
            Form::Age => ("age", age(whole, needed(key, "age")?)?),
            Form::Openssl => ("openssl", openssl(whole, &head, needed(key, "openssl")?)?),
            Form::Utf16 => {
                return Err(Failure::unsupported(format!("it is text in UTF-16{}", within(&layers))).with_hint(
                    "`>` of PowerShell writes that, and may have changed the data: make the dump with `--result-file=FILE`",
                ));
            }
            Form::Preceded => {
                let line = shown(&first_line(&head).unwrap_or_default());
                return Err(Failure::unsupported(format!("its first line is not SQL: `{line}`{}", within(&layers)))
                    .with_hint("a message of the tool is in the file: remove the line, or make the dump with `--result-file=FILE`"));
            }
            Form::Other(what) => return Err(not_read(&layers, what)),
            Form::Unknown if head.is_empty() => {
                return Err(Failure::corrupt(format!("it is empty{}", within(&layers))));
            }
            Form::Unknown => {
                let failure = not_read(&layers, "nothing that is known");
                return Err(match first_line(&head) {
                    Some(line) => Failure { message: format!("{}: `{}`", failure.message, shown(&line)), ..failure },
                    None => failure,
                });
            }
        };
        if layers.len() == LAYERS_MAX {
            return Err(Failure::unsupported(format!("it is compressed or encrypted more than {LAYERS_MAX} times")));
        }
        layers.push(name);
        reader = inner;
    }
}

fn layer<'a>(what: &'static str, reader: impl Read + 'a) -> Box<dyn Read + 'a> {
    Box::new(Layer { what, reader })
}

/// As many bytes as there are, up to a number.
fn beginning(reader: &mut impl Read, most: usize) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(most);
    let read = reader.take(most as u64).read_to_end(&mut head);
    read.map(|_| head).map_err(|error| heard(&error, "it cannot be read"))
}

impl Form {
    fn of(head: &[u8]) -> Self {
        let known: [(&[u8], Self); 14] = [
            (b"XBSTCK01", Self::Content(Content::Xbstream)),
            (openssl::MAGIC, Self::Openssl),
            (b"age-encryption.org/v1\n", Self::Age),
            (b"\x1f\x8b\x08", Self::Gzip),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\x04\x22\x4d\x18", Self::Lz4),
            (b"-----BEGIN AGE ENCRYPTED FILE-----", Self::Other("an armored file of age: make it without `--armor`")),
            (b"\x02\x21\x4c\x18", Self::Other("lz4 in its legacy format")),
            (b"\xfd7zXZ\x00", Self::Other("xz")),
            (b"7z\xbc\xaf\x27\x1c", Self::Other("a 7z archive")),
            (b"PK\x03\x04", Self::Other("a zip archive")),
            (b"qpress10", Self::Other("compressed by qpress")),
            (b"\x85\x02", Self::Other("encrypted by gpg")),
            (b"-----BEGIN PGP MESSAGE-----", Self::Other("encrypted by gpg")),
        ];
        if let Some((_, form)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *form;
        }
        if is_bzip2(head) {
            return Self::Bzip2;
        }
        // A skippable frame, as `zstd --adapt` and others write one in front.
        if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
            return Self::Zstd;
        }
        if is_tar(head) {
            return Self::Content(Content::Tar);
        }
        if is_utf16(head) {
            return Self::Utf16;
        }
        if is_dump(head) {
            return Self::Content(Content::Sql);
        }
        let mut lines = head.split_inclusive(|byte| *byte == b'\n').scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        });
        match lines.by_ref().take(LINES_BEFORE).any(|end| is_dump(head.get(end..).unwrap_or_default())) {
            true => Self::Preceded,
            false => Self::Unknown,
        }
    }
}

/// `BZh`, a level, and the magic of the first block, or of the end of an empty stream.
fn is_bzip2(head: &[u8]) -> bool {
    matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..])
        || matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..])
}

/// Whether the first header has its checksum: older archives have no magic.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<512>() else { return false };
    let stated = tar::Header::from_byte_slice(header).cksum();
    let sum: u32 =
        header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    header.first() != Some(&0) && stated.is_ok_and(|stated| stated == sum)
}

/// With its mark, or without it as a comment of SQL. A mark alone is too short to tell a wrong key by.
fn is_utf16(head: &[u8]) -> bool {
    matches!(head, [0xff, 0xfe, 1..=0x7f, 0, 1..=0x7f, 0, ..] | [0xfe, 0xff, 0, 1..=0x7f, 0, 1..=0x7f, ..])
        || matches!(head, [b'-', 0, b'-', 0, ..] | [0, b'-', 0, b'-', ..])
}

/// The first line, when it is text.
fn first_line(head: &[u8]) -> Option<String> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// What `mariadb-dump` and `mysqldump` begin with: a comment.
fn is_dump(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    [&b"-- MariaDB dump"[..], b"-- MySQL dump", b"/*M!999999\\-", b"/*!999999\\-"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn needed<'k>(key: Option<&'k EncryptionKey>, by: &str) -> Result<&'k EncryptionKey> {
    key.ok_or_else(|| {
        Failure::denied(format!("it is encrypted by {by}, and no encryption key was given"))
            .with_hint("send `encryption_key`; `--encryption-key-file` on the command line")
    })
}

fn wrong_key(by: &str) -> Failure {
    Failure::denied(format!("it is encrypted by {by}, and the encryption key does not open it"))
}

fn age<'a>(input: impl Read + 'a, key: &EncryptionKey) -> Result<Box<dyn Read + 'a>> {
    let identities = key.identities()?;
    let broken = |error: age::DecryptError| match error {
        age::DecryptError::NoMatchingKeys | age::DecryptError::KeyDecryptionFailed => wrong_key("age").with_hint(
            "`encryption_key` is the identity that it was encrypted to (`AGE-SECRET-KEY-1...`), or its passphrase",
        ),
        age::DecryptError::DecryptionFailed => wrong_key("age").with_hint("look for a typing error in the passphrase"),
        age::DecryptError::ExcessiveWork { required, .. } => {
            Failure::unsupported(format!("its passphrase asks for too much work: {required}"))
        }
        age::DecryptError::Io(error) => heard(&error, "its encryption by age does not decode"),
        error => Failure::corrupt(format!("its encryption by age does not decode: {error}")),
    };
    // A parser that looks for the end of the header must not collect without bound.
    let mut limited = input;
    let mut header = beginning(&mut (&mut limited).take(AGE_HEADER_BYTES), HEAD)?;
    while !header.windows(4).any(|mark| mark == b"\n---") && (header.len() as u64) < AGE_HEADER_BYTES {
        let more = beginning(&mut limited, HEAD)?;
        if more.is_empty() {
            break;
        }
        header.extend(more);
    }
    if !header.windows(4).any(|mark| mark == b"\n---") {
        return Err(Failure::corrupt("its encryption by age has a header that does not end"));
    }
    let decryptor = age::Decryptor::new(Cursor::new(header).chain(limited)).map_err(broken)?;
    let reader = decryptor.decrypt(identities.iter().map(AsRef::as_ref)).map_err(broken)?;
    Ok(layer("its encryption by age does not decode", reader))
}

fn openssl<'a>(input: impl Read + 'a, head: &[u8], key: &EncryptionKey) -> Result<Box<dyn Read + 'a>> {
    let (header, encrypted) = head.split_at_checked(openssl::HEADER_BYTES).unwrap_or_default();
    let salt = header.get(openssl::MAGIC.len()..).unwrap_or_default();
    // The right key is known by what comes out: garbage is nothing that is known.
    let secret = openssl::DERIVATIONS
        .iter()
        .map(|derivation| derivation.derive(key.password(), salt))
        .find(|secret| Form::of(&openssl::beginning(encrypted, secret)) != Form::Unknown)
        .ok_or_else(|| {
            wrong_key("openssl").with_hint(
                "`encryption_key` is the password; it is tried as `openssl enc -aes-256-cbc` takes it, with and without `-pbkdf2`, and with usual numbers of iterations",
            )
        })?;
    let mut input = input;
    let _header = beginning(&mut input, openssl::HEADER_BYTES)?;
    Ok(Box::new(Decrypting::new(input, &secret)))
}

fn within(layers: &[&str]) -> String {
    if layers.is_empty() { String::new() } else { format!(" within its {}", layers.join(", ")) }
}

fn not_read(layers: &[&str], what: &str) -> Failure {
    let found = match layers {
        [] => format!("it is {what}"),
        layers => format!("within its {} is {what}", layers.join(", ")),
    };
    Failure::unsupported(found).with_hint(
        "a backup by mariadb-backup is an xbstream or a tar archive, one by mariadb-dump SQL with its comments; both may be compressed by gzip, zstd, bzip2 or lz4, and encrypted by `openssl enc -aes-256-cbc` or age",
    )
}
