//! Secrets that the catalog keeps, sealed under the host's master key: a copy of the database tells none of them.
//!
//! Sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`, XChaCha20-Poly1305, with what the secret is for as associated
//! data: a sealed text copied to another place does not open there. The key id says under which key, so that a host with another
//! one is told so and not that the data is damaged.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bulkhead_model::{Failure, Result};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

use crate::config::MasterKeySource;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const KEY_ID_DIGITS: usize = 8;
const VERSION: &str = "v1";

/// The key under which this host seals. Every host on one catalog needs the same.
#[derive(Clone)]
pub(crate) struct MasterKey {
    cipher: XChaCha20Poly1305,
    id: String,
    /// Keys of before, which open what was sealed under them.
    old: Vec<Self>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// Takes the key from where the configuration says; a file that does not exist is made.
    pub fn load(source: &MasterKeySource, data_dir: &Path) -> Result<Self> {
        match source {
            MasterKeySource::DataDir => Self::from_file(&data_dir.join("master.key")),
            MasterKeySource::File(path) => Self::from_file(path),
            MasterKeySource::Given(text) => Self::parse(text.expose()).ok_or_else(|| {
                Failure::invalid("the master key given in the environment is none")
                    .with_hint("32 random bytes in base64 or hexadecimal: `openssl rand -base64 32`")
            }),
        }
    }

    /// With keys of before: they open, and seal nothing any more.
    pub fn with_old(mut self, sources: &[MasterKeySource], data_dir: &Path) -> Result<Self> {
        for source in sources {
            if let MasterKeySource::File(path) = source
                && !path.exists()
            {
                return Err(Failure::invalid(format!("there is no old master key {}", path.display()))
                    .with_hint("[encryption] old_master_key_files names keys that there are"));
            }
            self.old.push(Self::load(source, data_dir)?);
        }
        Ok(self)
    }

    /// What sealed text begins with that is sealed under this key.
    pub fn prefix(&self) -> String {
        format!("{VERSION}.{}.", self.id)
    }

    fn from_file(path: &Path) -> Result<Self> {
        let cannot = |what: &str, error: &std::io::Error| {
            Failure::invalid(format!("the master key {} cannot be {what}: {error}", path.display()))
                .with_hint("[encryption] master_key_file names the file")
        };
        if !path.exists() {
            make_file(path).map_err(|error| cannot("made", &error))?;
        }
        let mode = std::fs::metadata(path).map_err(|error| cannot("read", &error))?.mode();
        if mode & 0o077 != 0 {
            return Err(Failure::invalid(format!("others can read the master key {}", path.display()))
                .with_hint(format!("chmod 600 {}", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot("read", &error))?;
        Self::parse(text.trim()).ok_or_else(|| {
            Failure::invalid(format!("the master key {} holds no key", path.display()))
                .with_hint("bring back the file of old: without it the sealed secrets of the catalog are lost")
        })
    }

    /// 32 bytes in base64 or hexadecimal.
    fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
        let key: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        let id = hex::encode(Sha256::digest(key)).chars().take(KEY_ID_DIGITS).collect();
        Some(Self { cipher: XChaCha20Poly1305::new(&key.into()), id, old: Vec::new() })
    }

    /// Seals a secret for a purpose, e.g. `webhook:<id>`.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<String> {
        let broken = || Failure::internal("a secret could not be sealed");
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| broken())?;
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| broken())?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{VERSION}.{}.{}", self.id, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what [`MasterKey::seal`] has made for the same purpose.
    ///
    /// # Errors
    /// `unavailable` when it was sealed under another key, `corrupt` when it was changed or made for something else.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>> {
        let corrupt = || Failure::corrupt("a sealed secret was changed, or moved from where it belongs");
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(id), Some(data), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(corrupt());
        };
        if id != self.id {
            if let Some(old) = self.old.iter().find(|old| old.id == id) {
                return old.open(purpose, sealed);
            }
            let id: String = id.chars().take(KEY_ID_DIGITS).collect();
            return Err(Failure::unavailable(format!(
                "a secret is sealed under the master key `{id}`, and this host has `{}`",
                self.id
            ))
            .with_hint("give all hosts on one catalog the same [encryption] master_key_file, and keep those of before under old_master_key_files"));
        }
        let bytes = URL_SAFE_NO_PAD.decode(data).map_err(|_| corrupt())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(corrupt)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| corrupt())
    }
}

/// Makes the file in one step, so that another process never reads half a key, and never over one that is there.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|_| std::io::Error::other("no randomness"))?;
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let made = writeln!(file, "{}", STANDARD.encode(key))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&beside, path));
    let removed = std::fs::remove_file(&beside);
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            tracing::warn!(path = %path.display(), "a master key was made: keep a copy of it apart from the backups");
            removed
        }
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_model::FailureKind;

    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed_for() {
        let dir = tempfile::tempdir().unwrap();
        let key = MasterKey::load(&MasterKeySource::DataDir, dir.path()).unwrap();
        let sealed = key.seal("webhook:a", b"whsec_x").unwrap();
        assert!(!sealed.contains("whsec_x"));
        assert_ne!(sealed, key.seal("webhook:a", b"whsec_x").unwrap(), "a nonce was used twice");
        // The file is read again by the next start.
        let again = MasterKey::load(&MasterKeySource::File(dir.path().join("master.key")), dir.path()).unwrap();
        assert_eq!(again.open("webhook:a", &sealed).unwrap(), b"whsec_x");
        assert_eq!(again.open("webhook:b", &sealed).unwrap_err().kind, FailureKind::Corrupt);
    }

    #[test]
    fn a_changed_secret_and_a_wrong_key_are_told_apart() {
        let key = MasterKey::parse(&"11".repeat(32)).unwrap();
        let other = MasterKey::parse(&STANDARD.encode([0x22; 32])).unwrap();
        let sealed = key.seal("p", b"secret").unwrap();
        let wrong = other.open("p", &sealed).unwrap_err();
        assert_eq!(wrong.kind, FailureKind::Unavailable);
        assert!(wrong.message.contains(&key.id) && wrong.message.contains(&other.id), "{wrong}");
        for at in sealed.rfind('.').unwrap() + 1..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != sealed {
                assert_eq!(key.open("p", &changed).unwrap_err().kind, FailureKind::Corrupt, "{at}");
            }
        }
        for no in ["", "v1", "v1.x", "v2.11111111.AAAA", &format!("v1.{}.AAAA", key.id), &format!("{sealed}.x")] {
            assert!(key.open("p", no).is_err(), "{no}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        MasterKey::load(&MasterKeySource::File(path.clone()), dir.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = MasterKey::load(&MasterKeySource::File(path.clone()), dir.path()).unwrap_err();
        assert!(refused.message.starts_with("others can read"), "{refused}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "half a k").unwrap();
        assert!(MasterKey::load(&MasterKeySource::File(path), dir.path()).is_err());
    }
}
