//! Tells the organizations' webhooks what happened: a reconciler over the catalog's outbox. Each notice is delivered at least once,
//! under one id; a host that dies with one in its hands leaves it to another.

mod address;
mod ask;
mod post;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Delivery, Webhook};
use bulkhead_model::{Failure, OrganizationId, Result, WebhookId};
use metrics::counter;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument;

use self::address::Allowed;
use self::post::{Letter, Post};
use crate::config::WebhookConfig;
use crate::engine::Inner;

/// Waits after the first, second, ... failed try; after the last one the notice is given up.
const BACKOFF: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
    // The scheduler takes a day for longer than any of them.
    Duration::from_hours(12),
];

/// How much longer than a try takes at most its lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// The sending side of a host.
pub(crate) struct Outbox {
    allowed: Allowed,
    post: Post,
    /// Something may wait to be sent.
    waiting: Notify,
}

impl Outbox {
    pub fn new(config: &WebhookConfig) -> Self {
        let allowed = Allowed::new(&config.allow_private_hosts);
        Self { post: Post::new(config.deadline, allowed.clone()), allowed, waiting: Notify::new() }
    }

    /// Makes the sender look now.
    pub fn wake(&self) {
        self.waiting.notify_one();
    }
}

/// Sends what waits, until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    let config = &engine.config.webhooks;
    let mut sending: JoinSet<()> = JoinSet::new();
    let mut poll = tokio::time::interval(config.poll);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = poll.tick() => {}
            () = engine.outbox.waiting.notified() => {}
            Some(_) = sending.join_next() => {}
        }
        while sending.try_join_next().is_some() {}
        let Some(free) = config.max_sending.checked_sub(sending.len()).filter(|free| *free > 0) else { continue };
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        match engine.catalog.claim_deliveries(&engine.config.host, free, config.deadline + LEASE_MARGIN).await {
            Ok(claimed) => {
                for delivery in claimed {
                    let span = tracing::info_span!(
                        "delivery", delivery = %delivery.id, webhook = %delivery.webhook.id,
                        organization = %delivery.webhook.organization, event = %delivery.event
                    );
                    sending.spawn(deliver(Arc::clone(&engine), delivery).instrument(span));
                }
            }
            Err(failure) => tracing::warn!(error = %failure, "notices cannot be looked for; trying again"),
        }
    }
}

/// One try, and how it ended.
async fn deliver(engine: Arc<Inner>, delivery: Delivery) {
    let outcome = send(&engine, &delivery).await;
    let attempt = delivery.attempt;
    let (word, written) = match outcome {
        Ok(()) => {
            tracing::info!(attempt, "a notice was delivered");
            ("delivered", engine.catalog.delivery_done(&delivery).await)
        }
        Err(failure) => {
            let wait = attempt.checked_sub(1).and_then(|tries| BACKOFF.get(usize::try_from(tries).ok()?));
            let next = wait.map(|wait| engine.clock.now().plus(*wait));
            let word = if next.is_some() { "failed" } else { "given_up" };
            tracing::warn!(attempt, outcome = word, error = %failure, "a notice was not delivered");
            (word, engine.catalog.delivery_failed(&delivery, &failure.to_string(), next).await)
        }
    };
    counter!("bulkhead_webhook_deliveries_total", "outcome" => word).increment(1);
    if let Err(failure) = written {
        // Its lease runs out, and it is sent once more under the same id.
        tracing::warn!(error = %failure, "what became of a notice could not be recorded");
    }
}

async fn send(engine: &Inner, delivery: &Delivery) -> Result<()> {
    // A host that died with it each time would never say so.
    if usize::try_from(delivery.attempt).unwrap_or(usize::MAX) > BACKOFF.len() + 1 {
        return Err(Failure::unavailable("the notice was tried too often"));
    }
    let secret = open_secret(engine, &delivery.webhook)?;
    let body = serde_json::to_string(&delivery.payload)
        .map_err(|error| Failure::internal(format!("the notice cannot be written: {error}")))?;
    let timestamp = engine.clock.now().as_micros().div_euclid(1_000_000);
    let signature = sign::signature(&secret, delivery.id.as_str(), timestamp, body.as_bytes())?;
    let letter = Letter { url: delivery.webhook.url.clone(), id: delivery.id.to_string(), timestamp, signature, body };
    let post = engine.outbox.post.clone();
    tokio::task::spawn_blocking(move || post.send(&letter))
        .await
        .map_err(|error| Failure::internal(format!("sending broke down: {error}")))?
}

fn open_secret(engine: &Inner, webhook: &Webhook) -> Result<String> {
    let secret =
        engine.master_key.open(&purpose(&webhook.organization, &webhook.id), webhook.sealed_secret.as_str())?;
    String::from_utf8(secret).map_err(|_| Failure::corrupt("the webhook's secret is malformed"))
}

/// What a secret is sealed for: of no other webhook, and of no other organization.
pub(crate) fn purpose(organization: &OrganizationId, webhook: &WebhookId) -> String {
    format!("webhook:{organization}:{webhook}")
}

#[cfg(test)]
mod tests;
