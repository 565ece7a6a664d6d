//! From what a person typed to a backup.

use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, OrganizationId, Result};

use super::{Backup, not_found};
use crate::catalog::Catalog;
use crate::session::sql;

/// A shorter prefix is taken for a slip.
const PREFIX_MIN: usize = 4;
/// The hexadecimal digits that an id begins with.
const DIGITS: usize = 32;
/// Enough candidates to name in an error.
const CANDIDATES: i64 = 6;

impl Catalog {
    /// The backup meant by an id, by a prefix of one (at least 4 characters) or by a name.
    ///
    /// # Errors
    /// `not-found`; `conflict` that lists the candidates when several are meant.
    pub async fn resolve_backup(&self, organization: &OrganizationId, text: &str) -> Result<Backup> {
        if let Ok(id) = text.parse::<BackupId>() {
            match self.backup(organization, &id).await {
                Ok(backup) if backup.state != BackupState::Deleted => return Ok(backup),
                // The beginning of an id, up to somewhere in the server's name, looks like one too.
                Ok(_) => {}
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        if text.is_empty() || text.contains('\0') {
            return Err(not_found(text.trim_matches('\0')));
        }
        let mut candidates = self.backups_named(organization, text).await?;
        for backup in self.backups_with_prefix(organization, text).await? {
            if candidates.iter().all(|candidate| candidate.id != backup.id) {
                candidates.push(backup);
            }
        }
        match candidates.len() {
            0 => Err(not_found(text)),
            1 => candidates.pop().ok_or_else(|| not_found(text)),
            several => {
                let shown = usize::try_from(CANDIDATES - 1).unwrap_or(several);
                let mut ids: Vec<&str> = candidates.iter().take(shown).map(|backup| backup.id.as_str()).collect();
                if several > shown {
                    ids.push("and more");
                }
                Err(Failure::conflict(format!("`{text}` may mean several backups: {}", ids.join(", ")))
                    .with_hint("give more of the id"))
            }
        }
    }

    async fn backups_named(&self, organization: &OrganizationId, name: &str) -> Result<Vec<Backup>> {
        let query = sql("SELECT * FROM backups WHERE organization = $1 AND name = $2 AND state <> 'deleted'
             ORDER BY created_at_us DESC, id DESC LIMIT $3")
        .bind(organization.as_str())
        .bind(name.to_owned())
        .bind(CANDIDATES);
        self.rows(query).await?.iter().map(Backup::from_row).collect()
    }

    async fn backups_with_prefix(&self, organization: &OrganizationId, text: &str) -> Result<Vec<Backup>> {
        let digits: String = text.chars().take(DIGITS).collect();
        let Some(end) = after_prefix(&digits) else { return Ok(Vec::new()) };
        let query = sql("SELECT * FROM backups WHERE organization = $1 AND id >= $2 AND id < $3 AND state <> 'deleted'
             ORDER BY id LIMIT $4")
        .bind(organization.as_str())
        .bind(digits)
        .bind(end)
        .bind(CANDIDATES);
        let rows = self.rows(query).await?;
        let found: Vec<Backup> = rows.iter().map(Backup::from_row).collect::<Result<_>>()?;
        Ok(found.into_iter().filter(|backup| backup.id.as_str().starts_with(text)).collect())
    }
}

/// The least text of hexadecimal digits, or `g`, that comes after everything with this prefix. `None` when it is no
/// prefix of an id.
fn after_prefix(digits: &str) -> Option<String> {
    if digits.len() < PREFIX_MIN || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let (rest, last) = digits.split_at(digits.len() - 1);
    let next = match last.as_bytes() {
        // Between `9` and `a` lie characters that collations order as they like.
        [b'9'] => 'a',
        [byte] => char::from(byte + 1),
        _ => return None,
    };
    Some(format!("{rest}{next}"))
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn the_range_of_a_prefix_ends_at_a_digit_or_letter() {
        for (prefix, end) in [("eda3", "eda4"), ("eda9", "edaa"), ("edaf", "edag")] {
            assert_eq!(after_prefix(prefix).as_deref(), Some(end));
        }
        for no in ["eda", "nightly", "EDA3", "eda%", "éééé"] {
            assert_eq!(after_prefix(no), None, "{no}");
        }
    }
}
