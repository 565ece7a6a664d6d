//! One seed: what callers ask for, what goes wrong, and how it ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_catalog::Schedule;

use super::chance::Chance;
use super::rules::{Rules, Violation};
use super::stage::{CallKind, Verdict};
use super::world::{HOSTS, LEASE, Round, World, micros};

pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// One seed under way.
pub(super) struct Play<'w> {
    pub(super) world: &'w mut World,
    pub(super) chance: Chance,
    pub(super) rules: Rules,
    /// How often in a hundred a call fails or lies.
    pub(super) faults: usize,
    pub(super) lies: usize,
    /// Calls that were under way when their host froze.
    pub(super) interrupted: Vec<u64>,
    pub(super) schedule: Option<Schedule>,
    pub(super) flavour: Flavour,
}

/// What a seed is mostly about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Backups,
    Copies,
    Schedules,
}

/// Plays a seed to its end.
pub async fn play(world: &mut World, seed: u64) -> Result<(), Violation> {
    let mut chance = Chance::new(seed);
    let (faults, lies) = (chance.pick(&[0, 0, 3, 8]), chance.pick(&[0, 0, 0, 4]));
    let rules = Rules::default();
    let flavour = chance.pick(&[Flavour::Backups, Flavour::Copies, Flavour::Copies, Flavour::Schedules]);
    let steps = 20 + chance.below(25);
    let objects = if flavour == Flavour::Copies { 2 } else { 1 };
    world.objects.store(objects, Ordering::Relaxed);
    let mut play = Play { world, chance, rules, faults, lies, interrupted: Vec::new(), schedule: None, flavour };
    play.begin().await?;
    for _ in 0..steps {
        play.step().await?;
        play.look().await?;
    }
    play.calm_down().await
}

impl Play<'_> {
    pub(super) async fn look(&mut self) -> Result<(), Violation> {
        self.world.settle().await;
        self.rules.check(self.world).await
    }

    /// What is there when the faults begin.
    async fn begin(&mut self) -> Result<(), Violation> {
        self.world.at_peace = true;
        if self.flavour == Flavour::Schedules {
            self.make_schedule().await;
            for _ in 0..self.chance.pick(&[0, 0, 0, 0, 3]) {
                self.fire_in_peace().await?;
            }
        } else {
            self.ask_for_backup().await;
            self.look().await?;
        }
        if self.flavour == Flavour::Copies {
            self.claim_in_peace().await?;
            self.ask_for_copy().await;
        }
        self.world.at_peace = false;
        if self.flavour == Flavour::Copies {
            self.world.begin_claim(0, true);
        }
        self.look().await
    }

    async fn step(&mut self) -> Result<(), Violation> {
        let hosts = &self.world.hosts;
        let waiting = self.world.stage.waiting(|parked| !hosts[parked.host].frozen);
        let manifests = self.world.stage.waiting(|parked| parked.kind == CallKind::PutManifest);
        if manifests.iter().any(|place| waiting.contains(place)) && self.chance.percent(15) {
            return self.take_over().await;
        }
        if self.flavour == Flavour::Copies && !waiting.is_empty() && self.chance.percent(10) {
            return self.take_over().await;
        }
        if !waiting.is_empty() && self.chance.percent(65) {
            let place = self.chance.pick(&waiting);
            let verdict = self.verdict(place);
            self.world.stage.release(place, verdict);
            return Ok(());
        }
        let host = self.chance.below(HOSTS);
        match self.chance.below(100) {
            0..25 => self.claim(host),
            25..35 => self.round(host, Round::Schedules),
            35..38 => self.round(host, Round::Watch),
            38..42 => self.round(host, Round::Sweep),
            42..50 => {
                let long = self.chance.pick(&[MINUTE, MINUTE, 11 * MINUTE, 40 * MINUTE, 2 * HOUR, 7 * HOUR, 26 * HOUR]);
                self.world.stage.say(format!("{} minutes pass", long.as_secs() / 60));
                self.world.pass(long).await;
            }
            50..68 => self.take_over().await?,
            68..78 => self.thaw(host),
            78..86 if self.flavour == Flavour::Schedules || self.chance.percent(30) => self.jump(host),
            86..89 => self.world.restart(host).await,
            89..91 => self.cut(host),
            91..97 => self.ask().await,
            _ => {}
        }
        Ok(())
    }

    /// Whether there is something of a noun in a state.
    pub(super) fn there_is(&self, noun: &str, state: &str) -> bool {
        self.rules.of(noun).any(|row| row.state == state)
    }

    fn claim(&mut self, host: usize) {
        if !self.world.hosts[host].frozen && self.there_is("job", "scheduled") {
            let calm = self.chance.percent(70);
            if self.world.begin_claim(host, calm && !self.world.hosts[host].cut_off) {
                self.world.stage.say(format!("host {host} looks at the queue"));
            }
        }
    }

    fn round(&mut self, host: usize, round: Round) {
        let useful = match round {
            Round::Schedules => self.schedule.is_some(),
            Round::Watch => self.there_is("attempt", "leased"),
            Round::Sweep => true,
        };
        if !self.world.hosts[host].frozen && useful {
            let calm = self.chance.percent(50);
            self.world.begin_round(host, round, calm && !self.world.hosts[host].cut_off);
        }
    }

    /// What becomes of a call.
    fn verdict(&mut self, place: u64) -> Verdict {
        let Some(kind) = self.world.stage.kind_of(place) else { return Verdict::Go };
        let host = self.world.stage.host_of(place);
        let in_catalog = matches!(kind, CallKind::Read | CallKind::Write);
        if in_catalog && host.is_some_and(|host| self.world.hosts[host].cut_off) {
            return Verdict::Fail;
        }
        if self.interrupted.contains(&place) && self.chance.percent(40) {
            return Verdict::Fail;
        }
        if self.chance.percent(self.faults) {
            return self.chance.pick(&[Verdict::Fail, Verdict::Lose, Verdict::Late]);
        }
        if self.chance.percent(self.lies) && !in_catalog && kind != CallKind::Answer {
            return Verdict::Lie;
        }
        Verdict::Go
    }

    /// A host freezes or loses the catalog for longer than a lease lasts, and another one notices.
    async fn take_over(&mut self) -> Result<(), Violation> {
        let able = |host: &usize| !self.world.hosts[*host].frozen && !self.world.hosts[*host].cut_off;
        let able: Vec<usize> = (0..HOSTS).filter(able).collect();
        let busy: Vec<usize> = able.iter().copied().filter(|host| self.world.hosts[*host].running.is_some()).collect();
        if busy.is_empty() || able.len() < 2 {
            return Ok(());
        }
        let victim = self.chance.pick(&busy);
        let others: Vec<usize> = able.into_iter().filter(|host| *host != victim).collect();
        let other = self.chance.pick(&others);
        if self.chance.percent(75) {
            self.world.stage.say(format!("host {victim} freezes"));
            self.world.hosts[victim].frozen = true;
            self.interrupted.extend(self.world.stage.waiting(|parked| parked.host == victim));
        } else {
            self.cut(victim);
        }
        self.world.begin_round(other, Round::Watch, true);
        self.look().await?;
        self.world.pass(LEASE + MINUTE).await;
        self.world.begin_round(other, Round::Watch, true);
        self.look().await?;
        self.world.begin_claim(other, true);
        self.look().await
    }

    fn thaw(&mut self, host: usize) {
        let late = self.world.now().as_micros();
        let state = &mut self.world.hosts[host];
        if std::mem::take(&mut state.frozen) {
            self.world.stage.say(format!("host {host} thaws"));
        } else if std::mem::take(&mut state.cut_off) {
            self.world.stage.say(format!("host {host} reaches the catalog again"));
        } else if state.running.as_ref().is_some_and(|running| running.next_beat <= late) {
            self.world.begin_beat(host);
        }
    }

    fn cut(&mut self, host: usize) {
        self.world.stage.say(format!("host {host} cannot reach the catalog"));
        self.world.hosts[host].cut_off = true;
    }

    /// A clock goes wrong, or right again.
    fn jump(&mut self, host: usize) {
        let wrong_by = &self.world.hosts[host].clock.wrong_by;
        let by = match wrong_by.load(Ordering::Relaxed) {
            0 => micros(self.chance.pick(&[2 * HOUR, 3 * DAY, 60 * DAY, 366 * DAY])),
            _ => 0,
        };
        wrong_by.store(by, Ordering::Relaxed);
        self.rules.clocks_jumped |= by != 0;
        self.world.stage.say(format!("the clock of host {host} is wrong by {} h", by / micros(HOUR)));
        if by != 0 && self.chance.percent(60) && !self.world.hosts[host].frozen {
            let round = self.chance.pick(&[Round::Schedules, Round::Schedules, Round::Sweep]);
            self.round(host, round);
        }
    }
}
