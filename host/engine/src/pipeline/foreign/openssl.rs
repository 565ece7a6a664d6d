//! Files of `openssl enc -aes-256-cbc`: `Salted__`, eight bytes of salt, and blocks. Nothing in them says how the key comes from the
//! password, nor that it is the right one: what is inside has to be known when it is seen.

use std::io::{self, Read};
use std::num::NonZeroU32;

use aes::Aes256;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use bulkhead_model::Failure;
use cbc::Decryptor;
use md5::Md5;
use ring::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use sha2::{Digest, Sha256, Sha512};

use super::told::told;

/// What such a file begins with.
pub(super) const MAGIC: &[u8] = b"Salted__";
/// The magic and the salt.
pub(super) const HEADER_BYTES: usize = 16;

const BLOCK: usize = 16;
const KEY_AND_IV: usize = 48;
/// What is read at once.
const CHUNK: usize = 64 << 10;

/// How the key comes from the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derivation {
    /// `-pbkdf2`, by default with 10,000 iterations.
    Pbkdf2Sha256(u32),
    /// `-pbkdf2 -md sha512`.
    Pbkdf2Sha512(u32),
    /// What OpenSSL 1.1 and later do without `-pbkdf2`.
    Sha256,
    /// What OpenSSL did before.
    Md5,
    /// `-md sha512`.
    Sha512,
}

/// Those that are tried, cheap and usual ones first. The numbers are what manuals and blogs give to `-iter`; MariaDB's own give none.
pub(super) const DERIVATIONS: [Derivation; 16] = [
    Derivation::Sha256,
    Derivation::Pbkdf2Sha256(10_000),
    Derivation::Md5,
    Derivation::Sha512,
    Derivation::Pbkdf2Sha256(1_000),
    Derivation::Pbkdf2Sha256(20_000),
    Derivation::Pbkdf2Sha256(50_000),
    Derivation::Pbkdf2Sha256(100_000),
    Derivation::Pbkdf2Sha256(200_000),
    Derivation::Pbkdf2Sha256(250_000),
    Derivation::Pbkdf2Sha256(310_000),
    Derivation::Pbkdf2Sha256(500_000),
    Derivation::Pbkdf2Sha256(600_000),
    Derivation::Pbkdf2Sha256(1_000_000),
    Derivation::Pbkdf2Sha512(10_000),
    Derivation::Pbkdf2Sha512(100_000),
];

/// Key and initialisation vector.
#[derive(Clone)]
pub(super) struct Secret([u8; KEY_AND_IV]);

impl Derivation {
    pub(super) fn derive(self, password: &[u8], salt: &[u8]) -> Secret {
        let mut secret = [0; KEY_AND_IV];
        match self {
            Self::Pbkdf2Sha256(rounds) => pbkdf2(PBKDF2_HMAC_SHA256, rounds, password, salt, &mut secret),
            Self::Pbkdf2Sha512(rounds) => pbkdf2(PBKDF2_HMAC_SHA512, rounds, password, salt, &mut secret),
            Self::Sha256 => bytes_to_key::<Sha256>(password, salt, &mut secret),
            Self::Md5 => bytes_to_key::<Md5>(password, salt, &mut secret),
            Self::Sha512 => bytes_to_key::<Sha512>(password, salt, &mut secret),
        }
        Secret(secret)
    }
}

fn pbkdf2(algorithm: Algorithm, rounds: u32, password: &[u8], salt: &[u8], secret: &mut [u8]) {
    pbkdf2::derive(algorithm, NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN), salt, password, secret);
}

/// OpenSSL's `EVP_BytesToKey` with one iteration: hashes of the hash before, the password and the salt, one behind the other.
fn bytes_to_key<D: Digest>(password: &[u8], salt: &[u8], secret: &mut [u8]) {
    let mut last: Vec<u8> = Vec::new();
    let mut made: Vec<u8> = Vec::new();
    while made.len() < secret.len() {
        last = D::new().chain_update(&last).chain_update(password).chain_update(salt).finalize().to_vec();
        made.extend_from_slice(&last);
    }
    secret.iter_mut().zip(made).for_each(|(to, from)| *to = from);
}

/// Decrypts what follows the header.
pub(super) struct Decrypting<R> {
    reader: R,
    cipher: Decryptor<Aes256>,
    /// Decrypted bytes that may be read, and behind them, up to `filled`, a block that may turn out to be the last, or a part of one
    /// that is not decrypted yet.
    buffer: Vec<u8>,
    next: usize,
    ready: usize,
    decrypted: usize,
    filled: usize,
    ended: bool,
}

impl<R: Read> Decrypting<R> {
    pub(super) fn new(reader: R, secret: &Secret) -> Self {
        let (key, iv) = secret.0.split_at(KEY_AND_IV - BLOCK);
        let cipher = Decryptor::new(GenericArray::from_slice(key), GenericArray::from_slice(iv));
        Self { reader, cipher, buffer: vec![0; CHUNK], next: 0, ready: 0, decrypted: 0, filled: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.next..self.filled, 0);
        (self.decrypted, self.filled) = (self.decrypted - self.next, self.filled - self.next);
        (self.next, self.ready) = (0, 0);
        while self.filled < CHUNK {
            match self.reader.read(self.buffer.get_mut(self.filled..).unwrap_or_default()) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let whole = self.filled - self.filled % BLOCK;
        for block in self.buffer.get_mut(self.decrypted..whole).unwrap_or_default().chunks_exact_mut(BLOCK) {
            self.cipher.decrypt_block_mut(GenericArray::from_mut_slice(block));
        }
        self.decrypted = whole;
        self.ready = if self.ended { self.end()? } else { whole.saturating_sub(BLOCK) };
        Ok(())
    }

    /// Where the content ends: the last block says by how many bytes it was filled up.
    fn end(&self) -> io::Result<usize> {
        let damaged = |what| told(Failure::corrupt(format!("its encryption by openssl {what}")));
        if self.filled == 0 || self.filled != self.decrypted {
            return Err(damaged("ends in the middle of a block"));
        }
        let padding = self.buffer.get(self.filled - 1).copied().map_or(0, usize::from);
        let last = self.buffer.get(self.filled.saturating_sub(padding)..self.filled).unwrap_or_default();
        if !(1..=BLOCK).contains(&padding) || last.iter().any(|byte| usize::from(*byte) != padding) {
            return Err(damaged("does not end as it should"));
        }
        Ok(self.filled - padding)
    }
}

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.next == self.ready && !self.ended {
            self.fill()?;
        }
        let from = self.buffer.get(self.next..self.ready).unwrap_or_default();
        let amount = from.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..amount), from.get(..amount)) {
            to.copy_from_slice(from);
        }
        self.next += amount;
        Ok(amount)
    }
}

/// The beginning of the content, by one of the derivations; the last of it may be wrong when the file ends there.
pub(super) fn beginning(encrypted: &[u8], secret: &Secret) -> Vec<u8> {
    let (key, iv) = secret.0.split_at(KEY_AND_IV - BLOCK);
    let mut cipher = Decryptor::<Aes256>::new(GenericArray::from_slice(key), GenericArray::from_slice(iv));
    let mut plain = encrypted.to_vec();
    for block in plain.chunks_exact_mut(BLOCK) {
        cipher.decrypt_block_mut(GenericArray::from_mut_slice(block));
    }
    plain.truncate(encrypted.len() - encrypted.len() % BLOCK);
    plain
}
