use bulkhead_catalog::{DeliveryRecord, DeliveryState, Webhook};
use bulkhead_engine::SecretText;
use bulkhead_model::{NoticeEvent, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// What one can be told of.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeEvent)]
#[expect(dead_code, reason = "for the document; events write themselves")]
pub enum EventWord {
    #[serde(rename = "backup.succeeded")]
    BackupSucceeded,
    #[serde(rename = "backup.failed")]
    BackupFailed,
    #[serde(rename = "backup.missed")]
    BackupMissed,
    #[serde(rename = "backup.too_old")]
    BackupTooOld,
    #[serde(rename = "backup.suspect")]
    BackupSuspect,
    #[serde(rename = "backup.copy_failed")]
    CopyFailed,
    #[serde(rename = "restore.succeeded")]
    RestoreSucceeded,
    #[serde(rename = "restore.failed")]
    RestoreFailed,
    #[serde(rename = "reset.succeeded")]
    ResetSucceeded,
    #[serde(rename = "reset.failed")]
    ResetFailed,
}

/// An address to which notices are sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookDto {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    url: String,
    #[schema(value_type = Vec<EventWord>)]
    events: Vec<NoticeEvent>,
    enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// When a notice last arrived.
    #[schema(format = DateTime)]
    last_success_at: Option<String>,
    /// Why the last notice that was tried did not arrive; null when it did.
    last_failure: Option<String>,
    /// With what notices are signed, `whsec_...`; only when it was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

/// A part of a listing.
#[derive(Serialize, ToSchema)]
pub struct WebhookPage {
    /// Newest first.
    pub webhooks: Vec<WebhookDto>,
    /// Of all pages together.
    pub webhooks_count: u64,
    /// Zero when there is no webhook.
    pub pages_count: u64,
}

/// A notice on its way to one webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryDto {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// What of: an event of the webhook, or `test`.
    event: String,
    status: DeliveryStatus,
    /// Tries begun so far.
    attempts: u32,
    /// When it happened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried next.
    #[schema(format = DateTime)]
    next_try_at: Option<String>,
    /// When it arrived or was given up.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why the last try failed, or why no other follows.
    last_failure: Option<String>,
    /// What is sent.
    #[schema(value_type = Object)]
    payload: serde_json::Value,
}

/// Where a delivery stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DeliveryStatus {
    /// To be tried, now or later.
    Pending,
    /// Arrived.
    Delivered,
    /// Given up.
    Failed,
}

/// A part of a listing.
#[derive(Serialize, ToSchema)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<DeliveryDto>,
    /// Of all pages together; 10,001 means more than 10,000.
    pub deliveries_count: u64,
    /// Zero when there is no delivery.
    pub pages_count: u64,
}

impl WebhookDto {
    /// A webhook, and its secret when that was made just now.
    pub fn with_secret(webhook: Webhook, secret: Option<SecretText>) -> Self {
        Self { secret: secret.map(|secret| secret.expose().to_owned()), ..Self::from(webhook) }
    }
}

impl From<Webhook> for WebhookDto {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.into(),
            url: webhook.url,
            events: webhook.events,
            enabled: webhook.enabled,
            created_at: webhook.created_at.to_seconds_string(),
            updated_at: webhook.updated_at.to_seconds_string(),
            last_success_at: webhook.last_success_at.map(Timestamp::to_seconds_string),
            last_failure: webhook.last_failure,
            secret: None,
        }
    }
}

impl From<DeliveryRecord> for DeliveryDto {
    fn from(delivery: DeliveryRecord) -> Self {
        Self {
            id: delivery.id.into(),
            event: delivery.event.to_string(),
            status: match delivery.state {
                DeliveryState::Waiting => DeliveryStatus::Pending,
                DeliveryState::Delivered => DeliveryStatus::Delivered,
                DeliveryState::GivenUp => DeliveryStatus::Failed,
            },
            attempts: delivery.attempts,
            created_at: delivery.created_at.to_seconds_string(),
            next_try_at: delivery.next_try_at.map(Timestamp::to_seconds_string),
            ended_at: delivery.ended_at.map(Timestamp::to_seconds_string),
            last_failure: delivery.last_failure,
            payload: delivery.payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_documented_in_the_words_that_are_answered() {
        let documented = serde_json::to_value(<EventWord as utoipa::PartialSchema>::schema()).unwrap()["enum"].clone();
        let all: Vec<_> = NoticeEvent::ALL.iter().filter(|event| **event != NoticeEvent::Test).collect();
        assert_eq!(documented, serde_json::json!(all));
    }
}
