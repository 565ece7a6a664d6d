//! Deliveries: one notice on its way to one webhook each, written in the transaction that makes it true.

use bulkhead_model::{DeliveryId, NoticeEvent, OrganizationId, Result, Timestamp, WebhookId};
use serde_json::Value;
use sqlx::any::AnyRow;

use super::Webhook;
use crate::catalog::Catalog;
use crate::fields::{Fields, plain};
use crate::page::Page;
use crate::session::sql;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be tried, now or later; perhaps a host is at it.
    Waiting,
    /// Arrived.
    Delivered,
    /// Will not be tried any more.
    GivenUp,
}

impl DeliveryState {
    /// The word that the catalog keeps and the API answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Waiting, Self::Delivered, Self::GivenUp];
        all.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("`{text}` is no DeliveryState"))
    }
}

/// A delivery that a host has claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id, the same at every try.
    pub id: DeliveryId,
    /// Where to, as it is configured now.
    pub webhook: Webhook,
    /// What of.
    pub event: NoticeEvent,
    /// What is sent, the same at every try.
    pub payload: Value,
    /// 1 for the first try.
    pub attempt: u32,
    /// When it happened.
    pub created_at: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRecord {
    /// Its id.
    pub id: DeliveryId,
    /// What of.
    pub event: NoticeEvent,
    /// Where it stands.
    pub state: DeliveryState,
    /// What is sent.
    pub payload: Value,
    /// Tries begun so far.
    pub attempts: u32,
    /// When it happened.
    pub created_at: Timestamp,
    /// While it waits: when it is tried next, unless a host is at it.
    pub next_try_at: Option<Timestamp>,
    /// When it arrived or was given up.
    pub ended_at: Option<Timestamp>,
    /// Why the last try failed, or why no other follows.
    pub last_failure: Option<String>,
}

impl DeliveryRecord {
    pub(crate) fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        let state = row.parsed("state")?;
        Ok(Self {
            id: row.parsed("id")?,
            event: row.parsed("event")?,
            state,
            payload: row.json("payload")?,
            attempts: row.unsigned("attempts")?,
            created_at: row.time("created_at_us")?,
            next_try_at: (state == DeliveryState::Waiting).then_some(row.time("next_try_at_us")?),
            ended_at: row.optional_time("ended_at_us")?,
            last_failure: row.optional_text("last_failure")?,
        })
    }
}

impl Catalog {
    /// The deliveries to one of the organization's webhooks, newest first, one page; and how many there are (10,001:
    /// more than 10,000). Those that ended long ago are gone, see [`prune_deliveries`](Self::prune_deliveries).
    ///
    /// # Errors
    /// `not-found` when the organization has no such webhook.
    pub async fn deliveries(
        &self,
        organization: &OrganizationId,
        webhook: &WebhookId,
        page: Page,
    ) -> Result<(Vec<DeliveryRecord>, u64)> {
        self.webhook(organization, webhook).await?;
        let order = "created_at_us DESC, id DESC";
        let (rows, total) =
            self.counted_page("webhook_deliveries", "webhook = $1", &[webhook.as_str().into()], order, page).await?;
        Ok((rows.iter().map(DeliveryRecord::from_row).collect::<Result<_>>()?, total))
    }

    /// A delivery has arrived. True even when its lease has run out meanwhile: then it arrives twice, under one id.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn delivery_done(&self, delivery: &Delivery) -> Result<()> {
        let mut session = self.begin().await?;
        let now = session.now().as_micros();
        let query = sql("UPDATE webhook_deliveries SET state = 'delivered', last_failure = NULL, ended_at_us = $1
             WHERE id = $2 AND state = 'waiting'")
        .bind(now)
        .bind(delivery.id.as_str());
        session.execute(query).await?;
        let query = sql("UPDATE webhooks SET last_success_at_us = $1, last_failure = NULL WHERE id = $2")
            .bind(now)
            .bind(delivery.webhook.id.as_str());
        session.execute(query).await?;
        session.commit().await
    }

    /// A try has failed; the next one is not before `next_try`, and without one there is none. Nothing happens when the
    /// lease has run out and another host is at it.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn delivery_failed(&self, delivery: &Delivery, message: &str, next_try: Option<Timestamp>) -> Result<()> {
        let mut session = self.begin().await?;
        let now = session.now().as_micros();
        let state = if next_try.is_some() { DeliveryState::Waiting } else { DeliveryState::GivenUp };
        let query =
            sql("UPDATE webhook_deliveries SET state = $1, last_failure = $2, host = NULL, held_until_us = NULL,
                 next_try_at_us = COALESCE($3, next_try_at_us), ended_at_us = $4
             WHERE id = $5 AND state = 'waiting' AND attempts = $6")
            .bind(state.as_str())
            .bind(plain(message))
            .bind(next_try.map(Timestamp::as_micros))
            .bind(next_try.is_none().then_some(now))
            .bind(delivery.id.as_str())
            .bind(i64::from(delivery.attempt));
        if session.execute(query).await? == 0 {
            return Ok(());
        }
        let query = sql("UPDATE webhooks SET last_failure = $1 WHERE id = $2")
            .bind(plain(message))
            .bind(delivery.webhook.id.as_str());
        session.execute(query).await?;
        session.commit().await
    }

    /// Forgets at most `limit` deliveries that ended before an instant; answers how many. With them goes the memory of
    /// what was sent already (see [`record_notice`](Self::record_notice)).
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn prune_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM webhook_deliveries WHERE id IN (
                 SELECT id FROM webhook_deliveries WHERE state <> 'waiting' AND ended_at_us < $1
                 ORDER BY ended_at_us LIMIT $2)")
        .bind(before.as_micros())
        .bind(i64::from(limit));
        let pruned = session.execute(query).await?;
        session.commit().await?;
        Ok(pruned)
    }
}
