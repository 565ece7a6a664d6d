//! Keys to the API. The catalog holds the SHA-256 of a key's text, never the text.

use std::time::Duration;

use bulkhead_model::{ApiKeyId, Digest, Failure, OrganizationId, Result, Role, ServiceId, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, optional_json, plain};
use crate::page::Page;
use crate::session::sql;

/// The last use is known this exactly: a key in steady use writes to the catalog once in this time, not with every
/// request.
const TOUCHED_EVERY: Duration = Duration::from_secs(60);

/// A key to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is; it opens nothing else.
    pub organization: OrganizationId,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// The beginning of its text by which people and the catalog find it; not secret.
    pub prefix: String,
    /// What it may do.
    pub role: Role,
    /// Only on these services; `None`: on all of them, and on what belongs to the organization as a whole.
    pub services: Option<Vec<ServiceId>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The subject that made it.
    pub created_by: String,
    /// Of no use from then on.
    pub expires_at: Option<Timestamp>,
    /// Of no use since then.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it opens anything at this instant.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            organization: row.parsed("organization")?,
            name: row.text("name")?,
            prefix: row.text("prefix")?,
            role: row.parsed("role")?,
            services: row.optional_json("services")?,
            created_at: row.time("created_at_us")?,
            created_by: row.text("created_by")?,
            expires_at: row.optional_time("expires_at_us")?,
            revoked_at: row.optional_time("revoked_at_us")?,
            last_used_at: row.optional_time("last_used_at_us")?,
        })
    }
}

/// A key to be made. Not [`Debug`](std::fmt::Debug): the hash is nobody's to read.
#[derive(Clone)]
pub struct NewApiKey {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it is for.
    pub name: String,
    /// The beginning of its text, unique among all keys.
    pub prefix: String,
    /// SHA-256 of its whole text.
    pub secret_sha256: Digest,
    /// What it may do.
    pub role: Role,
    /// Only on these services.
    pub services: Option<Vec<ServiceId>>,
    /// The subject that makes it.
    pub created_by: String,
    /// Of no use from then on.
    pub expires_at: Option<Timestamp>,
}

impl Catalog {
    /// Writes a new key.
    ///
    /// # Errors
    /// `conflict` when another key has this prefix: make another text.
    pub async fn create_api_key(&self, new: NewApiKey) -> Result<ApiKey> {
        let mut session = self.begin().await?;
        let query = sql("INSERT INTO api_keys (id, organization, name, prefix, secret_sha256, role, services,
                 created_at_us, created_by, expires_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (prefix) DO NOTHING RETURNING *")
        .bind(String::from(ApiKeyId::new()))
        .bind(new.organization.as_str())
        .bind(plain(&new.name))
        .bind(new.prefix)
        .bind(new.secret_sha256.to_string())
        .bind(new.role.to_string())
        .bind(optional_json(new.services.as_ref())?)
        .bind(session.now().as_micros())
        .bind(plain(&new.created_by))
        .bind(new.expires_at.map(Timestamp::as_micros));
        let Some(row) = session.row(query).await? else {
            return Err(Failure::conflict("another API key begins the same way").with_retry(true));
        };
        let key = ApiKey::from_row(&row)?;
        session.commit().await?;
        Ok(key)
    }

    /// The key whose text begins so, of whichever organization, revoked and expired ones too, and the SHA-256 of its
    /// whole text. Whoever calls this compares that in constant time and then asks [`ApiKey::is_valid`].
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn api_key_by_prefix(&self, prefix: &str) -> Result<Option<(ApiKey, Digest)>> {
        if prefix.contains('\0') {
            return Ok(None);
        }
        let query = sql("SELECT * FROM api_keys WHERE prefix = $1").bind(prefix.to_owned());
        match self.rows(query).await?.first() {
            Some(row) => Ok(Some((ApiKey::from_row(row)?, Fields(row).parsed("secret_sha256")?))),
            None => Ok(None),
        }
    }

    /// One key of the organization.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn api_key(&self, organization: &OrganizationId, id: &ApiKeyId) -> Result<ApiKey> {
        let query = sql("SELECT * FROM api_keys WHERE id = $1 AND organization = $2")
            .bind(id.as_str())
            .bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => ApiKey::from_row(row),
            None => Err(missing(id)),
        }
    }

    /// The organization's keys, newest first, revoked and expired ones too, one page; and how many there are.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn api_keys(&self, organization: &OrganizationId, page: Page) -> Result<(Vec<ApiKey>, u64)> {
        let order = "created_at_us DESC, id DESC";
        let (rows, total) =
            self.counted_page("api_keys", "organization = $1", &[organization.as_str().into()], order, page).await?;
        Ok((rows.iter().map(ApiKey::from_row).collect::<Result<_>>()?, total))
    }

    /// Makes a key useless for good. Asked for twice, the first time stands.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn revoke_api_key(&self, organization: &OrganizationId, id: &ApiKeyId) -> Result<ApiKey> {
        let mut session = self.begin().await?;
        let query = sql("UPDATE api_keys SET revoked_at_us = COALESCE(revoked_at_us, $1)
             WHERE id = $2 AND organization = $3 RETURNING *")
        .bind(session.now().as_micros())
        .bind(id.as_str())
        .bind(organization.as_str());
        let Some(row) = session.row(query).await? else { return Err(missing(id)) };
        let key = ApiKey::from_row(&row)?;
        session.commit().await?;
        Ok(key)
    }

    /// Remembers that a key was used now. Costs nothing when `key`, as it was just read, says that it was used within
    /// the last minute.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn touch_api_key(&self, key: &ApiKey) -> Result<()> {
        let stale = self.now().minus(TOUCHED_EVERY);
        if key.last_used_at.is_some_and(|last| last > stale) {
            return Ok(());
        }
        let mut session = self.begin().await?;
        // Many requests may have read the same old time; one of them writes.
        let query = sql("UPDATE api_keys SET last_used_at_us = $1
             WHERE id = $2 AND (last_used_at_us IS NULL OR last_used_at_us <= $3)")
        .bind(session.now().as_micros())
        .bind(key.id.as_str())
        .bind(stale.as_micros());
        session.execute(query).await?;
        session.commit().await
    }
}

fn missing(id: &ApiKeyId) -> Failure {
    Failure::not_found(format!("there is no API key `{id}`"))
}
