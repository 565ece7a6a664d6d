//! Taking the deliveries that are due. Race-free between hosts.

use std::time::Duration;

use bulkhead_model::{DeliveryId, Failure, Result, WebhookId};

use super::{DELETED, Delivery, Webhook, delivery::DeliveryRecord};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::{Session, sql, sql_of_parts};

/// Of one webhook at most so many are claimed at once, and no more while some are held: a receiver that hangs, and the
/// queue that grows behind it, keep few of a host's senders from everybody else's notices.
const PER_WEBHOOK: u32 = 8;
/// The longest due that are looked at: however long the queue is, a claim costs the same. One webhook may fill this
/// window, until some of it are held; the next claim sees the others.
const WINDOW: u32 = 1000;

impl Catalog {
    /// Claims at most `limit` deliveries that are due, the longest due first; fewer do not mean that nothing else is due,
    /// none do. Whoever holds one says
    /// [`delivery_done`](Self::delivery_done) or [`delivery_failed`](Self::delivery_failed) within `lease`; after that it
    /// is another's to claim. A host that dies at each try of a delivery says neither: whoever claims one with a high
    /// `attempt` should give it up untried.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn claim_deliveries(&self, host: &str, limit: u32, lease: Duration) -> Result<Vec<Delivery>> {
        // Mostly nothing is due; that is found without taking the writer's turn.
        let due = sql("SELECT id FROM webhook_deliveries WHERE state = 'waiting' AND next_try_at_us <= $1 LIMIT 1")
            .bind(self.now().as_micros());
        if self.rows(due).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.begin().await?;
        let mut claimed = Vec::new();
        for (id, webhook) in look(&mut session, limit).await? {
            let query = sql("SELECT * FROM webhooks WHERE id = $1").bind(webhook.as_str());
            let webhook = session.row(query).await?.as_ref().map(Webhook::from_row).transpose();
            match webhook {
                Ok(Some(webhook)) if webhook.enabled => {
                    claimed.extend(take(&mut session, &id, webhook, host, lease).await?);
                }
                // Written while somebody disabled or deleted the webhook.
                Ok(Some(_)) => give_up(&mut session, &id, "the webhook was disabled").await?,
                Ok(None) => give_up(&mut session, &id, DELETED).await?,
                Err(failure) => put_off(&mut session, &id, &failure, lease).await?,
            }
        }
        session.commit().await?;
        Ok(claimed)
    }
}

/// What is due. On PostgreSQL these rows stay locked, and those that other claims look at are passed over.
async fn look(session: &mut Session, limit: u32) -> Result<Vec<(DeliveryId, WebhookId)>> {
    // A held delivery is due again when its lease ends: `next_try_at_us` says so too.
    let text = format!(
        "SELECT d.id, d.webhook FROM webhook_deliveries d
         WHERE d.state = 'waiting' AND d.next_try_at_us <= $1 AND d.id IN (
             SELECT r.id FROM (
                 SELECT f.id, ROW_NUMBER() OVER (PARTITION BY f.webhook ORDER BY f.next_try_at_us, f.id) AS place
                 FROM (
                     SELECT c.id, c.webhook, c.next_try_at_us FROM webhook_deliveries c
                     WHERE c.state = 'waiting' AND c.next_try_at_us <= $1 AND NOT EXISTS (
                         SELECT 1 FROM webhook_deliveries h
                         WHERE h.webhook = c.webhook AND h.state = 'waiting' AND h.held_until_us > $1)
                     ORDER BY c.next_try_at_us, c.id LIMIT {WINDOW}) AS f) AS r
             WHERE r.place <= {PER_WEBHOOK})
         ORDER BY d.next_try_at_us, d.id LIMIT $2{}",
        session.for_update_skipping()
    );
    let query = sql_of_parts(text).bind(session.now().as_micros()).bind(i64::from(limit));
    let rows = session.rows(query).await?;
    rows.iter().map(|row| Ok((Fields(row).parsed("id")?, Fields(row).parsed("webhook")?))).collect()
}

async fn take(
    session: &mut Session,
    id: &DeliveryId,
    webhook: Webhook,
    host: &str,
    lease: Duration,
) -> Result<Option<Delivery>> {
    let until = session.now().plus(lease).as_micros();
    let query =
        sql("UPDATE webhook_deliveries SET attempts = attempts + 1, host = $1, held_until_us = $2, next_try_at_us = $3
         WHERE id = $4 AND state = 'waiting' RETURNING *")
        .bind(host.to_owned())
        .bind(until)
        .bind(until)
        .bind(id.as_str());
    let Some(row) = session.row(query).await? else {
        return Err(Failure::internal(format!("delivery {id} was lost while it was claimed")));
    };
    match DeliveryRecord::from_row(&row) {
        Ok(record) => Ok(Some(Delivery {
            id: record.id,
            webhook,
            event: record.event,
            payload: record.payload,
            attempt: record.attempts,
            created_at: record.created_at,
        })),
        Err(failure) => put_off(session, id, &failure, lease).await.map(|()| None),
    }
}

/// What this host cannot read may be of a newer version, for another host to send. It must not keep the rest waiting.
async fn put_off(session: &mut Session, id: &DeliveryId, failure: &Failure, lease: Duration) -> Result<()> {
    tracing::error!(delivery = %id, %failure, "a delivery cannot be read");
    let query = sql("UPDATE webhook_deliveries SET next_try_at_us = $1, held_until_us = NULL WHERE id = $2")
        .bind(session.now().plus(lease).as_micros())
        .bind(id.as_str());
    session.execute_one("a delivery that is put off", query).await
}

async fn give_up(session: &mut Session, id: &DeliveryId, why: &str) -> Result<()> {
    let query =
        sql("UPDATE webhook_deliveries SET state = 'given_up', last_failure = $1, ended_at_us = $2 WHERE id = $3")
            .bind(why.to_owned())
            .bind(session.now().as_micros())
            .bind(id.as_str());
    session.execute_one("a delivery that is given up", query).await
}
