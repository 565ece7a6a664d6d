//! From what a person typed to a backup.

use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, OrganizationId, Result, ServiceId};

use super::{Backup, not_found};
use crate::catalog::Catalog;
use crate::list::Selection;

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
        self.resolve_backup_of(organization, text, None).await
    }

    /// The same among the backups of these services: others are neither meant nor named.
    ///
    /// # Errors
    /// As [`resolve_backup`](Self::resolve_backup).
    pub async fn resolve_backup_of(
        &self,
        organization: &OrganizationId,
        text: &str,
        services: Option<&[ServiceId]>,
    ) -> Result<Backup> {
        let visible = |backup: &Backup| services.is_none_or(|services| services.contains(&backup.service));
        if let Ok(id) = text.parse::<BackupId>() {
            match self.backup(organization, &id).await {
                Ok(backup) if backup.state != BackupState::Deleted && visible(&backup) => return Ok(backup),
                // The beginning of an id, up to somewhere in the server's name, looks like one too.
                Ok(_) => {}
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        if text.is_empty() || text.contains('\0') {
            return Err(not_found(text.trim_matches('\0')));
        }
        let mut candidates = self.backups_named(organization, text, services).await?;
        for backup in self.backups_with_prefix(organization, text, services).await? {
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

    async fn backups_named(
        &self,
        organization: &OrganizationId,
        name: &str,
        services: Option<&[ServiceId]>,
    ) -> Result<Vec<Backup>> {
        let mut selection = Selection::new("backups", organization);
        selection.only("name", Some(name));
        selection.given("state <> 'deleted'");
        selection.of_services(None, services);
        let rest = format!("ORDER BY created_at_us DESC, id DESC LIMIT {CANDIDATES}");
        self.rows(selection.query("*", &rest)).await?.iter().map(Backup::from_row).collect()
    }

    async fn backups_with_prefix(
        &self,
        organization: &OrganizationId,
        text: &str,
        services: Option<&[ServiceId]>,
    ) -> Result<Vec<Backup>> {
        let digits: String = text.chars().take(DIGITS).collect();
        let Some(end) = after_prefix(&digits) else { return Ok(Vec::new()) };
        let mut selection = Selection::new("backups", organization);
        selection.between("id", &digits, &end);
        selection.given("state <> 'deleted'");
        selection.of_services(None, services);
        let rows = self.rows(selection.query("*", &format!("ORDER BY id LIMIT {CANDIDATES}"))).await?;
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
