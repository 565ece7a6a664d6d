//! What is done without faults: before they begin, and after they are over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_catalog::Schedule;
use bulkhead_model::{Expression, Zone};

use super::play::{HOUR, MINUTE, Play};
use super::rules::{Rule, Violation};
use super::stage::Verdict;
use super::world::{GRACE, HOSTS, LEASE, Round};
use crate::scene;

impl Play<'_> {
    /// Lets the schedule fire and its backup be made, without any fault.
    pub(super) async fn fire_in_peace(&mut self) -> Result<(), Violation> {
        let Some(next) = self.world.catalog.next_fire_at().await.unwrap() else { return Ok(()) };
        self.world.pass(next.since(self.world.now()) + Duration::from_secs(1)).await;
        self.world.begin_round(0, Round::Schedules, true);
        self.look().await?;
        self.claim_in_peace().await
    }

    /// What waits is done, one after the other.
    pub(super) async fn claim_in_peace(&mut self) -> Result<(), Violation> {
        for _ in 0..40 {
            if self.world.is_idle(0) && !self.there_is("job", "scheduled") {
                return Ok(());
            }
            self.world.begin_claim(0, true);
            self.look().await?;
            if self.world.is_idle(0) {
                return Ok(());
            }
            self.drain().await?;
        }
        Ok(())
    }

    /// Every call that waits goes well.
    async fn drain(&mut self) -> Result<(), Violation> {
        loop {
            let Some(place) = self.world.stage.waiting(|_| true).first().copied() else { return Ok(()) };
            // A connection that broke off while its host was frozen is found out now.
            let broken = self.interrupted.contains(&place) && self.chance.percent(40);
            self.world.stage.release(place, if broken { Verdict::Fail } else { Verdict::Go });
            self.look().await?;
        }
    }

    /// All faults are over. What was begun ends, and then the targets hold what the catalog says.
    pub(super) async fn calm_down(&mut self) -> Result<(), Violation> {
        self.world.stage.say("all faults are over".to_owned());
        for host in 0..HOSTS {
            let state = &mut self.world.hosts[host];
            (state.frozen, state.cut_off) = (false, false);
            state.clock.wrong_by.store(0, Ordering::Relaxed);
        }
        for host in 0..HOSTS {
            if self.world.hosts[host].running.is_some() {
                self.world.begin_beat(host);
            }
        }
        self.look().await?;
        self.world.at_peace = true;
        self.drain().await?;
        for _ in 0..3 {
            self.fire_and_watch().await?;
            self.claim_in_peace().await?;
            if self.is_quiet() {
                break;
            }
            self.world.pass(LEASE + MINUTE).await;
        }
        self.schedules_go_on().await?;
        // What was left half way needs a sweep or two.
        for _ in 0..4 {
            for long in [GRACE, HOUR] {
                if !self.is_quiet() {
                    self.fire_and_watch().await?;
                }
                self.world.pass(long).await;
            }
            if !self.is_quiet() {
                self.fire_and_watch().await?;
                self.claim_in_peace().await?;
            }
            self.world.begin_round(0, Round::Sweep, true);
            self.look().await?;
            self.claim_in_peace().await?;
            if self.rules.nothing_hangs(self.world).and_then(|()| self.rules.nothing_is_left(self.world)).is_ok() {
                break;
            }
        }
        self.rules.nothing_hangs(self.world)?;
        self.rules.nothing_is_left(self.world)
    }

    /// Whether no job waits or runs.
    fn is_quiet(&self) -> bool {
        !self.there_is("job", "scheduled") && !self.there_is("job", "running")
    }

    async fn fire_and_watch(&mut self) -> Result<(), Violation> {
        for host in 0..HOSTS {
            self.world.begin_round(host, Round::Schedules, true);
            self.look().await?;
        }
        if self.there_is("attempt", "leased") {
            self.world.begin_round(0, Round::Watch, true);
        }
        self.look().await
    }

    async fn schedules_go_on(&mut self) -> Result<(), Violation> {
        let Some(Schedule { id, expression, .. }) = self.schedule.take() else { return Ok(()) };
        for host in 0..HOSTS {
            self.world.begin_round(host, Round::Schedules, true);
            self.look().await?;
        }
        let latest = Expression::parse(&expression).unwrap().next_after(&Zone::UTC, self.world.now());
        let due = self.rules.of("schedule").find_map(|row| row.at);
        if due.is_none() || due > latest {
            let what = format!("`{expression}` is due at {due:?}, and it is {:?}", self.world.now());
            return Err(Violation { rule: Rule::SchedulesGoOn, what });
        }
        let now = self.world.now();
        if let Some(job) = self.rules.of("job").find(|job| job.state == "scheduled" && job.at > Some(now.plus(HOUR))) {
            let name = self.world.stage.name(&job.id, 'j');
            let what = format!("{:?} {name} is not to be run before {:?}, and it is {now:?}", job.word, job.at);
            return Err(Violation { rule: Rule::JobsComeToTheirTurn, what });
        }
        // It would go on for ever.
        self.world.catalog.delete_schedule(&scene::acme(), id).await.unwrap();
        self.world.stage.soil();
        self.look().await?;
        self.claim_in_peace().await
    }
}
