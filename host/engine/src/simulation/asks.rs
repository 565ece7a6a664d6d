//! What callers of the API ask for.

use std::time::Duration;

use bulkhead_catalog::{NewBackup, NewCopy, NewJob, NewSchedule, ScheduleOrigin};
use bulkhead_model::{Expression, JobKind, Misfire, RetentionPolicy, Zone};
use serde_json::json;

use super::bucket::TARGETS;
use super::play::Play;
use super::world::service;
use crate::scene;

impl Play<'_> {
    /// A schedule that recurs.
    pub(super) async fn make_schedule(&mut self) {
        let expression = self.chance.pick(&["0 * * * *", "30 */6 * * *", "15 3 * * *"]);
        let within = RetentionPolicy::from_json(&json!({ "keep_within_days": 20 })).unwrap();
        let retention = match self.chance.below(3) {
            0 => None,
            1 => Some(RetentionPolicy::last(2)),
            _ => Some(within),
        };
        let copies = if self.chance.percent(20) { vec![TARGETS[1].parse().unwrap()] } else { Vec::new() };
        self.rules.policy = retention.clone();
        let new = NewSchedule {
            organization: scene::acme(),
            service: service(),
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            server: "s1".to_owned(),
            target: TARGETS[0].parse().unwrap(),
            copies,
            expression: Expression::parse(expression).unwrap().to_string(),
            zone: Zone::UTC,
            enabled: true,
            misfire: self.chance.pick(&[Misfire::RunOnce, Misfire::Skip]),
            misfire_grace: Misfire::DEFAULT_GRACE,
            jitter: Duration::ZERO,
            retention,
            name: None,
            origin: ScheduleOrigin::Manual,
            idempotency: None,
        };
        self.world.stage.say(format!("a schedule is made: {expression}, it keeps {:?}", self.rules.policy));
        self.schedule = Some(self.world.catalog.create_schedule(new).await.unwrap().value);
        self.world.stage.soil();
    }

    /// Somebody asks for something.
    pub(super) async fn ask(&mut self) {
        match self.chance.below(10) {
            0..4 => self.ask_for_backup().await,
            4..7 => self.ask_for_copy().await,
            7..9 => self.ask_for_deletion().await,
            _ => self.cancel().await,
        }
    }

    pub(super) async fn ask_for_backup(&mut self) {
        let copies = if self.chance.percent(40) { vec![TARGETS[1].parse().unwrap()] } else { Vec::new() };
        self.world.stage.say(format!("a backup is asked for, with {} copies", copies.len()));
        let new = NewBackup {
            organization: scene::acme(),
            service: service(),
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            name: None,
            target: TARGETS[0].parse().unwrap(),
            copies,
            server: "s1".to_owned(),
            parent: None,
            request: json!({}),
            attempts_max: 3,
            idempotency: None,
        };
        self.world.catalog.schedule_backup(new).await.unwrap();
        self.world.stage.soil();
    }

    fn backups(&mut self, state: &str) -> Option<String> {
        let ids: Vec<&String> = self.rules.of("backup").filter(|row| row.state == state).map(|row| &row.id).collect();
        if ids.is_empty() { None } else { Some(ids[self.chance.below(ids.len())].clone()) }
    }

    pub(super) async fn ask_for_copy(&mut self) {
        let Some(id) = self.backups("succeeded") else { return };
        self.world.stage.say(format!("a copy of {} is asked for", self.world.stage.name(&id, 'b')));
        let new = NewCopy {
            organization: scene::acme(),
            backup: id.parse().unwrap(),
            target: TARGETS[1].parse().unwrap(),
            attempts_max: 3,
            idempotency: None,
        };
        let _refused_when_it_is_there = self.world.catalog.schedule_copy(new).await;
        self.world.stage.soil();
    }

    async fn ask_for_deletion(&mut self) {
        let state = self.chance.pick(&["succeeded", "succeeded", "failed", "cancelled"]);
        let Some(id) = self.backups(state) else { return };
        self.world.stage.say(format!("{} is to be deleted", self.world.stage.name(&id, 'b')));
        let new = NewJob {
            organization: scene::acme(),
            kind: JobKind::Expire,
            backup: id.parse().unwrap(),
            with_dependants: false,
            request: json!({}),
            attempts_max: 3,
            idempotency: None,
        };
        if self.world.catalog.schedule_job(new).await.is_ok() {
            self.rules.deleted_by_hand.insert(id);
        }
        self.world.stage.soil();
    }

    async fn cancel(&mut self) {
        let unfinished = |state: &str| matches!(state, "scheduled" | "running");
        let ids: Vec<String> =
            self.rules.of("job").filter(|job| unfinished(&job.state)).map(|job| job.id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        let id = &ids[self.chance.below(ids.len())];
        self.world.stage.say(format!("{} is cancelled", self.world.stage.name(id, 'j')));
        let _too_late = self.world.catalog.request_cancel(&scene::acme(), &id.parse().unwrap()).await;
        self.world.stage.soil();
    }
}
