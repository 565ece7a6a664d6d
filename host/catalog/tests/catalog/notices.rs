//! What webhooks are told of.

use std::time::Duration;

use bulkhead_catalog::{NewBackup, NewSchedule, ScheduleOrigin};
use bulkhead_model::{Failure, JobKind, JobState, Misfire, NoticeEvent, Zone};
use serde_json::{Value, json};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, globex, new_backup, new_job};

impl Scene {
    /// The payloads that are due, delivered.
    async fn told(&self) -> Vec<Value> {
        let mut told = Vec::new();
        for delivery in self.deliveries().await {
            self.catalog.delivery_done(&delivery).await.unwrap();
            assert_eq!(delivery.payload["id"], json!(delivery.id));
            assert_eq!(delivery.payload["type"], json!(delivery.event));
            told.push(delivery.payload);
        }
        told
    }
}

#[test]
fn a_backup_tells_how_it_ended_with_its_size_and_times() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        scene.webhook(acme(), NoticeEvent::ALL).await;
        scene.webhook(acme(), &[NoticeEvent::BackupMissed, NoticeEvent::RestoreSucceeded]).await;
        scene.webhook(globex(), NoticeEvent::ALL).await;
        let named = NewBackup { name: Some("nightly".to_owned()), ..new_backup("db1", "full") };
        let (backup, job) = scene.schedule_new(named).await;
        let (claimed, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(Duration::from_secs(61));
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        let mut told = scene.told().await;
        assert_eq!(told.len(), 1);
        let mut payload = told.remove(0);
        payload.as_object_mut().unwrap().remove("id");
        let expected = json!({
            "type": "backup.succeeded",
            "timestamp": "2024-03-26T17:19:58Z",
            "organization": "acme",
            "data": {
                "service_id": "db1",
                "backup_id": backup.id,
                "job_id": job.id,
                "schedule_id": claimed.schedule,
                "type": "full",
                "status": "Succeeded",
                "message": "Backup has succeeded!",
                "name": "nightly",
                "start_time": "2024-03-26T17:18:57Z",
                "end_time": "2024-03-26T17:19:58Z",
                "backup_size": completed().stored_bytes,
            },
        });
        assert_eq!(payload, expected);

        scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_verify(&attempt.id, "stored", None, &[], false).await.unwrap();
        assert_eq!(scene.told().await, [Value::Null; 0]);
    });
}

#[test]
fn a_failure_is_told_when_no_attempt_remains_and_a_cancel_never() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        scene.webhook(acme(), &[NoticeEvent::BackupFailed, NoticeEvent::BackupSucceeded]).await;
        scene.schedule("db1", "full", 2).await;
        let trouble = Failure::unavailable("the server is gone");
        for state in [JobState::Scheduled, JobState::Failed] {
            assert_eq!(scene.told().await, [Value::Null; 0]);
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            assert_eq!(scene.catalog.fail(&attempt.id, &trouble, None).await.unwrap(), state);
        }
        let told = scene.told().await;
        assert_eq!((told.len(), &told[0]["type"]), (1, &json!("backup.failed")));
        let data = &told[0]["data"];
        assert_eq!((&data["status"], &data["message"]), (&json!("Failed"), &json!("the server is gone")));

        let (_, waiting) = scene.schedule("db1", "full", 1).await;
        scene.catalog.request_cancel(&acme(), &waiting.id).await.unwrap();
        scene.schedule("db1", "full", 1).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.fail(&attempt.id, &Failure::cancelled(), None).await.unwrap();
        assert_eq!(scene.told().await, [Value::Null; 0]);

        scene.schedule("db1", "full", 1).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
        let told = scene.told().await;
        assert_eq!(told[0]["data"]["message"], "host `host-1` was lost");
        let late = scene.catalog.finish_backup(&attempt.id, &completed()).await;
        assert!(late.is_err());
        assert_eq!(scene.told().await, [Value::Null; 0], "what was rolled back is not told");
    });
}

#[test]
fn a_restore_tells_how_it_ended() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        scene.webhook(acme(), &[NoticeEvent::RestoreSucceeded, NoticeEvent::RestoreFailed]).await;
        let (good, _) = scene.schedule_restore("db2", &backup.id).await;
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        scene.catalog.finish_restore(&attempt.id, "Restore has succeeded! 3 tables.", None).await.unwrap();
        let (bad, _) = scene.schedule_restore("db2", &backup.id).await;
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        scene.catalog.fail(&attempt.id, &Failure::corrupt("the archive is damaged"), None).await.unwrap();
        let told = scene.told().await;
        let shown: Vec<_> = told
            .iter()
            .map(|payload| {
                let data = &payload["data"];
                json!([payload["type"], data["restore_id"], data["backup_id"], data["service_id"], data["message"]])
            })
            .collect();
        let success = "Restore has succeeded! 3 tables.";
        let failure = "Restore has failed: the archive is damaged";
        let mut expected = [
            json!(["restore.succeeded", good.id, backup.id, "db2", success]),
            json!(["restore.failed", bad.id, backup.id, "db2", failure]),
        ];
        if told[0]["type"] != "restore.succeeded" {
            expected.reverse();
        }
        assert_eq!(shown, expected);
        assert_eq!(told[0]["data"]["backup_size"], json!(backup.stored_bytes));
    });
}

#[test]
fn a_schedule_that_nobody_could_run_in_time_tells_of_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        scene.webhook(acme(), &[NoticeEvent::BackupMissed]).await;
        let schedule = NewSchedule {
            organization: acme(),
            service: "db1".parse().unwrap(),
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            server: "db-0".to_owned(),
            target: "managed".parse().unwrap(),
            copies: Vec::new(),
            expression: "0 18 * * *".to_owned(),
            zone: Zone::parse("UTC").unwrap(),
            enabled: true,
            misfire: Misfire::Skip,
            misfire_grace: Duration::ZERO,
            jitter: Duration::ZERO,
            retention: None,
            name: Some("nightly".to_owned()),
            origin: ScheduleOrigin::Manual,
            idempotency: None,
        };
        let schedule = scene.catalog.create_schedule(schedule).await.unwrap().value;
        scene.clock.advance(Duration::from_secs(2 * 3600));
        scene.catalog.fire_due(10, 1).await.unwrap();
        let told = scene.told().await;
        assert_eq!((told.len(), &told[0]["type"]), (1, &json!("backup.missed")));
        let expected = json!({
            "service_id": "db1",
            "schedule_id": schedule.id,
            "type": "full",
            "name": "nightly",
            "due_time": "2024-03-26T18:00:00Z",
            "message": "The backup that was due at 2024-03-26T18:00:00Z was not made: no host could start it in time.",
        });
        assert_eq!(told[0]["data"], expected);
    });
}

#[test]
fn of_notices_with_one_key_the_first_is_told() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let tell = async |organization, key| {
            let subject = json!({ "service_id": "db1" });
            scene.catalog.record_notice(&organization, NoticeEvent::BackupTooOld, &subject, key).await.unwrap()
        };
        assert_eq!(tell(acme(), Some("a")).await, 0, "nobody listens yet");
        scene.webhook(acme(), NoticeEvent::ALL).await;
        assert_eq!(tell(acme(), Some("a")).await, 1);
        assert_eq!(tell(acme(), Some("a")).await, 0);
        scene.webhook(acme(), NoticeEvent::ALL).await;
        assert_eq!(tell(acme(), Some("a")).await, 1, "the newer webhook has not heard of it");
        assert_eq!(tell(acme(), Some("b")).await, 2);
        assert_eq!((tell(acme(), None).await, tell(acme(), None).await), (2, 2));
        assert_eq!(tell(globex(), Some("a")).await, 0);
        assert_eq!(scene.told().await.len(), 8);
        assert_eq!(tell(acme(), Some("a")).await, 0, "also once it is delivered");
    });
}
