//! What must not become slow when there is much: which ways PostgreSQL goes to the rows.

use std::time::Duration;

use bulkhead_catalog::{BackupFilter, NewBackup};

use crate::databases::Database;
use crate::scene::{Scene, acme, globex, new_backup, new_schedule};

const SCHEDULES: u64 = 50_000;
const JOBS: u64 = 20_000;

#[test]
fn firing_reads_the_schedules_that_are_due_and_no_others() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let scene = Scene::new(Database::postgres().await).await;
        scene.recurring(new_schedule("db1", "20 17 * * *")).await;
        // Due at some other time of the day.
        let others = format!(
            "INSERT INTO schedules (id, organization, service, method, engine, server, expression, target, state,
                 next_due_at_us, next_fire_at_us, created_at_us)
             SELECT n, 'acme', 'db' || n, 'full', 'mariadb', 'db-0', '0 3 * * *', 'managed', 'scheduled',
                 next_due_at_us + CAST(n AS BIGINT) * 1000000, next_fire_at_us + CAST(n AS BIGINT) * 1000000,
                 created_at_us
             FROM schedules, generate_series(2, {SCHEDULES}) AS n WHERE id = 1"
        );
        scene.database.execute(&others).await;
        scene.database.execute("ANALYZE schedules").await;
        let before = reads(&scene.database).await;
        scene.clock.advance(Duration::from_secs(63));
        let fired = scene.catalog.fire_due(100, 3).await.unwrap();
        assert_eq!(fired.len(), 1);
        assert_eq!(scene.catalog.next_fire_at().await.unwrap().unwrap(), fired[0].due.plus(Duration::from_secs(2)));
        // What a connection has read is counted when it ends.
        scene.catalog.close().await;
        let after = reads(&scene.database).await;
        assert!(after.0 - before.0 < 10, "{} rows of `schedules` were read to fire one", after.0 - before.0);
        assert!(after.1 > before.1, "the index `schedules_due` was not used");
    });
}

/// Rows of `schedules` read so far, and how often its index of what is due was used.
async fn reads(database: &Database) -> (i64, i64) {
    let rows = database
        .rows(
            "SELECT 'rows', CAST(seq_tup_read + idx_tup_fetch AS BIGINT) FROM pg_stat_user_tables
                 WHERE relname = 'schedules'
             UNION ALL
             SELECT 'scans', CAST(idx_scan AS BIGINT) FROM pg_stat_user_indexes WHERE indexrelname = 'schedules_due'
             ORDER BY 1",
        )
        .await;
    (rows[0].1, rows[1].1)
}

/// However many jobs of one organization wait, a claim goes from the first of one to the first of the next.
#[test]
fn a_claim_reads_the_first_jobs_of_the_organizations_that_wait_and_no_others() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let scene = Scene::new(Database::postgres().await).await;
        scene.schedule("db1", "full", 1).await;
        let other = NewBackup { organization: globex(), ..new_backup("db2", "full") };
        scene.schedule_new(other).await;
        // All of acme, and before those above.
        let others = format!(
            "INSERT INTO jobs (id, organization, service, kind, method, state, request, attempts_made, attempts_max,
                 run_after_us, cancel_requested, plain_bytes, stored_bytes, created_at_us, last_event)
             SELECT md5('' || n), 'acme', 'db1', 'verify', 'full',
                 CASE WHEN n % 2 = 0 THEN 'scheduled' ELSE 'succeeded' END, '{{}}', 0, 1, n, 0, 0, 0, n, 0
             FROM generate_series(1, {JOBS}) AS n"
        );
        scene.database.execute(&others).await;
        scene.database.execute("ANALYZE jobs").await;
        let before = rows_read(&scene.database).await;
        let mut turns = Vec::new();
        for _ in 0..3 {
            turns.push(scene.claim(&["db1", "db2"]).await.unwrap().0.organization);
        }
        assert_eq!(turns, [acme(), globex(), acme()]);
        scene.catalog.close().await;
        let read = rows_read(&scene.database).await - before;
        assert!(read < 300, "{read} rows of `jobs` were read for three claims");
    });
}

/// Rows of `jobs` read so far.
async fn rows_read(database: &Database) -> i64 {
    let rows = database.rows(
        "SELECT 'rows', CAST(seq_tup_read + idx_tup_fetch AS BIGINT) FROM pg_stat_user_tables WHERE relname = 'jobs'",
    );
    rows.await[0].1
}

#[test]
fn pages_far_from_both_ends_are_the_right_ones() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for database in [Database::sqlite(), Database::postgres().await] {
            let scene = Scene::new(database).await;
            let first = scene.backup("db1", "full").await;
            let more = "INSERT INTO backups (id, organization, service, method, engine, target, state, job, plain_bytes,
                     stored_bytes, created_at_us)
                 WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4999)
                 SELECT SUBSTR('00000000000000000000000000000000', 1, 32 - LENGTH('' || n)) || n || ':db1:db-0', organization, service,
                     method, engine, target, state, job, 0, 0, created_at_us + n FROM backups, numbers";
            scene.database.execute(more).await;
            scene.catalog.recount().await.unwrap();
            for page in [1, 2, 49, 50, 51, 99, 100, 101] {
                let filter = BackupFilter { page, page_size: 50, ..BackupFilter::default() };
                let (backups, total) = scene.catalog.backups(&acme(), &filter).await.unwrap();
                let newest = first.created_at.as_micros() + 4999;
                let expected: Vec<i64> =
                    (0..50).map(|row| newest - i64::from(page - 1) * 50 - row).filter(|_| page <= 100).collect();
                let found: Vec<i64> = backups.iter().map(|backup| backup.created_at.as_micros()).collect();
                assert_eq!((found, total), (expected, 5000), "page {page}");
            }
        }
    });
}
