//! Schedules that are made, changed, listed and deleted.

use std::time::Duration;

use bulkhead_catalog::{JobFilter, NewSchedule, ScheduleChange, ScheduleFilter, ScheduleOrigin};
use bulkhead_model::{BackupState, FailureKind, JobState, Misfire, OrganizationId, RetentionPolicy, Zone};

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, new_schedule, refused};

#[test]
fn a_schedule_is_kept_as_it_was_asked_for() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut retention = RetentionPolicy::last(3);
        retention.daily = 7;
        let new = NewSchedule {
            zone: "Europe/Berlin".parse().unwrap(),
            misfire: Misfire::Skip,
            misfire_grace: Duration::from_secs(7200),
            jitter: Duration::from_secs(300),
            retention: Some(retention.clone()),
            name: Some("nightly {n}".to_owned()),
            ..new_schedule("db1", "0 9 ** *")
        };
        let made = scene.catalog.create_schedule(new).await.unwrap();
        assert!(!made.replayed);
        let made = made.value;
        assert_eq!(scene.catalog.schedule(&acme(), made.id).await.unwrap(), made);
        assert_eq!((made.expression.as_str(), made.zone.as_str()), ("0 9 * * *", "Europe/Berlin"));
        assert_eq!((made.misfire, made.misfire_grace), (Misfire::Skip, Duration::from_secs(7200)));
        assert_eq!((made.origin, made.state.as_str()), (ScheduleOrigin::Manual, "scheduled"));
        assert_eq!(made.retention, Some(retention));

        for (expression, name) in [("once", None), ("61 * * * *", None), ("* * * * *", Some("{nope}"))] {
            let new = NewSchedule { name: name.map(str::to_owned), ..new_schedule("db1", expression) };
            refused(scene.catalog.create_schedule(new).await, FailureKind::Invalid);
        }
        assert_eq!(scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap().1, 1);
    });
}

#[test]
fn a_change_bears_on_what_it_names() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let before = scene.recurring(new_schedule("db1", "0 3 * * *")).await;
        scene.clock.advance(Duration::from_secs(60));
        let update = async |change| scene.catalog.update_schedule(&acme(), before.id, change).await;
        let change = ScheduleChange { retention: Some(Some(RetentionPolicy::last(2))), ..ScheduleChange::default() };
        let after = update(change).await.unwrap();
        let mut expected = before.clone();
        (expected.retention, expected.updated_at) = (Some(RetentionPolicy::last(2)), Some(scene.now()));
        assert_eq!(after, expected);
        assert_eq!(scene.catalog.schedule(&acme(), before.id).await.unwrap(), after);

        let change = ScheduleChange {
            expression: Some("0 9 ** *".to_owned()),
            zone: Some("Europe/Berlin".parse().unwrap()),
            retention: Some(None),
            name: Some(Some("{date}".to_owned())),
            target: Some("elsewhere".parse().unwrap()),
            ..ScheduleChange::default()
        };
        let after = update(change).await.unwrap();
        assert_eq!(after.next_due_at.unwrap().to_string(), "2024-03-27T08:00:00Z");
        assert_eq!((after.retention.clone(), after.target.as_str()), (None, "elsewhere"));
        let back = ScheduleChange { zone: Some(Zone::UTC), name: Some(None), ..ScheduleChange::default() };
        let after = update(back).await.unwrap();
        assert_eq!((after.next_due_at.unwrap().to_string().as_str(), after.name), ("2024-03-27T09:00:00Z", None));

        let wrong = ScheduleChange { expression: Some("0 0 30 2 *".to_owned()), ..ScheduleChange::default() };
        refused(update(wrong).await, FailureKind::Invalid);
        let once = ScheduleChange { expression: Some("once".to_owned()), ..ScheduleChange::default() };
        refused(update(once).await, FailureKind::Invalid);
        let (_, job) = scene.schedule("db1", "full", 1).await;
        let change = ScheduleChange { enabled: Some(false), ..ScheduleChange::default() };
        let text = refused(
            scene.catalog.update_schedule(&acme(), job.schedule.unwrap(), change.clone()).await,
            FailureKind::Conflict,
        );
        assert!(text.contains("make a new one"), "{text}");
        let stranger: OrganizationId = "stranger".parse().unwrap();
        refused(scene.catalog.update_schedule(&stranger, before.id, change).await, FailureKind::NotFound);
        refused(scene.catalog.delete_schedule(&stranger, before.id).await, FailureKind::NotFound);
    });
}

#[test]
fn a_deleted_schedule_takes_what_waits_along_and_lets_what_runs_go_on() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let schedule = scene.recurring(new_schedule("db1", "* * * * *")).await;
        scene.at("17:19:00");
        scene.fire().await;
        let (running, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.at("17:20:00");
        scene.fire().await;
        scene.catalog.delete_schedule(&acme(), schedule.id).await.unwrap();

        let (jobs, _) = scene.catalog.jobs(&acme(), &JobFilter::default()).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Cancelled, JobState::Running]);
        let waited = scene.catalog.backup(&acme(), jobs[0].backup.as_ref().unwrap()).await.unwrap();
        assert_eq!(waited.state, BackupState::Cancelled);
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        assert_eq!(scene.catalog.job(&acme(), &running.id).await.unwrap().state, JobState::Succeeded);
        refused(scene.catalog.schedule(&acme(), schedule.id).await, FailureKind::NotFound);
        refused(scene.catalog.delete_schedule(&acme(), schedule.id).await, FailureKind::NotFound);
        let change = ScheduleChange { enabled: Some(true), ..ScheduleChange::default() };
        refused(scene.catalog.update_schedule(&acme(), schedule.id, change).await, FailureKind::NotFound);
        assert_eq!(scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap(), (vec![], 0));
    });
}

#[test]
fn a_one_time_schedule_is_deleted_before_or_after_its_run() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (backup, job) = scene.schedule("db1", "full", 3).await;
        scene.catalog.delete_schedule(&acme(), job.schedule.unwrap()).await.unwrap();
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, JobState::Cancelled);
        assert_eq!(scene.catalog.backup(&acme(), &backup.id).await.unwrap().state, BackupState::Cancelled);

        let (_, job) = scene.schedule("db1", "full", 3).await;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        refused(scene.catalog.delete_schedule(&acme(), job.schedule.unwrap()).await, FailureKind::Conflict);
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        scene.catalog.delete_schedule(&acme(), job.schedule.unwrap()).await.unwrap();
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap().state, JobState::Succeeded);
        assert_eq!(scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap(), (vec![], 0));
    });
}

#[test]
fn the_automatic_schedule_of_a_service_is_made_once_and_for_all() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let automatic = || new_schedule("db1", "0 2 * * *");
        // Hosts that start together.
        let making: Vec<_> = (0..6)
            .map(|_| {
                let (catalog, new) = (scene.catalog.clone(), automatic());
                tokio::spawn(async move { catalog.ensure_automatic(new).await.unwrap() })
            })
            .collect();
        let mut made = Vec::new();
        for one in making {
            made.extend(one.await.unwrap());
        }
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].origin, made[0].id.0), (ScheduleOrigin::Automatic, 1), "no number is lost");
        scene.recurring(automatic()).await;
        let other = NewSchedule { organization: "stranger".parse().unwrap(), ..automatic() };
        assert!(scene.catalog.ensure_automatic(other).await.unwrap().is_some());

        scene.catalog.delete_schedule(&acme(), made[0].id).await.unwrap();
        assert_eq!(scene.catalog.ensure_automatic(automatic()).await.unwrap(), None, "somebody did not want it");
    });
}
