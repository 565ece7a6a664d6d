//! Where objects lie in a target: `<prefix>/<organization>/<service>/<backup id>/<name>`.

use bulkhead_model::{BackupId, Encryption, Failure, MANIFEST_NAME, OrganizationId, Result, ServiceId};

const NAME_BYTES: usize = 128;

/// Checks a method's name for an object, e.g. `data.xbstream`. It becomes part of a key and of a path on a file system.
///
/// # Errors
/// `invalid` unless the name is 1 to 128 letters, digits, `.`, `_` or `-`, starts with a letter or digit, and has no `..`.
pub fn check_object_name(name: &str) -> Result<()> {
    let ok = (1..=NAME_BYTES).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !name.contains("..");
    if ok {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_BYTES).collect();
    Err(Failure::invalid(format!("{shown:?} is no object name"))
        .with_hint("use 1 to 128 letters, digits, `.`, `_` or `-`, starting with a letter or digit, without `..`"))
}

/// The name of an object's key in the backup's folder: `<name>.zst`, with `.age` behind when encrypted.
///
/// # Errors
/// As [`check_object_name`].
pub fn stored_name(name: &str, encryption: Encryption) -> Result<String> {
    check_object_name(name)?;
    Ok(match encryption {
        Encryption::None => format!("{name}.zst"),
        Encryption::Age => format!("{name}.zst.age"),
    })
}

/// The folder of one backup in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFolder(String);

impl BackupFolder {
    /// The folder of `backup` under a target's prefix, which may be empty.
    pub fn new(prefix: &str, organization: &OrganizationId, service: &ServiceId, backup: &BackupId) -> Self {
        let folder = format!("{organization}/{service}/{}/", backup.as_str());
        Self(match prefix.trim_matches('/') {
            "" => folder,
            prefix => format!("{prefix}/{folder}"),
        })
    }

    /// What every key of the backup starts with; ends with `/`.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The key of a stored name.
    pub fn key(&self, stored_name: &str) -> String {
        format!("{}{stored_name}", self.0)
    }

    /// The key of the manifest.
    pub fn manifest_key(&self) -> String {
        self.key(MANIFEST_NAME)
    }
}

/// A listed key, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedKey {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The service that was backed up.
    pub service: ServiceId,
    /// The backup it belongs to.
    pub backup: BackupId,
    /// Its name in the backup's folder.
    pub stored_name: String,
}

impl ParsedKey {
    /// Takes a listed key apart; `None` for a key that Bulkhead did not make, which nobody here may delete.
    pub fn parse(prefix: &str, key: &str) -> Option<Self> {
        let rest = match prefix.trim_matches('/') {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let mut parts = rest.split('/');
        let parsed = Self {
            organization: parts.next()?.parse().ok()?,
            service: parts.next()?.parse().ok()?,
            backup: parts.next()?.parse().ok()?,
            stored_name: parts.next()?.to_owned(),
        };
        (parts.next().is_none() && !parsed.stored_name.is_empty()).then_some(parsed)
    }

    /// Whether it is the backup's manifest.
    pub fn is_manifest(&self) -> bool {
        self.stored_name == MANIFEST_NAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_as_it_was_made_and_foreign_keys_are_left_alone() {
        let service: ServiceId = "db1".parse().unwrap();
        let backup = BackupId::new(&service, "127.0.0.1");
        for prefix in ["", "backups", "/a/b/"] {
            let folder = BackupFolder::new(prefix, &"acme".parse().unwrap(), &service, &backup);
            let key = folder.key(&stored_name("data.xbstream", Encryption::Age).unwrap());
            let parsed = ParsedKey::parse(prefix, &key).unwrap();
            assert_eq!((&parsed.backup, parsed.stored_name.as_str()), (&backup, "data.xbstream.zst.age"));
            assert!(ParsedKey::parse(prefix, &folder.manifest_key()).unwrap().is_manifest());
            assert_eq!(ParsedKey::parse("other", &key), None);
        }
        for foreign in ["acme/db1/photo.jpg", "acme/db1/notabackup/x", "acme", "", "acme/db1/"] {
            assert_eq!(ParsedKey::parse("", foreign), None, "{foreign}");
        }
    }

    #[test]
    fn names_cannot_escape_the_folder() {
        for bad in ["", ".", "..", "a/b", "a..b", "-a", "a b", "a\n", "ä", &"a".repeat(129)] {
            assert!(stored_name(bad, Encryption::None).is_err(), "{bad:?}");
        }
    }
}
