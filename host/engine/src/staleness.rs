//! Tells when a service's last good backup is too old: whatever the reason, also that nothing was ever asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{NoticeEvent, OrganizationId, Result, ServiceId, Timestamp};
use serde_json::json;

use crate::config::ServiceConfig;
use crate::engine::Inner;

/// How often it is looked.
const EVERY: Duration = Duration::from_mins(1);

/// Looks now and at every interval, until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    let watched: Vec<ServiceId> = engine
        .services
        .values()
        .filter(|service| service.max_age.is_some())
        .map(|service| service.id.clone())
        .collect();
    if watched.is_empty() {
        return;
    }
    let since = engine.clock.now();
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(failure) = look(&engine, &watched, since).await {
            tracing::warn!(error = %failure, "the age of backups cannot be looked at; trying again");
        }
    }
}

/// Records a notice for each service that is out of date. Each episode is told once: it begins anew with another last good backup.
pub(crate) async fn look(engine: &Inner, watched: &[ServiceId], since: Timestamp) -> Result<()> {
    let mut last_good: BTreeMap<ServiceId, Timestamp> = BTreeMap::new();
    for (service, _, at) in engine.catalog.last_good_backups(watched).await? {
        let newest = last_good.entry(service).or_insert(at);
        *newest = at.max(*newest);
    }
    let now = engine.clock.now();
    for service in watched.iter().filter_map(|id| engine.services.get(id)) {
        let last = last_good.get(&service.id).copied();
        let Some(max_age) = service.max_age.filter(|max_age| now.since(last.unwrap_or(since)) > *max_age) else {
            continue;
        };
        tell(engine, service, last, max_age).await?;
    }
    Ok(())
}

async fn tell(engine: &Inner, service: &ServiceConfig, last: Option<Timestamp>, max_age: Duration) -> Result<()> {
    let subject = json!({
        "service_id": service.id,
        "last_good_at": last,
        "max_age_seconds": max_age.as_secs(),
    });
    let episode = last.map_or_else(|| "never".to_owned(), |at| at.as_micros().to_string());
    let key = format!("too_old:{}:{episode}", service.id);
    let organization: &OrganizationId = &service.organization;
    let told = engine.catalog.record_notice(organization, NoticeEvent::BackupTooOld, &subject, Some(&key)).await?;
    if told > 0 {
        let last = last.map(|at| at.to_string());
        tracing::warn!(service = %service.id, last_good_at = last, max_age_s = max_age.as_secs(), "the last good backup is too old");
        engine.outbox.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bulkhead_catalog::Page;

    use super::*;
    use crate::request::CreateWebhook;
    use crate::scene::{Scene, acme, service};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_without_a_fresh_backup_is_told_of_once_an_episode() {
        let hour = Duration::from_hours(1);
        let scene = Scene::start(|config| {
            config.services[0].max_age = Some(24 * hour);
            // Nothing is sent in this test.
            config.webhooks.max_sending = 0;
        })
        .await;
        let ask = CreateWebhook {
            url: "https://example.com/".to_owned(),
            events: vec![NoticeEvent::BackupTooOld],
            enabled: true,
        };
        let (webhook, _) = scene.engine.create_webhook(&acme(), ask).await.unwrap();
        let (id, since) = ([service().id], scene.now());
        let told = async || {
            look(&scene.engine.inner, &id, since).await.unwrap();
            scene.catalog.deliveries(&acme(), &webhook.id, Page::default()).await.unwrap().0
        };
        assert!(told().await.is_empty(), "a new service has not had its time yet");
        scene.clock.advance(25 * hour);
        assert_eq!(told().await.len(), 1, "never backed up");
        assert_eq!(told().await.len(), 1);
        scene.backup().await;
        scene.clock.advance(24 * hour);
        assert_eq!(told().await.len(), 1);
        scene.clock.advance(hour);
        let notices = told().await;
        assert_eq!(notices.len(), 2);
        assert_eq!(notices[0].payload["data"]["service_id"], "db1", "{}", notices[0].payload);
        scene.clock.advance(hour);
        assert_eq!(told().await.len(), 2);
    }
}
