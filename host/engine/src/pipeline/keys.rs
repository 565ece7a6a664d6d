//! Recipients and identities of age. Nothing here prints key text, not even of a key that does not parse.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use age::secrecy::SecretString;
use age::{scrypt, x25519};
use bulkhead_model::{Failure, OrganizationId, Result, TargetId};

use crate::config::{EncryptTo, EncryptionConfig, SecretText};

/// scrypt's work factor for new objects, as `age` itself has it: about a second for who knows the passphrase.
const WORK_FACTOR: u8 = 18;

/// The most that is accepted of stored ones: a stranger's file must not keep the host busy for hours.
const WORK_FACTOR_MAX: u8 = 22;

/// What this host encrypts to and what it can open.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// For new objects, where nothing more special says otherwise.
    pub recipients: Recipients,
    /// Of single organizations.
    pub organizations: BTreeMap<OrganizationId, Recipients>,
    /// Of single targets; they come before their organization's.
    pub targets: BTreeMap<TargetId, Recipients>,
    /// For stored ones.
    pub identities: Identities,
}

impl Keys {
    /// Parses the recipients and reads the identity files of the configuration.
    ///
    /// # Errors
    /// As [`Recipients::parse`] and [`Identities::read`].
    pub fn load(config: &EncryptionConfig) -> Result<Self> {
        let mut identities = Identities::read(&config.identities)?;
        let every = config.organizations.values().chain(config.targets.values()).chain([&config.to]);
        let passphrases = every.filter_map(|to| match to {
            EncryptTo::Passphrase(passphrase) => Some(passphrase),
            EncryptTo::Recipients(_) => None,
        });
        for passphrase in passphrases.chain(&config.old_passphrases) {
            identities.add_passphrase(passphrase);
        }
        Ok(Self {
            recipients: Recipients::of(&config.to)?,
            organizations: each(&config.organizations)?,
            targets: each(&config.targets)?,
            identities,
        })
    }

    /// To whom the objects of an organization's backups in a target are encrypted.
    pub fn recipients_of(&self, organization: &OrganizationId, target: &TargetId) -> &Recipients {
        let special = self.targets.get(target).or_else(|| self.organizations.get(organization));
        special.unwrap_or(&self.recipients)
    }

    /// Where objects are encrypted to keys of which this host has none, in words: what is made there can only be restored by who has
    /// one.
    pub fn lost(&self) -> Vec<String> {
        let organizations = self.organizations.iter().map(|(id, to)| (format!("of organization `{id}`"), to));
        let targets = self.targets.iter().map(|(id, to)| (format!("in target `{id}`"), to));
        let all = [(String::new(), &self.recipients)].into_iter().chain(organizations).chain(targets);
        all.filter(|(_, to)| !self.identities.open(to))
            .map(|(place, to)| {
                let place = if place.is_empty() { "backups".to_owned() } else { format!("backups {place}") };
                format!("{place} are encrypted to {to}, and this host has no key that opens them")
            })
            .collect()
    }
}

fn each<T: Clone + Ord>(of: &BTreeMap<T, EncryptTo>) -> Result<BTreeMap<T, Recipients>> {
    of.iter().map(|(id, to)| Ok((id.clone(), Recipients::of(to)?))).collect()
}

/// To whom new objects are encrypted; nobody means that they are stored in the clear.
#[derive(Clone, Default)]
pub struct Recipients(Arc<To>);

#[derive(Default)]
enum To {
    #[default]
    Nobody,
    Public(Vec<x25519::Recipient>),
    /// age allows no other recipient beside a passphrase.
    Passphrase(SecretString),
}

/// The keys that open stored objects; empty when this host has none.
#[derive(Clone, Default)]
pub struct Identities {
    secret: Arc<Vec<x25519::Identity>>,
    passphrases: Vec<Arc<scrypt::Identity>>,
}

impl Recipients {
    fn of(to: &EncryptTo) -> Result<Self> {
        match to {
            EncryptTo::Recipients(texts) => Self::parse(texts),
            EncryptTo::Passphrase(passphrase) => Ok(Self::passphrase(passphrase)),
        }
    }

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
        let recipients: Vec<_> = texts.iter().enumerate().map(parse).collect::<Result<_>>()?;
        Ok(Self(Arc::new(if recipients.is_empty() { To::Nobody } else { To::Public(recipients) })))
    }

    /// Whoever knows a passphrase.
    pub fn passphrase(passphrase: &SecretText) -> Self {
        Self(Arc::new(To::Passphrase(SecretString::from(passphrase.expose().to_owned()))))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(*self.0, To::Nobody)
    }

    /// The public keys, for the manifest; nothing of a passphrase.
    pub fn public_keys(&self) -> Vec<String> {
        match &*self.0 {
            To::Public(recipients) => recipients.iter().map(ToString::to_string).collect(),
            To::Nobody | To::Passphrase(_) => Vec::new(),
        }
    }

    /// What wraps the output of an object.
    pub(super) fn encryptor(&self) -> Result<age::Encryptor, age::EncryptError> {
        match &*self.0 {
            To::Nobody => Err(age::EncryptError::MissingRecipients),
            To::Public(recipients) => {
                age::Encryptor::with_recipients(recipients.iter().map(|recipient| recipient as &dyn age::Recipient))
            }
            To::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK_FACTOR);
                age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            }
        }
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
        Ok(identities.into_iter().collect())
    }

    /// Opens what was encrypted to a passphrase as well.
    pub fn add_passphrase(&mut self, passphrase: &SecretText) {
        let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose().to_owned()));
        identity.set_max_work_factor(WORK_FACTOR_MAX);
        self.passphrases.push(Arc::new(identity));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.secret.is_empty() && self.passphrases.is_empty()
    }

    /// The public halves, in the same order.
    pub fn recipients(&self) -> Recipients {
        let recipients: Vec<_> = self.secret.iter().map(x25519::Identity::to_public).collect();
        Recipients(Arc::new(if recipients.is_empty() { To::Nobody } else { To::Public(recipients) }))
    }

    /// Whether one of these keys opens what is encrypted to those.
    pub fn open(&self, recipients: &Recipients) -> bool {
        match &*recipients.0 {
            // A passphrase to encrypt with is there to decrypt with.
            To::Nobody | To::Passphrase(_) => true,
            To::Public(recipients) => {
                let ours: Vec<String> = self.recipients().public_keys();
                recipients.iter().any(|recipient| ours.contains(&recipient.to_string()))
            }
        }
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        let secret = self.secret.iter().map(|identity| identity as &dyn age::Identity);
        secret.chain(self.passphrases.iter().map(|identity| &**identity as &dyn age::Identity))
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

impl fmt::Display for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            To::Nobody => f.write_str("nobody"),
            To::Public(recipients) => {
                let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
                f.write_str(&recipients.join(", "))
            }
            To::Passphrase(_) => f.write_str("a passphrase"),
        }
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipients({self})")
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({} keys, {} passphrases)", self.secret.len(), self.passphrases.len())
    }
}

impl FromIterator<x25519::Identity> for Identities {
    fn from_iter<I: IntoIterator<Item = x25519::Identity>>(identities: I) -> Self {
        Self { secret: Arc::new(identities.into_iter().collect()), passphrases: Vec::new() }
    }
}
