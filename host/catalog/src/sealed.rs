//! Secrets in the catalog, for whoever has to seal them under another key.

use std::fmt;

use bulkhead_model::{OrganizationId, Result};

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::sql_of_parts;
use crate::webhook::Sealed;

/// What has a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedNoun {
    /// The secret with which its notices are signed.
    Webhook,
    /// Its credentials.
    Target,
}

impl SealedNoun {
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Webhook => ("webhooks", "sealed_secret"),
            Self::Target => ("targets", "sealed_credentials"),
        }
    }
}

impl fmt::Display for SealedNoun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook => "webhook",
            Self::Target => "target",
        })
    }
}

/// One sealed secret.
#[derive(Clone, Debug)]
pub struct SealedRow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Of which one.
    pub id: String,
    /// The secret.
    pub sealed: Sealed,
}

impl Catalog {
    /// At most `limit` secrets whose sealed text does not begin with `prefix`, those behind `after`.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn sealed_not_under(
        &self,
        noun: SealedNoun,
        prefix: &str,
        after: Option<&SealedRow>,
        limit: u32,
    ) -> Result<Vec<SealedRow>> {
        let (table, column) = noun.place();
        let text = format!(
            "SELECT organization, id, {column} AS sealed FROM {table}
             WHERE {column} IS NOT NULL AND SUBSTR({column}, 1, {}) <> $1
                 AND (organization > $2 OR (organization = $2 AND id > $3))
             ORDER BY organization, id LIMIT $4",
            prefix.len()
        );
        let after = after.map(|row| (row.organization.as_str().to_owned(), row.id.clone())).unwrap_or_default();
        let query = sql_of_parts(text).bind(prefix.to_owned()).bind(after.0).bind(after.1).bind(i64::from(limit));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Fields(row);
                let sealed = row.text("sealed")?.into();
                Ok(SealedRow { organization: row.parsed("organization")?, id: row.text("id")?, sealed })
            })
            .collect()
    }

    /// Puts another sealed text into the place of one, unless somebody has changed it meanwhile. Says whether it did.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn reseal(&self, noun: SealedNoun, row: &SealedRow, sealed: Sealed) -> Result<bool> {
        let (table, column) = noun.place();
        let text = format!("UPDATE {table} SET {column} = $1 WHERE organization = $2 AND id = $3 AND {column} = $4");
        let mut session = self.begin().await?;
        let query = sql_of_parts(text)
            .bind(sealed.as_str().to_owned())
            .bind(row.organization.as_str().to_owned())
            .bind(row.id.clone())
            .bind(row.sealed.as_str().to_owned());
        let changed = session.execute(query).await?;
        session.commit().await?;
        Ok(changed > 0)
    }
}
