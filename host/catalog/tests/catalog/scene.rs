//! A catalog with a clock that the test moves, and short ways to what most tests need.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{
    Attempt, Backup, Catalog, Completed, Job, NewBackup, NewJob, NewReset, NewRestore, NewSchedule, Progress, Restore,
    ScheduleOrigin,
};
use bulkhead_model::{
    AttemptId, BackupId, Clock, Digest, FailureKind, JobId, JobKind, Misfire, OrganizationId, Report, Result,
    ServiceId, TestClock, Timestamp, Zone,
};
use serde_json::json;

use crate::databases::Database;

pub const LEASE: Duration = Duration::from_secs(30);

pub struct Scene {
    pub catalog: Catalog,
    pub clock: Arc<TestClock>,
    pub database: Database,
}

impl Scene {
    pub async fn new(database: Database) -> Self {
        let clock = Arc::new(TestClock::new(Timestamp::parse_rfc3339("2024-03-26T17:18:57Z").unwrap()));
        let catalog = Catalog::open(&database.url, clock.clone()).await.unwrap();
        Self { catalog, clock, database }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn schedule(&self, service: &str, method: &str, attempts_max: u32) -> (Backup, Job) {
        self.schedule_new(NewBackup { attempts_max, ..new_backup(service, method) }).await
    }

    pub async fn schedule_new(&self, new: NewBackup) -> (Backup, Job) {
        let (_, backup, job) = self.catalog.schedule_backup(new).await.unwrap().value;
        // No two at the same microsecond: the order is part of what is tested.
        self.clock.advance(Duration::from_micros(1));
        (backup, job)
    }

    pub async fn schedule_restore(&self, service: &str, backup: &BackupId) -> (Restore, Job) {
        self.schedule_restore_after(service, backup, None).await
    }

    pub async fn schedule_restore_after(
        &self,
        service: &str,
        backup: &BackupId,
        after: Option<&JobId>,
    ) -> (Restore, Job) {
        let new = NewRestore {
            organization: acme(),
            service: service.parse().unwrap(),
            backup: backup.clone(),
            uses: Vec::new(),
            plan: None,
            partial: false,
            after: after.cloned(),
            request: json!({}),
            attempts_max: 3,
            idempotency: None,
        };
        let made = self.catalog.schedule_restore(new).await.unwrap().value;
        self.clock.advance(Duration::from_micros(1));
        made
    }

    pub async fn schedule_reset(&self, service: &str, after: Option<&JobId>) -> Job {
        let job = self.catalog.schedule_reset(new_reset(service, after)).await.unwrap().value;
        self.clock.advance(Duration::from_micros(1));
        job
    }

    pub async fn claim(&self, services: &[&str]) -> Option<(Job, Attempt)> {
        self.catalog.claim("host-1", &ids(services), LEASE).await.unwrap()
    }

    /// Schedules a backup and makes it succeed.
    pub async fn backup(&self, service: &str, method: &str) -> Backup {
        self.backup_new(new_backup(service, method)).await
    }

    pub async fn backup_new(&self, new: NewBackup) -> Backup {
        let service = new.service.to_string();
        let (backup, _) = self.schedule_new(new).await;
        let (_, attempt) = self.claim(&[&service]).await.unwrap();
        self.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
        self.catalog.backup(&acme(), &backup.id).await.unwrap()
    }

    pub async fn heartbeat(&self, attempt: &AttemptId) -> Result<bool> {
        let heartbeat = self.catalog.heartbeat(attempt, LEASE, &Progress::default()).await?;
        Ok(heartbeat.cancel_requested)
    }
}

pub fn acme() -> OrganizationId {
    "acme".parse().unwrap()
}

/// Another organization.
pub fn globex() -> OrganizationId {
    "globex".parse().unwrap()
}

pub fn ids(services: &[&str]) -> Vec<ServiceId> {
    services.iter().map(|service| service.parse().unwrap()).collect()
}

pub fn new_backup(service: &str, method: &str) -> NewBackup {
    NewBackup {
        organization: acme(),
        service: service.parse().unwrap(),
        method: method.parse().unwrap(),
        engine: "mariadb".to_owned(),
        name: None,
        target: "managed".parse().unwrap(),
        copies: Vec::new(),
        server: "db-0".to_owned(),
        parent: None,
        request: json!({ "level": 3 }),
        attempts_max: 3,
        idempotency: None,
    }
}

pub fn new_schedule(service: &str, expression: &str) -> NewSchedule {
    NewSchedule {
        organization: acme(),
        service: service.parse().unwrap(),
        method: "full".parse().unwrap(),
        engine: "mariadb".to_owned(),
        server: "db-0".to_owned(),
        target: "managed".parse().unwrap(),
        copies: Vec::new(),
        expression: expression.to_owned(),
        zone: Zone::UTC,
        enabled: true,
        misfire: Misfire::RunOnce,
        misfire_grace: Misfire::DEFAULT_GRACE,
        jitter: Duration::ZERO,
        retention: None,
        name: None,
        origin: ScheduleOrigin::Manual,
        idempotency: None,
    }
}

pub fn new_job(kind: JobKind, backup: &BackupId) -> NewJob {
    NewJob {
        organization: acme(),
        kind,
        backup: backup.clone(),
        with_dependants: false,
        request: json!({}),
        attempts_max: 2,
        idempotency: None,
    }
}

pub fn new_reset(service: &str, after: Option<&JobId>) -> NewReset {
    NewReset {
        organization: acme(),
        service: service.parse().unwrap(),
        after: after.cloned(),
        request: json!({}),
        attempts_max: 2,
        idempotency: None,
    }
}

pub fn completed() -> Completed {
    Completed {
        plain_bytes: 5_327_326,
        stored_bytes: 1_327_326,
        report: Report {
            server_version: "11.4.2-MariaDB".to_owned(),
            point_in_time: Some("2024-03-26T17:18:21Z".to_owned()),
            positions: vec![("lsn.to".to_owned(), "47139".to_owned())],
        },
        plugin_name: "mariadb-full".to_owned(),
        plugin_digest: Digest::new([7; 32]),
        manifest_sha256: "ab".repeat(32),
        copies: Vec::new(),
    }
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T>, kind: FailureKind) -> String {
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, kind, "{failure}");
    failure.to_string()
}
