//! Recipients and identities of age. Nothing here prints key text, not even of a key that does not parse.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use age::x25519;
use bulkhead_model::{Failure, Result};

use crate::config::EncryptionConfig;

/// What this host encrypts to and what it can open.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// For new objects.
    pub recipients: Recipients,
    /// For stored ones.
    pub identities: Identities,
}

impl Keys {
    /// Parses the recipients and reads the identity files of the configuration.
    ///
    /// # Errors
    /// As [`Recipients::parse`] and [`Identities::read`].
    pub fn load(config: &EncryptionConfig) -> Result<Self> {
        Ok(Self {
            recipients: Recipients::parse(&config.recipients)?,
            identities: Identities::read(&config.identities)?,
        })
    }
}

/// To whom new objects are encrypted; empty means that they are stored in the clear.
#[derive(Clone, Default)]
pub struct Recipients(Arc<Vec<x25519::Recipient>>);

/// The keys that open stored objects; empty when this host has none.
#[derive(Clone, Default)]
pub struct Identities(Arc<Vec<x25519::Identity>>);

impl Recipients {
    /// Parses `age1...` recipients.
    ///
    /// # Errors
    /// `invalid`, naming the place in the list.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self> {
        let parse = |(index, text): (usize, &S)| {
            let text = text.as_ref().trim();
            text.parse::<x25519::Recipient>().map_err(|reason| {
                let failure = Failure::invalid(format!("encryption recipient {} is no age recipient: {reason}", index + 1));
                if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
                    failure.with_hint("this is a secret key; give the public key that `age-keygen -y` prints for it, and replace a secret key that lay in a configuration file")
                } else {
                    failure.with_hint("a recipient starts with `age1`; `age-keygen` prints it as the public key")
                }
            })
        };
        Ok(Self(Arc::new(texts.iter().enumerate().map(parse).collect::<Result<_>>()?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.0.iter().map(|recipient| recipient as _)
    }
}

impl Identities {
    /// Reads identity files as `age-keygen` writes them: one `AGE-SECRET-KEY-1...` a line, comments start with `#`.
    ///
    /// # Errors
    /// `invalid` naming file and line, `not-found` or `denied` for a file that cannot be read.
    pub fn read<P: AsRef<Path>>(files: &[P]) -> Result<Self> {
        let mut identities = Vec::new();
        for file in files {
            let file = file.as_ref();
            let text = read_key_file(file)?;
            let before = identities.len();
            for (index, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let identity = line.parse::<x25519::Identity>().map_err(|reason| {
                    Failure::invalid(format!("line {} of `{}` is no age identity: {reason}", index + 1, file.display()))
                        .with_hint("expected a line that starts with `AGE-SECRET-KEY-1`, as `age-keygen` writes it")
                })?;
                identities.push(identity);
            }
            if identities.len() == before {
                return Err(Failure::invalid(format!("`{}` holds no age identity", file.display()))
                    .with_hint("make one with `age-keygen -o FILE`"));
            }
        }
        Ok(Self(Arc::new(identities)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public halves, in the same order.
    pub fn recipients(&self) -> Recipients {
        Recipients(Arc::new(self.0.iter().map(x25519::Identity::to_public).collect()))
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as _)
    }
}

fn read_key_file(file: &Path) -> Result<String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::not_found(format!("no identity file `{shown}`")),
        std::io::ErrorKind::PermissionDenied => Failure::denied(format!("identity file `{shown}` may not be read")),
        _ => Failure::invalid(format!("identity file `{shown}` cannot be read: {error}")),
    })?;
    if let Ok(metadata) = std::fs::metadata(file)
        && metadata.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(file = %shown, "identity file is readable by others; `chmod 600` it");
    }
    Ok(text)
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipients({})", self.0.len())
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl FromIterator<x25519::Identity> for Identities {
    fn from_iter<I: IntoIterator<Item = x25519::Identity>>(identities: I) -> Self {
        Self(Arc::new(identities.into_iter().collect()))
    }
}
