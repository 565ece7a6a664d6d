//! Webhooks: where an organization wants to be told what happened.

mod claim;
mod delivery;

use std::fmt;

use bulkhead_model::{Failure, NoticeEvent, OrganizationId, Result, Timestamp, WebhookId};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, json, plain};
use crate::page::Page;
use crate::session::{Session, sql};

pub use delivery::{Delivery, DeliveryRecord, DeliveryState};

/// Every job that ends writes a row for each of its organization's webhooks.
const WEBHOOKS_MAX: i64 = 20;

/// A secret, sealed by whoever keeps the master key. Opaque here; it shows in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// The sealed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Sealed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// An address to which notices are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where to.
    pub url: String,
    /// What of.
    pub events: Vec<NoticeEvent>,
    /// A disabled one is told nothing, also later.
    pub enabled: bool,
    /// With what its notices are signed.
    pub sealed_secret: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
    /// When a notice last arrived.
    pub last_success_at: Option<Timestamp>,
    /// Why the last notice that was tried did not arrive; `None` when it did.
    pub last_failure: Option<String>,
}

impl Webhook {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            organization: row.parsed("organization")?,
            url: row.text("url")?,
            events: row.json("events")?,
            enabled: row.flag("enabled")?,
            sealed_secret: row.text("sealed_secret")?.into(),
            created_at: row.time("created_at_us")?,
            updated_at: row.time("updated_at_us")?,
            last_success_at: row.optional_time("last_success_at_us")?,
            last_failure: row.optional_text("last_failure")?,
        })
    }
}

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Its id, chosen by who seals the secret, so that the seal can be bound to it.
    pub id: WebhookId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where to.
    pub url: String,
    /// What of.
    pub events: Vec<NoticeEvent>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// With what its notices are signed.
    pub sealed_secret: Sealed,
}

/// What to change; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where to. What waits goes to the new address.
    pub url: Option<String>,
    /// What of. What waits is sent in any case.
    pub events: Option<Vec<NoticeEvent>>,
    /// Whether it is told anything. Disabling gives up what waits.
    pub enabled: Option<bool>,
    /// With what its notices are signed from now on.
    pub sealed_secret: Option<Sealed>,
}

impl Catalog {
    /// Writes a new webhook.
    ///
    /// # Errors
    /// `conflict` when the organization has as many as it may have.
    pub async fn create_webhook(&self, new: NewWebhook) -> Result<Webhook> {
        let mut session = self.begin().await?;
        let query =
            sql("SELECT COUNT(*) AS total FROM webhooks WHERE organization = $1").bind(new.organization.as_str());
        let webhooks = match session.row(query).await? {
            Some(row) => Fields(&row).number("total")?,
            None => 0,
        };
        if webhooks >= WEBHOOKS_MAX {
            return Err(Failure::conflict(format!("the organization has {WEBHOOKS_MAX} webhooks already"))
                .with_hint("delete one, or let one receiver pass its notices on"));
        }
        let now = session.now().as_micros();
        let query = sql("INSERT INTO webhooks (id, organization, url, events, enabled, sealed_secret, created_at_us,
                 updated_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *")
        .bind(new.id.as_str())
        .bind(new.organization.as_str())
        .bind(plain(&new.url))
        .bind(json(&new.events)?)
        .bind(i64::from(new.enabled))
        .bind(new.sealed_secret.0)
        .bind(now)
        .bind(now);
        let Some(row) = session.row(query).await? else {
            return Err(Failure::internal("a new webhook was not written"));
        };
        let webhook = Webhook::from_row(&row)?;
        session.commit().await?;
        Ok(webhook)
    }

    /// One webhook of the organization.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn webhook(&self, organization: &OrganizationId, id: &WebhookId) -> Result<Webhook> {
        let query = sql("SELECT * FROM webhooks WHERE id = $1 AND organization = $2")
            .bind(id.as_str())
            .bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Webhook::from_row(row),
            None => Err(missing(id)),
        }
    }

    /// The organization's webhooks, newest first, one page; and how many there are.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn webhooks(&self, organization: &OrganizationId, page: Page) -> Result<(Vec<Webhook>, u64)> {
        let order = "created_at_us DESC, id DESC";
        let (rows, total) =
            self.counted_page("webhooks", "organization = $1", &[organization.as_str().into()], order, page).await?;
        Ok((rows.iter().map(Webhook::from_row).collect::<Result<_>>()?, total))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn update_webhook(
        &self,
        organization: &OrganizationId,
        id: &WebhookId,
        change: WebhookChange,
    ) -> Result<Webhook> {
        let mut session = self.begin().await?;
        let query = sql("UPDATE webhooks SET url = COALESCE($1, url), events = COALESCE($2, events),
                 enabled = COALESCE($3, enabled), sealed_secret = COALESCE($4, sealed_secret), updated_at_us = $5
             WHERE id = $6 AND organization = $7 RETURNING *")
        .bind(change.url.as_deref().map(plain))
        .bind(crate::fields::optional_json(change.events.as_ref())?)
        .bind(change.enabled.map(i64::from))
        .bind(change.sealed_secret.map(|sealed| sealed.0))
        .bind(session.now().as_micros())
        .bind(id.as_str())
        .bind(organization.as_str());
        let Some(row) = session.row(query).await? else { return Err(missing(id)) };
        let webhook = Webhook::from_row(&row)?;
        if !webhook.enabled {
            give_up_waiting(&mut session, id, "the webhook was disabled").await?;
        }
        session.commit().await?;
        Ok(webhook)
    }

    /// Removes a webhook; what waits for it is given up.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn delete_webhook(&self, organization: &OrganizationId, id: &WebhookId) -> Result<Webhook> {
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM webhooks WHERE id = $1 AND organization = $2 RETURNING *")
            .bind(id.as_str())
            .bind(organization.as_str());
        let Some(row) = session.row(query).await? else { return Err(missing(id)) };
        let webhook = Webhook::from_row(&row)?;
        give_up_waiting(&mut session, id, DELETED).await?;
        session.commit().await?;
        Ok(webhook)
    }
}

const DELETED: &str = "the webhook was deleted";

async fn give_up_waiting(session: &mut Session, webhook: &WebhookId, why: &str) -> Result<()> {
    let query = sql("UPDATE webhook_deliveries SET state = 'given_up', last_failure = $1, ended_at_us = $2
         WHERE webhook = $3 AND state = 'waiting'")
    .bind(why.to_owned())
    .bind(session.now().as_micros())
    .bind(webhook.as_str());
    session.execute(query).await.map(|_| ())
}

fn missing(id: &WebhookId) -> Failure {
    Failure::not_found(format!("there is no webhook `{id}`"))
}
