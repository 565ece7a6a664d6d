//! What the API asks about webhooks.

use bulkhead_catalog::{DeliveryRecord, NewWebhook, Webhook, WebhookChange};
use bulkhead_model::{OrganizationId, Result, WebhookId};

use super::{address, purpose, sign};
use crate::config::SecretText;
use crate::engine::{Engine, Inner};
use crate::request::{CreateWebhook, UpdateWebhook};

impl Engine {
    /// Makes a webhook. Its secret is answered this once and never again.
    ///
    /// # Errors
    /// `invalid` and `denied` for a url to which nothing is sent, `conflict` when the organization has as many as it may have.
    pub async fn create_webhook(
        &self,
        organization: &OrganizationId,
        ask: CreateWebhook,
    ) -> Result<(Webhook, SecretText)> {
        let url = address::check_url(&ask.url, &self.inner.outbox.allowed)?;
        let id = WebhookId::new();
        let (secret, sealed) = new_secret(&self.inner, organization, &id)?;
        let new = NewWebhook {
            id,
            organization: organization.clone(),
            url,
            events: ask.events,
            enabled: ask.enabled,
            sealed_secret: sealed.into(),
        };
        Ok((self.inner.catalog.create_webhook(new).await?, secret))
    }

    /// Changes a webhook. A new secret is answered this once and never again.
    ///
    /// # Errors
    /// `not-found`; as [`create_webhook`](Self::create_webhook).
    pub async fn update_webhook(
        &self,
        organization: &OrganizationId,
        id: &WebhookId,
        ask: UpdateWebhook,
    ) -> Result<(Webhook, Option<SecretText>)> {
        let url = ask.url.map(|url| address::check_url(&url, &self.inner.outbox.allowed)).transpose()?;
        let rotated = if ask.rotate_secret { Some(new_secret(&self.inner, organization, id)?) } else { None };
        let (secret, sealed) = rotated.unzip();
        let change =
            WebhookChange { url, events: ask.events, enabled: ask.enabled, sealed_secret: sealed.map(Into::into) };
        Ok((self.inner.catalog.update_webhook(organization, id, change).await?, secret))
    }

    /// Removes a webhook; what waits for it is given up.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn delete_webhook(&self, organization: &OrganizationId, id: &WebhookId) -> Result<Webhook> {
        self.inner.catalog.delete_webhook(organization, id).await
    }

    /// Sends a notice that tells nothing to one webhook, whatever events it wants. What became of it stands among its deliveries.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it is disabled.
    pub async fn test_webhook(&self, organization: &OrganizationId, id: &WebhookId) -> Result<DeliveryRecord> {
        let delivery = self.inner.catalog.test_webhook(organization, id).await?;
        self.inner.outbox.wake();
        Ok(delivery)
    }
}

/// A new secret, and the same sealed.
fn new_secret(engine: &Inner, organization: &OrganizationId, id: &WebhookId) -> Result<(SecretText, String)> {
    let secret = sign::new_secret()?;
    let sealed = engine.master_key.seal(&purpose(organization, id), secret.as_bytes())?;
    Ok((SecretText::new(secret), sealed))
}
