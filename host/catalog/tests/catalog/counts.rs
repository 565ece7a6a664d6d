//! The totals of lists, after everything that can happen.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_catalog::{
    BackupFilter, Catalog, JobFilter, NewBackup, NewJob, NewRestore, NewSchedule, RestoreFilter, ScheduleFilter,
};
use bulkhead_model::{BackupState, Failure, FailureKind, JobKind, OrganizationId, Result};
use serde_json::json;

use crate::databases::{Database, on_both};
use crate::scene::{LEASE, Scene, acme, completed, globex, ids, new_backup, new_job, new_schedule};

const SERVICES: [&str; 4] = ["db1", "db2", "db3", "db4"];

/// Knuth's generator of numbers: the walk is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

/// One step of the walk. What is refused there is part of it; that the database gives up is not.
async fn step(catalog: &Catalog, dice: &mut Dice) -> Result<()> {
    let organization: OrganizationId = if dice.below(3) == 0 { globex() } else { acme() };
    let service = SERVICES[dice.below(SERVICES.len())];
    let method = ["full", "dump"][dice.below(2)];
    let page = BackupFilter { page_size: 200, ..BackupFilter::default() };
    let (backups, _) = catalog.backups(&organization, &page).await?;
    let good: Vec<_> = backups.iter().filter(|backup| backup.state == BackupState::Succeeded).collect();
    match dice.below(17) {
        0..3 => {
            let parent = if dice.below(2) == 0 { dice.of(&good).map(|backup| backup.id.clone()) } else { None };
            let new = NewBackup { organization, parent, ..new_backup(service, method) };
            catalog.schedule_backup(new).await?;
        }
        3 => {
            let new = NewSchedule { organization, ..new_schedule(service, "* * * * *") };
            catalog.create_schedule(new).await?;
        }
        4..6 => {
            catalog.fire_due(5, 2).await?;
        }
        6..10 => {
            let Some((job, attempt)) = catalog.claim("host", &ids(&SERVICES), LEASE).await? else { return Ok(()) };
            match (dice.below(4), job.kind) {
                (0, _) => drop(catalog.fail(&attempt.id, &Failure::unavailable("down"), None).await?),
                (1, _) => drop(catalog.fail(&attempt.id, &Failure::invalid("no"), None).await?),
                (_, JobKind::Backup) => drop(catalog.finish_backup(&attempt.id, &completed()).await?),
                (_, JobKind::Restore) => drop(catalog.finish_restore(&attempt.id, "done", None).await?),
                (_, JobKind::Reset) => drop(catalog.finish_reset(&attempt.id).await?),
                (_, JobKind::Verify) => drop(catalog.finish_verify(&attempt.id, "stored", None, &[], false).await?),
                (_, JobKind::Expire) => drop(catalog.finish_expire(&attempt.id).await?),
                (_, JobKind::Copy) => drop(catalog.finish_copy(&attempt.id).await?),
            }
        }
        10 => {
            let (jobs, _) = catalog.jobs(&organization, &JobFilter::default()).await?;
            let Some(job) = dice.of(&jobs) else { return Ok(()) };
            catalog.request_cancel(&organization, &job.id).await?;
        }
        11 | 12 => {
            let Some(backup) = dice.of(&good) else { return Ok(()) };
            let kind = [JobKind::Verify, JobKind::Expire][dice.below(2)];
            let with_dependants = dice.below(2) == 0;
            catalog.schedule_job(NewJob { organization, with_dependants, ..new_job(kind, &backup.id) }).await?;
        }
        13 => {
            let Some(backup) = dice.of(&good) else { return Ok(()) };
            let new = NewRestore {
                organization,
                service: service.parse().unwrap(),
                backup: backup.id.clone(),
                uses: Vec::new(),
                plan: None,
                partial: false,
                after: None,
                request: json!({}),
                attempts_max: 2,
                idempotency: None,
            };
            catalog.schedule_restore(new).await?;
        }
        14 => {
            let (restores, _) = catalog.restores(&organization, &RestoreFilter::default()).await?;
            let Some(restore) = dice.of(&restores) else { return Ok(()) };
            catalog.hide_restore(&organization, restore.id).await?;
        }
        15 => {
            let (schedules, _) = catalog.schedules(&organization, &ScheduleFilter::default()).await?;
            let Some(schedule) = dice.of(&schedules) else { return Ok(()) };
            catalog.delete_schedule(&organization, schedule.id).await?;
        }
        _ => {
            let Some(backup) = dice.of(&backups) else { return Ok(()) };
            catalog.pin_backup(&organization, &backup.id, dice.below(3) == 0).await?;
        }
    }
    Ok(())
}

async fn walk(catalog: Catalog, clock: std::sync::Arc<bulkhead_model::TestClock>, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    for number in 0..steps {
        clock.advance(Duration::from_secs(1));
        match step(&catalog, &mut dice).await {
            Ok(()) => {}
            Err(failure) if matches!(failure.kind, FailureKind::Conflict | FailureKind::NotFound) => {}
            Err(failure) => panic!("step {number} of walk {seed}: {failure}"),
        }
    }
}

/// What is counted, but for which share holds it.
pub async fn counts(database: &Database) -> BTreeMap<String, i64> {
    let rows = database
        .rows(
            "SELECT noun || ' ' || organization || ' ' || CASE WHEN service LIKE '#%' THEN '#' ELSE service END
                 || ' ' || kind || ' ' || state AS name, CAST(SUM(quantity) AS BIGINT) AS quantity
             FROM row_counts GROUP BY 1",
        )
        .await;
    rows.into_iter().filter(|(_, quantity)| *quantity != 0).collect()
}

#[test]
fn totals_are_what_there_is_whatever_happens() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        walk(scene.catalog.clone(), scene.clock.clone(), 1, 400).await;
        let kept = counts(&scene.database).await;
        scene.catalog.recount().await.unwrap();
        assert_eq!(kept, counts(&scene.database).await);
        // All of it was walked through.
        for word in
            ["backup", "job", "restore", "schedule", "succeeded", "failed", "cancelled", "deleting", "recurring"]
        {
            assert!(kept.keys().any(|name| name.contains(word)), "no {word}: {kept:#?}");
        }
    });
}

/// The same at once on hosts of their own: no count is lost, and nobody is told of a deadlock.
#[test]
fn totals_are_what_there_is_when_much_happens_at_once() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let mut walks = Vec::new();
        for seed in 2..14 {
            let catalog = match scene.database.is_sqlite() {
                true => scene.catalog.clone(),
                false => Catalog::open(&scene.database.url, scene.clock.clone()).await.unwrap(),
            };
            walks.push(tokio::spawn(walk(catalog, scene.clock.clone(), seed, 40)));
        }
        for walk in walks {
            walk.await.unwrap();
        }
        let kept = counts(&scene.database).await;
        scene.catalog.recount().await.unwrap();
        assert_eq!(kept, counts(&scene.database).await);
    });
}

/// A restore that was lost, hidden, and then found to be done.
#[test]
fn what_is_hidden_is_not_counted_whatever_becomes_of_it() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        let new = NewRestore {
            organization: acme(),
            service: "db1".parse().unwrap(),
            backup: backup.id,
            uses: Vec::new(),
            plan: None,
            partial: false,
            after: None,
            request: json!({}),
            attempts_max: 1,
            idempotency: None,
        };
        let (restore, _) = scene.catalog.schedule_restore(new).await.unwrap().value;
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        scene.clock.advance(LEASE * 2);
        scene.catalog.take_over_lost(Duration::ZERO).await.unwrap();
        scene.catalog.hide_restore(&acme(), restore.id).await.unwrap();
        scene.catalog.finish_recovered_restore(&attempt.id, "done").await.unwrap();
        let kept = counts(&scene.database).await;
        scene.catalog.recount().await.unwrap();
        assert_eq!(kept, counts(&scene.database).await);
    });
}

/// Tables of the version before, with what lies in them, are taken over.
#[test]
fn what_is_there_already_is_counted_when_the_tables_are_brought_up_to_date() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        walk(scene.catalog.clone(), scene.clock.clone(), 3, 150).await;
        let kept = counts(&scene.database).await;
        let step = include_str!("../../migrations/0002_schedules.sql");
        let backfill = step.find("INSERT INTO row_counts").unwrap();
        scene.database.execute("DELETE FROM row_counts").await;
        scene.database.execute(&step[backfill..]).await;
        // Before this step, schedules ran once and none was deleted.
        let others = |counts: BTreeMap<String, i64>| -> BTreeMap<String, i64> {
            counts.into_iter().filter(|(name, _)| !name.starts_with("schedule")).collect()
        };
        assert_eq!(others(counts(&scene.database).await), others(kept));
    });
}
