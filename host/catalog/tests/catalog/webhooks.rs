//! Webhooks, and their deliveries on the way.

use std::collections::HashMap;
use std::time::Duration;

use bulkhead_catalog::{Catalog, Delivery, DeliveryState, NewWebhook, Page, Sealed, Webhook, WebhookChange};
use bulkhead_model::{FailureKind, NoticeEvent, OrganizationId, WebhookId};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, globex, refused};

pub fn new_webhook(organization: OrganizationId, events: &[NoticeEvent]) -> NewWebhook {
    NewWebhook {
        id: WebhookId::new(),
        organization,
        url: "https://example.com/hook".to_owned(),
        events: events.to_vec(),
        enabled: true,
        sealed_secret: Sealed::from("v1.hunter2".to_owned()),
    }
}

impl Scene {
    pub async fn webhook(&self, organization: OrganizationId, events: &[NoticeEvent]) -> Webhook {
        self.catalog.create_webhook(new_webhook(organization, events)).await.unwrap()
    }

    /// Tells the organization that its backups are too old, `times` times.
    async fn tell(&self, organization: &OrganizationId, times: u32) {
        for time in 0..times {
            let event = NoticeEvent::BackupTooOld;
            self.catalog.record_notice(organization, event, &json!({ "time": time }), None).await.unwrap();
            self.clock.advance(Duration::from_micros(1));
        }
    }

    pub async fn deliveries(&self) -> Vec<Delivery> {
        self.catalog.claim_deliveries("host-1", 100, LEASE).await.unwrap()
    }

    async fn states(&self, webhook: &Webhook) -> Vec<(DeliveryState, u32, Option<String>)> {
        let (records, _) = self.catalog.deliveries(&webhook.organization, &webhook.id, Page::default()).await.unwrap();
        records.into_iter().map(|record| (record.state, record.attempts, record.last_failure)).collect()
    }
}

#[test]
fn a_webhook_is_its_organizations_and_keeps_its_secret_out_of_logs() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let made = scene.webhook(acme(), &[NoticeEvent::BackupFailed]).await;
        assert!(!format!("{made:?}").contains("hunter2"));
        assert_eq!(catalog.webhook(&acme(), &made.id).await.unwrap(), made);
        refused(catalog.webhook(&globex(), &made.id).await, FailureKind::NotFound);
        refused(catalog.delete_webhook(&globex(), &made.id).await, FailureKind::NotFound);
        refused(catalog.test_webhook(&globex(), &made.id).await, FailureKind::NotFound);
        refused(catalog.deliveries(&globex(), &made.id, Page::default()).await, FailureKind::NotFound);
        let change = WebhookChange { url: Some("https://example.net".to_owned()), ..WebhookChange::default() };
        refused(catalog.update_webhook(&globex(), &made.id, change.clone()).await, FailureKind::NotFound);
        assert_eq!(catalog.webhooks(&globex(), Page::default()).await.unwrap().1, 0);

        scene.clock.advance(Duration::from_secs(1));
        let changed = catalog.update_webhook(&acme(), &made.id, change).await.unwrap();
        let expected = Webhook { url: "https://example.net".to_owned(), updated_at: scene.now(), ..made.clone() };
        assert_eq!(changed, expected);
        let change = WebhookChange {
            events: Some(vec![NoticeEvent::BackupMissed]),
            enabled: Some(false),
            sealed_secret: Some("v1.new".to_owned().into()),
            ..WebhookChange::default()
        };
        let changed = catalog.update_webhook(&acme(), &made.id, change).await.unwrap();
        assert_eq!((changed.enabled, changed.sealed_secret.as_str()), (false, "v1.new"));
        assert_eq!((changed.events, changed.url), (vec![NoticeEvent::BackupMissed], expected.url));
        refused(catalog.test_webhook(&acme(), &made.id).await, FailureKind::Conflict);
        for _ in 1..20 {
            scene.webhook(acme(), &[]).await;
        }
        refused(catalog.create_webhook(new_webhook(acme(), &[])).await, FailureKind::Conflict);
        scene.webhook(globex(), &[]).await;
    });
}

#[test]
fn a_delivery_is_claimed_by_one_host_and_ends_as_delivered() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for number in 0..6 {
            let organization: OrganizationId = format!("org{number}").parse().unwrap();
            scene.webhook(organization.clone(), NoticeEvent::ALL).await;
            scene.tell(&organization, 20).await;
        }
        // On PostgreSQL each claimer is a host of its own.
        let mut hosts = Vec::new();
        for number in 0..4 {
            let catalog = if scene.database.is_sqlite() {
                scene.catalog.clone()
            } else {
                Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap()
            };
            hosts.push(tokio::spawn(async move {
                let mut sent = Vec::new();
                let mut idle = 0;
                // Others' deliveries to a webhook keep one from claiming more of it, for the moment.
                while idle < 50 {
                    let claimed = catalog.claim_deliveries(&format!("host-{number}"), 5, LEASE).await.unwrap();
                    idle = if claimed.is_empty() { idle + 1 } else { 0 };
                    for delivery in claimed {
                        catalog.delivery_done(&delivery).await.unwrap();
                        sent.push(delivery.id);
                    }
                }
                sent
            }));
        }
        let mut sent = HashMap::new();
        for host in hosts {
            for id in host.await.unwrap() {
                *sent.entry(id).or_insert(0) += 1;
            }
        }
        assert_eq!(sent.len(), 120);
        assert!(sent.values().all(|times| *times == 1), "{sent:?}");
        assert!(scene.deliveries().await.is_empty());
    });
}

#[test]
fn a_delivery_comes_back_when_its_host_is_gone() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let webhook = scene.webhook(acme(), NoticeEvent::ALL).await;
        scene.tell(&acme(), 2).await;
        let first = scene.deliveries().await;
        assert_eq!(first.iter().map(|delivery| delivery.attempt).collect::<Vec<_>>(), [1, 1]);
        scene.clock.advance(LEASE - Duration::from_micros(1));
        assert!(scene.deliveries().await.is_empty());
        scene.clock.advance(Duration::from_micros(1));
        let second = scene.deliveries().await;
        let shape = |deliveries: &[Delivery]| {
            deliveries.iter().map(|delivery| (delivery.id.clone(), delivery.payload.clone())).collect::<HashMap<_, _>>()
        };
        assert_eq!(shape(&second), shape(&first), "the receiver sees that it is the same");
        assert_eq!(second.iter().map(|delivery| delivery.attempt).collect::<Vec<_>>(), [2, 2]);

        // The first host was only slow: that it failed is no news, that it delivered is.
        scene.catalog.delivery_failed(&first[0], "late", None).await.unwrap();
        scene.catalog.delivery_done(&first[1]).await.unwrap();
        let later = scene.now().plus(LEASE * 2);
        for delivery in &second {
            scene.catalog.delivery_failed(delivery, "refused", Some(later)).await.unwrap();
        }
        let mut states = scene.states(&webhook).await;
        states.sort_by_key(|(state, ..)| state.as_str());
        let refused = Some("refused".to_owned());
        assert_eq!(states, [(DeliveryState::Delivered, 2, None), (DeliveryState::Waiting, 2, refused)]);
    });
}

#[test]
fn a_failed_delivery_waits_for_its_next_try_and_is_given_up_after_the_last() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let webhook = scene.webhook(acme(), &[]).await;
        let record = scene.catalog.test_webhook(&acme(), &webhook.id).await.unwrap();
        assert_eq!((record.event, record.state), (NoticeEvent::Test, DeliveryState::Waiting));
        let delivery = scene.deliveries().await.remove(0);
        assert_eq!((&delivery.id, &delivery.webhook), (&record.id, &webhook));
        let next = scene.now().plus(Duration::from_secs(5));
        scene.catalog.delivery_failed(&delivery, "the receiver answered 500\0", Some(next)).await.unwrap();
        let why = Some("the receiver answered 500\u{fffd}".to_owned());
        assert_eq!(scene.catalog.webhook(&acme(), &webhook.id).await.unwrap().last_failure, why);
        scene.clock.advance(Duration::from_micros(4_999_999));
        assert!(scene.deliveries().await.is_empty());
        scene.clock.advance(Duration::from_micros(1));
        let delivery = scene.deliveries().await.remove(0);
        assert_eq!(delivery.attempt, 2);
        scene.catalog.delivery_failed(&delivery, "no", None).await.unwrap();
        assert_eq!(scene.states(&webhook).await, [(DeliveryState::GivenUp, 2, Some("no".to_owned()))]);
        scene.clock.advance(LEASE * 2);
        assert!(scene.deliveries().await.is_empty());

        scene.catalog.test_webhook(&acme(), &webhook.id).await.unwrap();
        scene.catalog.delivery_done(&scene.deliveries().await[0]).await.unwrap();
        let shown = scene.catalog.webhook(&acme(), &webhook.id).await.unwrap();
        assert_eq!((shown.last_success_at, shown.last_failure), (Some(scene.now()), None));
    });
}

#[test]
fn what_waits_for_a_disabled_or_deleted_webhook_is_given_up() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (disabled, deleted) =
            (scene.webhook(acme(), NoticeEvent::ALL).await, scene.webhook(acme(), NoticeEvent::ALL).await);
        scene.tell(&acme(), 1).await;
        let disable = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
        scene.catalog.update_webhook(&acme(), &disabled.id, disable).await.unwrap();
        scene.catalog.delete_webhook(&acme(), &deleted.id).await.unwrap();
        assert!(scene.deliveries().await.is_empty());
        let given_up = [(DeliveryState::GivenUp, 0, Some("the webhook was disabled".to_owned()))];
        assert_eq!(scene.states(&disabled).await, given_up);
        refused(scene.catalog.deliveries(&acme(), &deleted.id, Page::default()).await, FailureKind::NotFound);
        scene.tell(&acme(), 1).await;
        assert_eq!(scene.states(&disabled).await.len(), 1, "it is told nothing more");

        // Written by a host that had found them enabled just before.
        scene.database.execute("UPDATE webhook_deliveries SET state = 'waiting'").await;
        assert!(scene.deliveries().await.is_empty());
        assert_eq!(scene.states(&disabled).await, given_up);
        assert_eq!(scene.database.execute("DELETE FROM webhook_deliveries WHERE state = 'given_up'").await, 2);
    });
}

#[test]
fn a_receiver_that_hangs_leaves_the_senders_to_the_others() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (hangs, answers) =
            (scene.webhook(acme(), NoticeEvent::ALL).await, scene.webhook(globex(), NoticeEvent::ALL).await);
        scene.tell(&acme(), 30).await;
        scene.tell(&globex(), 2).await;
        let claim = async || scene.catalog.claim_deliveries("host-1", 10, LEASE).await.unwrap();
        let claimed = claim().await;
        let of = |webhook: &Webhook| claimed.iter().filter(|delivery| delivery.webhook.id == webhook.id).count();
        assert_eq!((of(&hangs), of(&answers)), (8, 2));
        assert_eq!(claimed[0].payload["data"]["time"], 0, "the oldest first");
        assert!(claim().await.is_empty(), "nothing more to it while those are on their way");
        for delivery in &claimed {
            scene.catalog.delivery_done(delivery).await.unwrap();
        }
        assert_eq!(claim().await.len(), 8);
    });
}

#[test]
fn what_a_host_cannot_read_waits_and_keeps_nothing_else_waiting() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let newer = scene.webhook(acme(), NoticeEvent::ALL).await;
        scene.webhook(globex(), NoticeEvent::ALL).await;
        scene.tell(&acme(), 1).await;
        scene.tell(&globex(), 2).await;
        let newest = "UPDATE webhook_deliveries SET event = 'backup.eaten' WHERE payload LIKE '%globex%'
             AND payload LIKE '%\"time\":0%'";
        assert_eq!(scene.database.execute(newest).await, 1);
        scene.database.execute("UPDATE webhooks SET events = '[\"backup.eaten\"]' WHERE organization = 'acme'").await;
        let claimed = scene.deliveries().await;
        assert_eq!(claimed.iter().map(|delivery| &delivery.payload["data"]["time"]).collect::<Vec<_>>(), [1]);
        assert!(scene.deliveries().await.is_empty());
        let all = WebhookChange { events: Some(vec![]), ..WebhookChange::default() };
        scene.catalog.update_webhook(&acme(), &newer.id, all).await.unwrap();
        scene.catalog.delivery_done(&claimed[0]).await.unwrap();
        scene.clock.advance(LEASE);
        assert_eq!(
            scene.deliveries().await.iter().map(|delivery| &delivery.webhook.id).collect::<Vec<_>>(),
            [&newer.id]
        );
    });
}
