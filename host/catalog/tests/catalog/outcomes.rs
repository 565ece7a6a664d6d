//! How attempts end, and the table of what may follow what.

use std::time::Duration;

use bulkhead_catalog::{Attempt, Job, RestoreFilter, ScheduleFilter};
use bulkhead_model::{BackupState, Failure, FailureKind, JobKind, JobState};

use crate::databases::on_both;
use crate::scene::{LEASE, Scene, acme, completed, new_job, refused};

#[test]
fn a_failure_that_may_pass_is_retried_until_no_attempt_remains() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 3).await;
        let passing = Failure::unavailable("the server is down").with_hint("start it");
        for number in 1..=2 {
            let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
            assert_eq!(attempt.number, number);
            let state = scene.catalog.fail(&attempt.id, &passing, Some(Duration::from_secs(60))).await.unwrap();
            assert_eq!(state, JobState::Scheduled);
            let waiting = scene.catalog.job(&acme(), &job.id).await.unwrap();
            assert_eq!((waiting.failure.as_ref(), waiting.finished_at), (Some(&passing), None));
            scene.clock.advance(Duration::from_secs(59));
            assert!(scene.claim(&["db1"]).await.is_none(), "not before its time");
            scene.clock.advance(Duration::from_secs(1));
        }
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(scene.catalog.fail(&attempt.id, &passing, None).await.unwrap(), JobState::Failed);
        let backup = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((backup.state, backup.failure), (BackupState::Failed, Some(passing)));
        assert!(scene.claim(&["db1"]).await.is_none());
        assert_eq!(scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap().0[0].state, "failed");
    });
}

#[test]
fn a_failure_that_stays_is_not_retried() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let old = scene.backup("db1", "full").await;
        let (restore, job) = scene.schedule_restore("db2", &old.id).await;
        assert_eq!((restore.state, restore.message.as_str()), (JobState::Scheduled, "Restore is scheduled."));
        let (_, attempt) = scene.claim(&["db2"]).await.unwrap();
        let failure = Failure::corrupt("object `data.xbstream` is damaged");
        assert_eq!(scene.catalog.fail(&attempt.id, &failure, None).await.unwrap(), JobState::Failed);
        let restore = scene.catalog.restore(&acme(), restore.id).await.unwrap();
        assert_eq!((restore.state, restore.failure.as_ref()), (JobState::Failed, Some(&failure)));
        assert_eq!(restore.message, "Restore has failed: object `data.xbstream` is damaged");
        let events = scene.catalog.events(&job.id, 2, 10).await.unwrap();
        assert_eq!(events[0].body["failure"]["kind"], "corrupt");
        assert_eq!(scene.catalog.backup(&acme(), &old.id).await.unwrap(), old, "the backup is as it was");

        scene.catalog.hide_restore(&acme(), restore.id).await.unwrap();
        assert_eq!(scene.catalog.restores(&acme(), &RestoreFilter::default()).await.unwrap(), (vec![], 0));
        assert!(scene.catalog.restore(&acme(), restore.id).await.unwrap().hidden);
    });
}

#[test]
fn a_finished_backup_carries_all_that_is_known_of_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        let expected = completed();
        assert_eq!(backup.state, BackupState::Succeeded);
        assert_eq!((backup.plain_bytes, backup.stored_bytes), (expected.plain_bytes, expected.stored_bytes));
        assert_eq!((backup.report, backup.plugin_digest), (Some(expected.report), Some(expected.plugin_digest)));
        assert_eq!(backup.manifest_sha256, Some(expected.manifest_sha256));
        assert_eq!((backup.failure, backup.suspect, backup.verified_at), (None, None, None));

        scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        let damage = Failure::corrupt("object `data.xbstream` is damaged");
        scene.catalog.finish_verify(&attempt.id, "stored", Some(&damage), &[], false).await.unwrap();
        let seen = scene.catalog.backup(&acme(), &backup.id).await.unwrap();
        assert_eq!((seen.state, seen.suspect), (BackupState::Succeeded, Some(damage)));
        assert!(seen.verified_at.is_some() && seen.verified_level.as_deref() == Some("stored"));
        scene.catalog.schedule_job(new_job(JobKind::Verify, &backup.id)).await.unwrap();
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.catalog.finish_verify(&attempt.id, "content", None, &[], false).await.unwrap();
        assert_eq!(scene.catalog.backup(&acme(), &backup.id).await.unwrap().suspect, None);
    });
}

/// Every way to move a job, tried in every state: what `JobState::predecessors` does not allow is refused and changes
/// nothing.
#[test]
fn only_legal_transitions_happen() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for from in JobState::ALL {
            for to in JobState::ALL {
                let service = format!("{from}-{to}");
                let (job, attempt) = bring(&scene, &service, *from).await;
                let before = scene.catalog.job(&acme(), &job.id).await.unwrap();
                assert_eq!(before.state, *from);
                let outcome = move_to(&scene, &service, &job, attempt.as_ref(), *to).await;
                let after = scene.catalog.job(&acme(), &job.id).await.unwrap();
                // Failing needs an attempt, and a request to cancel what runs waits for its holder.
                let by_holder = *from == JobState::Running;
                let legal = to.predecessors().contains(from)
                    && (by_holder || matches!(to, JobState::Running | JobState::Cancelled));
                if legal {
                    assert!(outcome, "{from} -> {to}");
                    assert_eq!(after.state, *to, "{from} -> {to}");
                } else {
                    assert!(!outcome, "{from} -> {to}");
                    assert_eq!(after, before, "{from} -> {to}");
                }
            }
        }
    });
}

async fn bring(scene: &Scene, service: &str, to: JobState) -> (Job, Option<Attempt>) {
    let (_, job) = scene.schedule(service, "full", 3).await;
    if to == JobState::Scheduled {
        return (job, None);
    }
    let (job, attempt) = scene.claim(&[service]).await.unwrap();
    if to != JobState::Running {
        assert!(move_to(scene, service, &job, Some(&attempt), to).await);
    }
    (job, Some(attempt))
}

async fn move_to(scene: &Scene, service: &str, job: &Job, attempt: Option<&Attempt>, to: JobState) -> bool {
    let Some(attempt) = attempt else {
        return match to {
            JobState::Running => scene.claim(&[service]).await.is_some(),
            JobState::Cancelled => scene.catalog.request_cancel(&acme(), &job.id).await.is_ok(),
            _ => false,
        };
    };
    let failed = |failure: Failure| async move { scene.catalog.fail(&attempt.id, &failure, None).await == Ok(to) };
    match to {
        JobState::Scheduled => failed(Failure::unavailable("?")).await,
        JobState::Running => scene.catalog.claim("host-2", &[service.parse().unwrap()], LEASE).await.unwrap().is_some(),
        JobState::Succeeded => scene.catalog.finish_backup(&attempt.id, &completed()).await.is_ok(),
        JobState::Failed => failed(Failure::invalid("?")).await,
        JobState::Cancelled => failed(Failure::cancelled()).await,
    }
}

#[test]
fn events_have_an_order_without_gaps() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (_, job) = scene.schedule("db1", "full", 3).await;
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let (catalog, id) = (scene.catalog.clone(), job.id.clone());
                tokio::spawn(async move {
                    let body = serde_json::json!({ "line": number, "text": "a NUL \0 and a \\u0000" });
                    catalog.append_event(&id, None, "log", &body).await.unwrap()
                })
            })
            .collect();
        let mut sequences = Vec::new();
        for writer in writers {
            sequences.push(writer.await.unwrap());
        }
        sequences.sort_unstable();
        assert_eq!(sequences, (2..=9).collect::<Vec<i64>>());
        let events = scene.catalog.events(&job.id, 3, 4).await.unwrap();
        assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [4, 5, 6, 7]);
        assert_eq!(events[0].body["text"], "a NUL \0 and a \\u0000");
        let nobody = bulkhead_model::JobId::new();
        refused(
            scene.catalog.append_event(&nobody, None, "log", &serde_json::Value::Null).await,
            FailureKind::NotFound,
        );
    });
}
