//! Where objects lie in a target: `<prefix>/<organization>/<service>/<backup id>/<name>`.

use bulkhead_model::{BackupId, Encryption, Failure, OrganizationId, Result, ServiceId};

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

/// The name of an object's key in the backup's folder: `<name>.zst`, with `.age` behind when encrypted. Attempts after the first
/// write `<name>@<attempt>.zst`; `@` cannot be part of a name, so attempts never meet under one key.
pub fn object_key_name(name: &str, attempt: u32, encryption: Encryption) -> String {
    let suffix = match encryption {
        Encryption::None => "zst",
        Encryption::Age => "zst.age",
    };
    if attempt <= 1 { format!("{name}.{suffix}") } else { format!("{name}@{attempt}.{suffix}") }
}

/// Whether `key` is one that [`object_key_name`] makes for an object of that name.
pub(super) fn is_key_name_of(key: &str, name: &str, encryption: Encryption) -> bool {
    if check_object_name(name).is_err() {
        return false;
    }
    let attempt = key
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('@'))
        .map_or(Some(1), |rest| rest.split_once('.').and_then(|(attempt, _)| attempt.parse::<u32>().ok()));
    attempt.is_some_and(|attempt| object_key_name(name, attempt, encryption) == key)
}

/// What every key of a backup starts with: `<organization>/<service>/<backup id>/`. The target's own prefix comes before it.
pub fn backup_prefix(organization: &OrganizationId, service: &ServiceId, backup: &BackupId) -> String {
    format!("{organization}/{service}/{backup}/")
}

/// Takes a listed key apart into a backup's prefix and the backup's id; `None` for a key that Bulkhead did not make, which nobody
/// here may delete.
pub fn parse_key(key: &str) -> Option<(String, BackupId)> {
    let mut parts = key.split('/');
    let organization: OrganizationId = parts.next()?.parse().ok()?;
    let service: ServiceId = parts.next()?.parse().ok()?;
    let backup: BackupId = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let ours = !name.is_empty() && name.chars().all(of_a_name) && parts.next().is_none();
    ours.then(|| (backup_prefix(&organization, &service, &backup), backup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_as_it_was_made_and_foreign_keys_are_left_alone() {
        let service: ServiceId = "db1".parse().unwrap();
        let backup = BackupId::new(&service, "127.0.0.1");
        let prefix = backup_prefix(&"acme".parse().unwrap(), &service, &backup);
        let key = format!("{prefix}{}", object_key_name("data.xbstream", 1, Encryption::Age));
        assert!(key.ends_with("/data.xbstream.zst.age"));
        assert_eq!(parse_key(&key), Some((prefix, backup)));
        for foreign in ["acme/db1/photo.jpg", "acme/db1/notabackup/x", "acme", "", "acme/db1/", &format!("{key}/x")] {
            assert_eq!(parse_key(foreign), None, "{foreign}");
        }
        // One that no target takes for a key would end the sweep when it is deleted.
        assert_eq!(parse_key(&format!("{key}#x")), None);
    }

    #[test]
    fn no_two_objects_or_attempts_share_a_key() {
        let mut seen = std::collections::BTreeSet::new();
        for name in ["a", "a.2", "a.zst", "a.zst.age", "a.2.zst"] {
            for attempt in [1, 2, 3] {
                for encryption in [Encryption::None, Encryption::Age] {
                    let key = object_key_name(name, attempt, encryption);
                    assert!(is_key_name_of(&key, name, encryption), "{key}");
                    // Encryption is one for a whole backup, so only keys under the same one could meet.
                    assert!(seen.insert((encryption == Encryption::Age, key)), "{name} {attempt}");
                }
            }
        }
        assert!(!is_key_name_of("../b.zst", "../b", Encryption::None));
        assert!(!is_key_name_of("a@02.zst", "a", Encryption::None));
        assert!(!is_key_name_of("b.zst", "a", Encryption::None));
    }

    #[test]
    fn names_cannot_escape_the_folder() {
        for bad in ["", ".", "..", "a/b", "a..b", "-a", "a b", "a\n", "ä", "a@2", &"a".repeat(129)] {
            assert!(check_object_name(bad).is_err(), "{bad:?}");
        }
    }
}
