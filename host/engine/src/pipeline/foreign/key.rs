//! What a file made by others is encrypted with.

use std::fmt;

use age::secrecy::SecretString;
use age::{scrypt, x25519};
use bulkhead_model::{Failure, Result};

/// The longest key, in bytes: a file of several identities fits, a backup sent by mistake does not.
const KEY_BYTES: usize = 64 << 10;
/// The most work that a passphrase of age may ask for: `age` itself asks for 18. Memory doubles with each.
const WORK_FACTOR_MAX: u8 = 20;

/// A password of `openssl enc`, a passphrase of age, or identities of age: the file says which of them.
#[derive(Clone)]
pub struct EncryptionKey(String);

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(..)")
    }
}

impl EncryptionKey {
    /// Takes a key as it is written in a request or in a file; line breaks at its end are none of it.
    ///
    /// # Errors
    /// `invalid` when it is empty, too long, or a public key.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(Failure::invalid("the encryption key is empty")
                .with_hint("leave it out when the file is not encrypted"));
        }
        if text.len() > KEY_BYTES {
            return Err(Failure::invalid(format!("the encryption key has more than {KEY_BYTES} bytes")));
        }
        if text.trim_start().starts_with("age1") {
            return Err(Failure::invalid("the encryption key is a public key of age, which opens nothing")
                .with_hint("send the identity, which starts with `AGE-SECRET-KEY-1`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, to be sealed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As the password of `openssl enc`, which reads one line.
    pub(super) fn password(&self) -> &[u8] {
        self.0.lines().next().unwrap_or_default().as_bytes()
    }

    /// As identities of age.
    ///
    /// # Errors
    /// `invalid` when one is malformed; never with any of it.
    pub(super) fn identities(&self) -> Result<Vec<Box<dyn age::Identity>>> {
        if !self.0.lines().any(|line| line.trim().starts_with("AGE-SECRET-KEY-")) {
            let mut identity = scrypt::Identity::new(SecretString::from(self.0.clone()));
            identity.set_max_work_factor(WORK_FACTOR_MAX);
            return Ok(vec![Box::new(identity)]);
        }
        let lines = self.0.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identity = |line: &str| -> Result<Box<dyn age::Identity>> {
            let malformed = |_| {
                Failure::invalid("the encryption key is no identity of age")
                    .with_hint("send the line that starts with `AGE-SECRET-KEY-1`, as `age-keygen` writes it")
            };
            Ok(Box::new(line.parse::<x25519::Identity>().map_err(malformed)?))
        };
        lines.map(identity).collect()
    }
}
