//! Services that hold neither the old data nor the new, and resets.

use std::time::Duration;

use bulkhead_catalog::{Idempotency, NewReset, NewWebhook, Sealed};
use bulkhead_model::{Failure, FailureKind, JobKind, JobState, NoticeEvent, WebhookId};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, globex, new_reset, refused};

#[test]
fn a_service_stays_closed_until_a_restore_of_all_of_it_has_settled() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (catalog, service) = (&scene.catalog, "db1".parse().unwrap());
        let backup = scene.backup("db1", "dump").await;
        let (_, job) = scene.schedule_restore("db1", &backup.id).await;
        let (_, first) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(catalog.closed_service(&acme(), &service).await.unwrap(), None);
        catalog.close_service(&first.id, "its data goes").await.unwrap();
        let since = scene.now();
        scene.clock.advance(Duration::from_secs(5));
        catalog.close_service(&first.id, "the server is gone").await.unwrap();
        catalog.fail(&first.id, &Failure::unavailable("the server is gone"), None).await.unwrap();
        let closed = catalog.closed_service(&acme(), &service).await.unwrap().unwrap();
        assert_eq!((closed.job.clone(), closed.since, closed.reason.as_str()), (job.id, since, "the server is gone"));
        assert_eq!(catalog.closed_services(&acme()).await.unwrap(), [closed]);
        assert!(catalog.closed_services(&globex()).await.unwrap().is_empty());
        // Who has lost the lease closes and opens nothing any more.
        refused(catalog.settle(&first.id).await, FailureKind::Conflict);
        refused(catalog.close_service(&first.id, "again").await, FailureKind::Conflict);

        let (_, second) = scene.claim(&["db1"]).await.unwrap();
        catalog.settle(&second.id).await.unwrap();
        assert_eq!(catalog.closed_service(&acme(), &service).await.unwrap(), None);
        // The host dies before it can write down that all is done: the next one knows, and does not close it again.
        scene.clock.advance(LEASE * 2);
        catalog.take_over_lost(Duration::ZERO).await.unwrap();
        assert!(!catalog.close_service_of(&second.id, "found at start").await.unwrap());
        let (claimed, third) = scene.claim(&["db1"]).await.unwrap();
        let settled: Vec<bool> = catalog.attempts(&claimed.id).await.unwrap().iter().map(|one| one.settled).collect();
        assert_eq!(settled, [false, true, false]);
        catalog.finish_restore(&third.id, "Restore has succeeded!", None).await.unwrap();
    });
}

#[test]
fn a_restore_that_was_found_half_done_closes_and_its_end_opens() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (catalog, service) = (&scene.catalog, "db1".parse().unwrap());
        let backup = scene.backup("db1", "full").await;
        scene.schedule_restore("db1", &backup.id).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        catalog.take_over_lost(Duration::ZERO).await.unwrap();
        assert!(catalog.close_service_of(&attempt.id, "its migrations have not run").await.unwrap());
        assert!(catalog.closed_service(&acme(), &service).await.unwrap().is_some());
        catalog.finish_recovered_restore(&attempt.id, "It was done.").await.unwrap();
        assert_eq!(catalog.closed_service(&acme(), &service).await.unwrap(), None);
    });
}

#[test]
fn a_reset_runs_alone_and_after_its_safety_backup() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, safety) = scene.schedule("db1", "full", 1).await;
        let reset = scene.schedule_reset("db1", Some(&safety.id)).await;
        assert_eq!(
            (reset.kind, reset.method.as_str(), &reset.target, &reset.backup),
            (JobKind::Reset, "reset", &None, &None)
        );
        let (job, backing_up) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(job.id, safety.id);
        assert!(scene.claim(&["db1"]).await.is_none(), "the reset waits for it");
        scene.catalog.finish_backup(&backing_up.id, &completed()).await.unwrap();
        let (_, later) = scene.schedule("db1", "dump", 1).await;
        let second = scene.schedule_reset("db1", None).await;
        let (job, resetting) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(job.id, reset.id);
        assert!(scene.claim(&["db1"]).await.is_none(), "nothing runs beside it");
        let before = scene.now();
        scene.clock.advance(Duration::from_secs(1));
        scene.catalog.close_service(&resetting.id, "emptied").await.unwrap();
        assert_eq!(scene.catalog.finish_reset(&resetting.id).await.unwrap().state, JobState::Succeeded);
        let service = "db1".parse().unwrap();
        assert_eq!(scene.catalog.closed_service(&acme(), &service).await.unwrap(), None);
        // What was backed up before leads on to nothing that comes after.
        let restores = scene.catalog.history(&acme(), &service).await.unwrap().restores;
        assert!(restores.len() == 1 && restores[0] > before, "{restores:?}");
        assert_eq!(scene.claim(&["db1"]).await.unwrap().0.id, second.id, "what replaces comes before what copies");
        assert_eq!(scene.catalog.job(&acme(), &later.id).await.unwrap().state, JobState::Scheduled);
    });
}

#[test]
fn a_reset_is_asked_for_once_and_told() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let webhook = NewWebhook {
            id: WebhookId::new(),
            organization: acme(),
            url: "https://example.com".to_owned(),
            events: vec![NoticeEvent::ResetSucceeded, NoticeEvent::ResetFailed],
            enabled: true,
            sealed_secret: Sealed::from(String::new()),
        };
        scene.catalog.create_webhook(webhook).await.unwrap();
        let key = |fingerprint: &str| Some(Idempotency { key: "k".to_owned(), fingerprint: fingerprint.to_owned() });
        let ask = |fingerprint| NewReset { idempotency: key(fingerprint), ..new_reset("db1", None) };
        let made = scene.catalog.schedule_reset(ask("a")).await.unwrap();
        let again = scene.catalog.schedule_reset(ask("a")).await.unwrap();
        assert_eq!((again.value.id.clone(), again.replayed), (made.value.id.clone(), true));
        refused(scene.catalog.schedule_reset(ask("b")).await, FailureKind::Conflict);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_reset(&attempt.id).await.unwrap();
        scene.schedule_reset("db1", None).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.fail(&attempt.id, &Failure::denied("no rights"), None).await.unwrap();
        let told = scene.catalog.claim_deliveries("host-1", 10, LEASE).await.unwrap();
        let told: Vec<_> =
            told.iter().map(|one| (one.payload["type"].clone(), one.payload["data"]["message"].clone())).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&("reset.succeeded".into(), "Reset has succeeded!".into())), "{told:?}");
        assert!(told.contains(&("reset.failed".into(), "no rights".into())), "{told:?}");
    });
}
