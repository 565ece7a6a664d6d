//! Schedules that fire.

use std::collections::HashMap;
use std::time::Duration;

use bulkhead_catalog::{
    BackupFilter, Catalog, FireOutcome, Fired, NewSchedule, Schedule, ScheduleChange, ScheduleFilter,
};
use bulkhead_model::{JobState, Misfire, RetentionPolicy, ScheduleId, Timestamp};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{Scene, acme, completed, new_schedule};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Scene {
    pub async fn recurring(&self, new: NewSchedule) -> Schedule {
        self.catalog.create_schedule(new).await.unwrap().value
    }

    pub async fn fire(&self) -> Vec<Fired> {
        self.catalog.fire_due(100, 3).await.unwrap()
    }

    async fn again(&self, schedule: &Schedule) -> Schedule {
        self.catalog.schedule(&acme(), schedule.id).await.unwrap()
    }

    /// Moves the clock to an instant of the day on which it starts.
    pub fn at(&self, time: &str) {
        let to = at(time);
        assert!(to >= self.now());
        self.clock.advance(to.since(self.now()));
    }
}

/// An instant of the day on which the clock starts.
fn at(time: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2024-03-26T{time}Z")).unwrap()
}

fn started(fired: &Fired) -> bool {
    matches!(fired.outcome, FireOutcome::Started { .. })
}

#[test]
fn a_schedule_makes_a_named_backup_at_its_time() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let schedule = scene
            .recurring(NewSchedule {
                zone: "Asia/Tokyo".parse().unwrap(),
                name: Some("{service} {date} {time} {n}".to_owned()),
                retention: Some(RetentionPolicy::last(7)),
                ..new_schedule("db1", "20 02 * * *")
            })
            .await;
        assert_eq!((schedule.expression.as_str(), schedule.next_due_at), ("20 2 * * *", Some(at("17:20:00"))));
        assert_eq!(scene.catalog.next_fire_at().await.unwrap(), Some(at("17:20:00")));
        scene.at("17:19:59.999999");
        assert!(scene.fire().await.is_empty());

        scene.at("17:20:00.3");
        let mut fired = scene.fire().await;
        let Some(Fired { schedule: now, due, lateness, outcome: FireOutcome::Started { backup, job } }) = fired.pop()
        else {
            panic!("nothing was started");
        };
        assert_eq!((due, lateness), (at("17:20:00"), Duration::from_millis(300)));
        assert_eq!((now.fires, now.last_fire_at), (1, Some(scene.now())));
        assert_eq!(now.next_due_at, Some(at("17:20:00").plus(DAY)));
        assert_eq!(scene.again(&schedule).await, now);
        assert_eq!(backup.name.as_deref(), Some("db1 2024-03-27 02:20 1"), "date and time are those of Tokyo");
        assert!(backup.id.as_str().ends_with(":db1:db-0"));
        assert_eq!((backup.engine.as_str(), backup.method.as_str()), ("mariadb", "full"));
        assert_eq!((&job.id, job.backup.as_ref(), job.schedule), (&backup.job, Some(&backup.id), Some(schedule.id)));
        assert_eq!((&job.request, job.attempts_max), (&json!({ "retention": 7 }), 3));
        assert_eq!(scene.catalog.job(&acme(), &job.id).await.unwrap(), *job);
        assert_eq!(scene.catalog.events(&job.id, 0, 10).await.unwrap()[0].body, json!({ "state": "scheduled" }));
        assert!(scene.fire().await.is_empty(), "once");

        let (claimed, attempt) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(claimed.id, job.id);
        scene.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        scene.clock.advance(DAY);
        let FireOutcome::Started { backup, .. } = &scene.fire().await[0].outcome else { panic!("not started") };
        assert_eq!(backup.name.as_deref(), Some("db1 2024-03-28 02:20 2"));
        assert_eq!(scene.again(&schedule).await.state, "scheduled", "whatever its jobs do");
    });
}

#[test]
fn what_comes_late_runs_once_or_is_missed() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let daily = |service: &str| new_schedule(service, "20 17 * * *");
        let late = scene.recurring(daily("late")).await;
        let too_late = scene.recurring(NewSchedule { misfire_grace: HOUR, ..daily("too-late") }).await;
        let skips = scene.recurring(NewSchedule { misfire: Misfire::Skip, ..daily("skips") }).await;
        let hourly = NewSchedule { misfire_grace: 90 * MINUTE, ..new_schedule("hourly", "0 * * * *") };
        let hourly = scene.recurring(hourly).await;
        let skips_hours =
            scene.recurring(NewSchedule { misfire: Misfire::Skip, ..new_schedule("skips-hours", "0 * * * *") }).await;

        // Nobody looks for five hours.
        scene.at("22:30:00");
        let fired: HashMap<ScheduleId, Fired> =
            scene.fire().await.into_iter().map(|fired| (fired.schedule.id, fired)).collect();
        assert_eq!(fired.len(), 5);
        let seen = |schedule: &Schedule| {
            let fired = &fired[&schedule.id];
            (started(fired), fired.due, fired.schedule.fires, fired.schedule.misses, fired.schedule.last_missed_at)
        };
        let due = at("17:20:00");
        assert_eq!(seen(&late), (true, due, 1, 0, None));
        assert_eq!(seen(&too_late), (false, due, 0, 1, Some(due)));
        assert_eq!(seen(&skips), (false, due, 0, 1, Some(due)));
        // 18:00 was too long ago; 22:00 was not. Not one run for each hour.
        assert_eq!(seen(&hourly), (true, at("22:00:00"), 1, 0, None));
        assert_eq!(seen(&skips_hours), (false, at("18:00:00"), 0, 1, Some(at("18:00:00"))));
        for schedule in [&late, &too_late, &skips] {
            assert_eq!(scene.again(schedule).await.next_due_at, Some(due.plus(DAY)));
        }
        assert_eq!(scene.again(&hourly).await.next_due_at, Some(at("23:00:00")));
        assert_eq!(scene.catalog.backups(&acme(), &BackupFilter::default()).await.unwrap().1, 2);
        assert!(scene.fire().await.is_empty());

        // A minute is no delay that counts.
        scene.at("23:01:00");
        assert!(scene.fire().await.iter().all(|fired| fired.lateness == MINUTE && fired.schedule.misses < 2));
        assert_eq!(scene.again(&skips_hours).await.fires, 1);
    });
}

#[test]
fn one_job_waits_for_a_schedule_and_no_more() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let schedule = scene.recurring(new_schedule("db1", "* * * * *")).await;
        let mut outcomes = Vec::new();
        for minute in 19..24 {
            scene.at(&format!("17:{minute}:00"));
            let fired = scene.fire().await;
            outcomes.push(started(&fired[0]));
            if minute == 20 {
                // What waits begins to run; the next one waits behind it.
                scene.claim(&["db1"]).await.unwrap();
            }
        }
        assert_eq!(outcomes, [true, false, true, false, false]);
        let schedule = scene.again(&schedule).await;
        assert_eq!((schedule.fires, schedule.coalesced, schedule.misses), (2, 3, 0));
        assert!(scene.claim(&["db1"]).await.is_none(), "the second one waits for the first");
    });
}

#[test]
fn jitter_delays_a_fire_and_nothing_else() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let schedule = scene
            .recurring(NewSchedule {
                jitter: 10 * MINUTE,
                misfire: Misfire::Skip,
                name: Some("{time}".to_owned()),
                ..new_schedule("db1", "0 18 * * *")
            })
            .await;
        let fires = schedule.next_fire_at.unwrap();
        assert!(fires > at("18:00:00") && fires < at("18:10:00"), "{fires}");
        scene.at("18:00:00");
        assert!(scene.fire().await.is_empty());
        // Meanwhile somebody changes something else. The run that waits for its jitter is not lost.
        let change = ScheduleChange { misfire_grace: Some(HOUR), ..ScheduleChange::default() };
        scene.catalog.update_schedule(&acme(), schedule.id, change).await.unwrap();
        scene.clock.advance(fires.since(scene.now()) - Duration::from_micros(1));
        assert!(scene.fire().await.is_empty());
        scene.clock.advance(Duration::from_micros(1));
        let fired = scene.fire().await;
        assert_eq!((fired[0].due, fired[0].lateness), (at("18:00:00"), Duration::ZERO));
        let FireOutcome::Started { backup, .. } = &fired[0].outcome else { panic!("not started") };
        assert_eq!(backup.name.as_deref(), Some("18:00"));
        assert_eq!(fired[0].schedule.next_due_at, Some(at("18:00:00").plus(DAY)));
    });
}

#[test]
fn what_is_disabled_or_deleted_does_not_fire() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let disabled = NewSchedule { enabled: false, ..new_schedule("db1", "* * * * *") };
        let disabled = scene.recurring(disabled).await;
        assert_eq!(disabled.next_due_at, None);
        let deleted = scene.recurring(new_schedule("db2", "* * * * *")).await;
        scene.catalog.delete_schedule(&acme(), deleted.id).await.unwrap();
        assert_eq!(scene.catalog.next_fire_at().await.unwrap(), None);
        scene.at("18:30:30");
        assert!(scene.fire().await.is_empty());
        let enable = |enabled| ScheduleChange { enabled: Some(enabled), ..ScheduleChange::default() };
        let enabled = scene.catalog.update_schedule(&acme(), disabled.id, enable(true)).await.unwrap();
        assert_eq!(enabled.next_due_at, Some(at("18:31:00")), "what it let pass while disabled is not made up for");
        scene.catalog.update_schedule(&acme(), disabled.id, enable(false)).await.unwrap();
        scene.at("18:40:00");
        assert!(scene.fire().await.is_empty());
    });
}

/// Hosts that fire at once: each due time makes one job.
#[test]
fn no_due_time_is_fired_twice() {
    const SCHEDULES: usize = 60;
    on_both(|database| async {
        let scene = Scene::new(database).await;
        for number in 0..SCHEDULES {
            scene.recurring(new_schedule(&format!("db{number}"), "* * * * *")).await;
        }
        // On PostgreSQL each is a host of its own.
        let mut hosts: Vec<Catalog> = vec![scene.catalog.clone(); 6];
        if !scene.database.is_sqlite() {
            for host in &mut hosts {
                *host = Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap();
            }
        }
        for minute in 19..24 {
            scene.at(&format!("17:{minute}:00"));
            let firing: Vec<_> = hosts
                .iter()
                .cloned()
                .map(|catalog| {
                    tokio::spawn(async move {
                        let mut all = Vec::new();
                        // Rows that another host holds are passed over: nothing left is seen when nobody holds any.
                        while catalog.next_fire_at().await.unwrap().unwrap() <= at(&format!("17:{minute}:00")) {
                            all.extend(catalog.fire_due(7, 3).await.unwrap());
                        }
                        all
                    })
                })
                .collect();
            let mut fired = Vec::new();
            for one in firing {
                fired.extend(one.await.unwrap());
            }
            assert!(fired.iter().all(|fired| fired.due == at(&format!("17:{minute}:00"))));
            let mut schedules: Vec<ScheduleId> = fired.iter().map(|fired| fired.schedule.id).collect();
            schedules.sort();
            schedules.dedup();
            assert_eq!((fired.len(), schedules.len()), (SCHEDULES, SCHEDULES));
            // A backup waits for each from the first minute on.
            assert_eq!(fired.iter().filter(|fired| started(fired)).count(), if minute == 19 { SCHEDULES } else { 0 });
        }
        let filter = BackupFilter::default();
        assert_eq!(scene.catalog.backups(&acme(), &filter).await.unwrap().1, SCHEDULES as u64);
    });
}

#[test]
fn one_that_cannot_be_read_is_disabled_and_keeps_no_other_from_firing() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let broken = scene.recurring(new_schedule("db1", "* * * * *")).await;
        let elsewhere = scene.recurring(new_schedule("db2", "* * * * *")).await;
        let healthy = scene.recurring(new_schedule("db3", "* * * * *")).await;
        scene.database.execute("UPDATE schedules SET expression = '* * 31 2 *' WHERE service = 'db1'").await;
        scene.database.execute("UPDATE schedules SET timezone = 'Mars/Olympus' WHERE service = 'db2'").await;
        scene.at("17:19:00");
        let fired = scene.fire().await;
        assert_eq!(fired.iter().map(|fired| fired.schedule.id).collect::<Vec<_>>(), [healthy.id]);
        let (listed, _) = scene.catalog.schedules(&acme(), &ScheduleFilter::default()).await.unwrap();
        assert_eq!(listed.iter().map(|schedule| schedule.enabled).collect::<Vec<_>>(), [true, false, false]);
        assert!(scene.again(&broken).await.message.unwrap().contains("never fires"));
        assert!(scene.again(&elsewhere).await.message.unwrap().contains("Mars/Olympus"));
        scene.at("17:20:00");
        assert_eq!(scene.fire().await.len(), 1);

        // What is wrong is not mended by the way, nor forgotten.
        let catalog = &scene.catalog;
        let enable = || ScheduleChange { enabled: Some(true), ..ScheduleChange::default() };
        catalog.update_schedule(&acme(), elsewhere.id, enable()).await.unwrap_err();
        let rename = ScheduleChange { name: Some(Some("x".to_owned())), ..ScheduleChange::default() };
        catalog.update_schedule(&acme(), elsewhere.id, rename).await.unwrap();
        assert!(scene.again(&elsewhere).await.message.unwrap().contains("Mars/Olympus"));
        let zone = Some("Europe/Berlin".parse().unwrap());
        let mended = catalog.update_schedule(&acme(), elsewhere.id, ScheduleChange { zone, ..enable() }).await.unwrap();
        assert_eq!((mended.message, mended.next_due_at), (None, Some(at("17:21:00"))));
        let (_, job) = scene.schedule("db2", "full", 1).await;
        assert_eq!(job.state, JobState::Scheduled);
    });
}
