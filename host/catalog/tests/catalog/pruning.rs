//! What is forgotten after a while.

use std::time::Duration;

use bulkhead_catalog::Page;
use bulkhead_model::NoticeEvent;

use crate::databases::on_both;
use crate::scene::{Scene, acme};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[test]
fn deliveries_that_ended_long_ago_are_forgotten_a_few_at_a_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let webhook = scene.webhook(acme(), &[NoticeEvent::Test]).await;
        for _ in 0..5 {
            scene.catalog.test_webhook(&acme(), &webhook.id).await.unwrap();
        }
        let claimed = scene.deliveries().await;
        for (number, delivery) in claimed.iter().enumerate().skip(1) {
            if number == 1 {
                scene.catalog.delivery_failed(delivery, "no", None).await.unwrap();
            } else {
                scene.catalog.delivery_done(delivery).await.unwrap();
            }
        }
        let ended = scene.now();
        scene.clock.advance(WEEK);
        let prune = async |limit| {
            let before = scene.now().minus(WEEK);
            scene.catalog.prune_deliveries(before, limit).await.unwrap()
        };
        assert_eq!(prune(10).await, 0, "a week is not over at its last moment");
        scene.clock.advance(Duration::from_micros(1));
        assert_eq!((prune(3).await, prune(3).await, prune(3).await), (3, 1, 0));
        let (left, _) = scene.catalog.deliveries(&acme(), &webhook.id, Page::default()).await.unwrap();
        assert_eq!(left.iter().map(|record| &record.id).collect::<Vec<_>>(), [&claimed[0].id]);
        assert!(left[0].ended_at.is_none() && ended < scene.now());
    });
}

#[test]
fn events_of_jobs_that_ended_long_ago_are_forgotten_a_few_at_a_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        // Each: scheduled, running, succeeded.
        let old = [scene.backup("db1", "full").await, scene.backup("db1", "full").await];
        let (_, running) = scene.schedule("db1", "full", 1).await;
        scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(WEEK);
        let recent = scene.backup("db2", "full").await;
        let prune = async |limit| {
            let before = scene.now().minus(Duration::from_secs(3600));
            scene.catalog.prune_events(before, limit).await.unwrap()
        };
        assert_eq!(prune(2).await, 2);
        assert_eq!(scene.catalog.events(&old[0].job, 0, 10).await.unwrap()[0].sequence, 3, "the oldest go first");
        assert_eq!((prune(2).await, prune(10).await, prune(10).await), (2, 2, 0));
        for backup in &old {
            assert!(scene.catalog.events(&backup.job, 0, 10).await.unwrap().is_empty());
        }
        assert_eq!(scene.catalog.events(&running.id, 0, 10).await.unwrap().len(), 2);
        assert_eq!(scene.catalog.events(&recent.job, 0, 10).await.unwrap().len(), 3);
        assert_eq!(scene.catalog.job(&acme(), &old[0].job).await.unwrap().id, old[0].job);
    });
}
