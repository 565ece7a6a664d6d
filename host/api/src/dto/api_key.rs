use bulkhead_catalog::ApiKey;
use bulkhead_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::RoleWord;

/// A key to the API; never its text.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyDto {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// What it is for.
    name: String,
    /// The beginning of its text after `bk_`, by which people tell keys apart.
    #[schema(pattern = "^[a-z0-9]{8}$")]
    prefix: String,
    role: RoleWord,
    /// Only on these services; null: on all of them, and on what belongs to none.
    services: Option<Vec<String>>,
    #[schema(format = DateTime)]
    created_at: String,
    /// The subject that made it.
    created_by: String,
    /// Of no use from then on.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Of no use since then.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// When it was last used, give or take a minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

/// A new key, with its text.
#[derive(Serialize, ToSchema)]
pub struct MadeApiKey {
    #[serde(flatten)]
    about: ApiKeyDto,
    /// The key itself, to be sent in the header `X-API-Key`. It is shown here and never again.
    #[schema(pattern = "^bk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$")]
    key: String,
}

/// A part of a listing.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyPage {
    /// Newest first.
    pub api_keys: Vec<ApiKeyDto>,
    /// Of all pages together; 10,001 means more than 10,000.
    pub api_keys_count: u64,
    /// Zero when there is no key.
    pub pages_count: u64,
}

impl MadeApiKey {
    /// A key and its text.
    pub fn new(key: ApiKey, text: String) -> Self {
        Self { about: key.into(), key: text }
    }
}

impl From<ApiKey> for ApiKeyDto {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.into(),
            name: key.name,
            prefix: key.prefix,
            role: key.role.into(),
            services: key.services.map(|services| services.into_iter().map(String::from).collect()),
            created_at: key.created_at.to_seconds_string(),
            created_by: key.created_by,
            expires_at: key.expires_at.map(Timestamp::to_seconds_string),
            revoked_at: key.revoked_at.map(Timestamp::to_seconds_string),
            last_used_at: key.last_used_at.map(Timestamp::to_seconds_string),
        }
    }
}
