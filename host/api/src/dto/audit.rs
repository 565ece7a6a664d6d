use bulkhead_catalog::AuditEntry;
use bulkhead_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditDto {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// When it was asked for.
    #[schema(format = DateTime)]
    at: String,
    /// By whom.
    subject: String,
    /// How they showed it: `token`, `key:<prefix>`, `local`.
    credential: String,
    /// What: the operation's id, e.g. `restores.create`.
    action: String,
    /// Upon what, as far as known.
    object: Option<String>,
    /// From where.
    address: Option<String>,
    request_id: String,
    /// When it was answered; null long afterwards: the host died at it.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// The status of the answer.
    status: Option<u16>,
    /// The code of the problem that was answered.
    code: Option<String>,
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub audit: Vec<AuditDto>,
    /// Of all pages together; 10,001 means more than 10,000.
    pub audit_count: u64,
    /// Zero when there is no entry.
    pub pages_count: u64,
}

impl From<AuditEntry> for AuditDto {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.into(),
            at: entry.at.to_seconds_string(),
            subject: entry.subject,
            credential: entry.credential,
            action: entry.action,
            object: entry.object,
            address: entry.address,
            request_id: entry.request_id,
            ended_at: entry.ended_at.map(Timestamp::to_seconds_string),
            status: entry.status,
            code: entry.code,
        }
    }
}
