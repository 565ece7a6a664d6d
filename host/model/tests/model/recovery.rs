//! Random lives of a service, of which everything is known: what is planned must lead to what really was, and what can be
//! planned must be.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_model::gtid::GtidState;
use bulkhead_model::recovery::{BasePoint, History, LogPlace, LogSpan, RecoveryPlan, Until};
use bulkhead_model::{BackupId, LogKeepers, Timestamp, plan_logs};

use crate::random::Random;

const LIVES: u64 = 600;
const STEPS: i64 = 60;

/// A transaction; no two have the same number, whatever their GTIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transaction {
    number: u64,
    gtid: (u32, u32, u64),
    at: Timestamp,
}

/// What happens to the service without anybody telling the host is `outside`.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tame,
    Outside,
    Failover,
}

struct Life {
    random: Random,
    now: Timestamp,
    next: u64,
    /// What the database holds.
    data: Vec<u64>,
    /// What the server's log says of it: from where, what, and from which index on it is still there.
    begun: GtidState,
    log: Vec<Transaction>,
    purged: usize,
    server: u32,
    /// Up to which index the log is archived, and in which timeline; `None` before the first time and after a change.
    archived: Option<(usize, String)>,
    cause: &'static str,
    history: History,
    /// By backup.
    held: BTreeMap<BackupId, Vec<u64>>,
    logged: BTreeMap<BackupId, Vec<Transaction>>,
    /// Of logs and bases: in which log of which server, from which index to which.
    placed: BTreeMap<BackupId, (u32, usize, usize)>,
    generation: u32,
    /// When a generation began, to find its length at an instant.
    generations: Vec<(Timestamp, Vec<Transaction>)>,
    /// What the database held since then.
    truth: Vec<(Timestamp, Vec<u64>)>,
    backups: u64,
    /// Transactions that went with a server that failed.
    lost: Vec<u64>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let now = Timestamp::from_micros(1_711_454_400_000_000);
        Self {
            random: Random::new(seed),
            now,
            next: 1,
            data: Vec::new(),
            begun: GtidState::default(),
            log: Vec::new(),
            purged: 0,
            server: 1,
            archived: None,
            cause: "first",
            history: History::default(),
            held: BTreeMap::new(),
            logged: BTreeMap::new(),
            placed: BTreeMap::new(),
            generation: 0,
            generations: vec![(now, Vec::new())],
            truth: vec![(now, Vec::new())],
            backups: 0,
            lost: Vec::new(),
        }
    }

    fn state_at(&self, index: usize) -> GtidState {
        let mut state = self.begun.clone();
        for transaction in &self.log[..index] {
            let (domain, server, sequence) = transaction.gtid;
            state.advance(&format!("{domain}-{server}-{sequence}").parse().unwrap());
        }
        state
    }

    /// As `gtid_binlog_pos` says it: the last of each domain.
    fn position(&self) -> GtidState {
        let state = self.state_at(self.log.len());
        let lasts: Vec<String> = state.lasts().map(|(d, s, n)| format!("{d}-{s}-{n}")).collect();
        lasts.join(",").parse().unwrap()
    }

    fn live(mut self, kind: Kind) -> Self {
        for _ in 0..STEPS {
            self.now = self.now.plus(Duration::from_millis(self.random.number(100, 6_000) as u64));
            match self.random.number(1, 100) {
                1..=40 => self.write(),
                41..=65 => self.archive(),
                66..=78 => self.back_up(),
                79..=84 => self.purged = self.random.number(self.purged as i64, self.log.len() as i64) as usize,
                85..=89 => self.damage(),
                90..=94 => self.restore(true),
                95..=97 if kind == Kind::Outside => self.reset(),
                98..=100 if kind == Kind::Outside => self.restore(false),
                95..=100 if kind == Kind::Failover => self.fail_over(),
                _ => self.write(),
            }
            self.truth.push((self.now, self.data.clone()));
            self.generations.last_mut().unwrap().1.clone_from(&self.log);
        }
        self
    }

    fn write(&mut self) {
        for _ in 0..self.random.number(1, 4) {
            let domain = if self.random.chance(25) { 5 } else { 0 };
            let last = self.state_at(self.log.len()).last_of(domain).unwrap_or(0);
            let transaction = Transaction { number: self.next, gtid: (domain, self.server, last + 1), at: self.now };
            self.next += 1;
            self.data.push(transaction.number);
            self.log.push(transaction);
        }
    }

    fn id(&mut self) -> BackupId {
        self.backups += 1;
        format!("{:032x}:db1:server", self.backups).parse().unwrap()
    }

    fn place(&self, index: usize) -> Option<LogPlace> {
        Some(LogPlace { name: "binlog".to_owned(), number: 1 + index as u64 / 5, offset: index as u64 })
    }

    fn back_up(&mut self) {
        let id = self.id();
        self.held.insert(id.clone(), self.data.clone());
        self.placed.insert(id.clone(), (self.generation, self.log.len(), self.log.len()));
        self.history.bases.push(BasePoint {
            backup: id.clone(),
            method: "full".parse().unwrap(),
            chain: vec![id],
            at: self.now,
            taken: self.now,
            gtid: Some(self.position()),
            place: self.place(self.log.len()),
            server_uid: Some(format!("uid-{}", self.server)),
            server_id: Some(self.server),
            whole: true,
            good: true,
            verified_at: None,
            verified_level: None,
        });
    }

    fn archive(&mut self) {
        let id = self.id();
        let (from, timeline, cause) = match self.archived.take() {
            Some((to, timeline)) if to >= self.purged => (to, timeline, None),
            Some(_) => (self.purged, id.to_string(), Some("purged")),
            None => (self.purged, id.to_string(), Some(self.cause)),
        };
        let logged = self.log[from..].to_vec();
        let mut firsts: BTreeMap<u32, String> = BTreeMap::new();
        for Transaction { gtid: (domain, server, sequence), .. } in &logged {
            firsts.entry(*domain).or_insert_with(|| format!("{domain}-{server}-{sequence}"));
        }
        let firsts: Vec<String> = firsts.into_values().collect();
        self.history.logs.push(LogSpan {
            backup: id.clone(),
            timeline: timeline.clone(),
            cause: cause.map(str::to_owned),
            reason: None,
            taken: self.now,
            server_uid: Some(format!("uid-{}", self.server)),
            server_id: Some(self.server),
            from: self.place(from),
            // No file of it is older.
            created: Some(self.generations[self.generation as usize].0.second()),
            to: self.place(self.log.len()),
            start: self.state_at(from),
            end: self.state_at(self.log.len()),
            firsts: firsts.join(",").parse().unwrap(),
            first: logged.first().map(|it| it.at.second()),
            last: logged.last().map(|it| it.at.second()),
            complete_until: self.now,
            witness: None,
            set_back: None,
            disorder: None,
            incident: None,
            good: true,
            sequence: self.backups,
        });
        self.placed.insert(id.clone(), (self.generation, from, self.log.len()));
        self.logged.insert(id, logged);
        self.archived = Some((self.log.len(), timeline));
    }

    fn damage(&mut self) {
        let (bases, logs) = (self.history.bases.len(), self.history.logs.len());
        if logs > 0 && self.random.chance(70) {
            let at = self.random.number(0, logs as i64 - 1) as usize;
            self.history.logs[at].good = false;
        } else if bases > 0 {
            let at = self.random.number(0, bases as i64 - 1) as usize;
            self.history.bases[at].good = false;
        }
    }

    fn begin_log(&mut self, begun: GtidState, log: Vec<Transaction>, cause: &'static str) {
        (self.begun, self.log, self.purged) = (begun, log, 0);
        (self.archived, self.cause) = (None, cause);
        self.generation += 1;
        self.generations.push((self.now, Vec::new()));
    }

    fn restore(&mut self, told: bool) {
        if self.history.bases.is_empty() {
            return;
        }
        let at = self.random.number(0, self.history.bases.len() as i64 - 1) as usize;
        let base = &self.history.bases[at];
        self.data = self.held[&base.backup].clone();
        let state = base.gtid.clone().unwrap();
        self.begin_log(state, Vec::new(), "reset");
        if told {
            self.history.restores.push(self.now);
        }
        // The server is up a while before anything else happens to it.
        self.truth.push((self.now, self.data.clone()));
        self.now = self.now.plus(Duration::from_millis(1_500));
    }

    fn reset(&mut self) {
        self.begin_log(GtidState::default(), Vec::new(), "reset");
        self.now = self.now.plus(Duration::from_millis(1_500));
    }

    /// To a replica with logs of its own of what it has, which may not be all.
    fn fail_over(&mut self) {
        let lost = if self.random.chance(40) { self.random.number(0, 3) as usize } else { 0 };
        let keep = self.log.len().saturating_sub(lost);
        let mut log = self.log[..keep].to_vec();
        let begun = self.begun.clone();
        self.lost.extend(self.log[keep..].iter().map(|transaction| transaction.number));
        self.data.truncate(self.data.len() - (self.log.len() - keep));
        self.server += 1;
        // Some of its logs are gone.
        let purged = if self.random.chance(50) { self.random.number(0, keep as i64) as usize } else { 0 };
        log.truncate(keep);
        self.begin_log(begun, log, "other-server");
        self.purged = purged;
    }

    /// What the database held right before a second began.
    fn before(&self, second: Timestamp) -> &[u64] {
        let after = self.truth.partition_point(|(at, _)| *at < second);
        &self.truth[after.saturating_sub(1)].1
    }

    /// Does what a plan says, as the tools would: by GTID, without looking for holes.
    fn carry_out(&self, plan: &RecoveryPlan, second: Timestamp) -> Vec<u64> {
        let base = self.history.bases.iter().find(|base| Some(&base.backup) == plan.chain.last()).unwrap();
        let mut data = self.held[&base.backup].clone();
        let mut state = base.gtid.clone().unwrap();
        for transaction in plan.logs.iter().flat_map(|log| &self.logged[log]) {
            let (domain, server, sequence) = transaction.gtid;
            if transaction.at.second() >= second {
                break;
            }
            if state.last_of(domain).is_none_or(|last| sequence > last) {
                data.push(transaction.number);
                state.advance(&format!("{domain}-{server}-{sequence}").parse().unwrap());
            }
        }
        data
    }

    /// Whether logs lead to a second from a base of the same log, by indices alone.
    fn can_reach(&self, second: Timestamp) -> bool {
        self.history.bases.iter().filter(|base| base.good && base.at.second() < second).any(|base| {
            let (generation, mut index, _) = self.placed[&base.backup];
            let mut spans: Vec<_> = self
                .history
                .logs
                .iter()
                .filter(|log| log.good && self.placed[&log.backup].0 == generation)
                .map(|log| (self.placed[&log.backup], log.complete_until))
                .collect();
            spans.sort();
            spans.into_iter().any(|((_, from, to), complete)| {
                let next = from <= index && to >= index;
                if next {
                    index = to;
                }
                next && complete >= second
            })
        })
    }
}

#[test]
fn what_is_planned_leads_to_what_really_was() {
    let (mut planned, mut refused) = (0, 0);
    for seed in 0..LIVES {
        let kind = [Kind::Tame, Kind::Outside, Kind::Failover][seed as usize % 3];
        let life = Life::new(seed).live(kind);
        let mut random = Random::new(seed ^ 0xabcdef);
        let (begun, length) = (life.truth[0].0, life.now.since(life.truth[0].0).as_micros() as i64);
        for _ in 0..60 {
            let instant = begun.plus(Duration::from_micros(random.number(0, length) as u64));
            let second = instant.second();
            match life.history.plan(&Until::Time(instant), None) {
                Ok(plan) => {
                    planned += 1;
                    let base = life.history.bases.iter().find(|base| Some(&base.backup) == plan.chain.last()).unwrap();
                    assert!(base.good, "seed {seed}");
                    if base.at.second() < second {
                        let reached = life.carry_out(&plan, second);
                        let really = life.before(second);
                        // What went with a server may be archived, or not.
                        let missing: Vec<u64> = really.iter().copied().filter(|it| !reached.contains(it)).collect();
                        let there: Vec<u64> = really.iter().copied().filter(|it| reached.contains(it)).collect();
                        assert!(
                            reached == there && missing.iter().all(|it| life.lost.contains(it)),
                            "seed {seed}, {instant}: {}\n{reached:?}\n{really:?}",
                            plan.why
                        );
                    } else {
                        assert!(plan.logs.is_empty() && base.at.second() == second, "seed {seed}");
                    }
                }
                Err(_) => {
                    refused += 1;
                    if kind == Kind::Tame {
                        assert!(!life.can_reach(second), "seed {seed}: {instant} could be restored");
                    }
                }
            }
        }
    }
    assert!(planned > 5_000 && refused > 5_000, "{planned} planned, {refused} refused");
}

#[test]
fn the_window_is_what_can_be_planned_and_logs_that_are_removed_were_no_part_of_it() {
    for seed in 0..LIVES / 3 {
        let kind = [Kind::Tame, Kind::Outside, Kind::Failover][seed as usize % 3];
        let mut life = Life::new(seed).live(kind);
        let window = life.history.window(life.now);
        for pair in window.intervals.windows(2) {
            assert!(pair[1].to <= pair[0].from, "seed {seed}: {pair:?}");
        }
        for gap in &window.gaps {
            assert!(!gap.cause.is_empty() && gap.cause != "nothing leads there", "seed {seed}: {gap:?}");
        }
        let mut random = Random::new(seed ^ 0x123456);
        let (begun, length) = (life.truth[0].0, life.now.since(life.truth[0].0).as_micros() as i64);
        let mut answers = Vec::new();
        for _ in 0..60 {
            let instant = begun.plus(Duration::from_micros(random.number(0, length) as u64));
            let plan = life.history.plan(&Until::Time(instant), None).ok();
            let inside = window.intervals.iter().find(|it| it.from <= instant && instant <= it.to);
            if let Some(interval) = inside {
                let plan = plan.as_ref().unwrap_or_else(|| panic!("seed {seed}: {instant} is in {interval:?}"));
                // In the second of a base another one may be the better way.
                let base = life.history.bases.iter().find(|base| base.backup == interval.base).unwrap();
                let edge = interval.from.second() == instant.second()
                    || life.history.bases.iter().any(|other| other.at.second() == instant.second());
                assert!(
                    edge || plan.chain.last() == Some(&base.backup),
                    "seed {seed}, {instant}: {plan:?}, {interval:?}"
                );
            }
            answers.push((instant, plan));
        }
        // Without what retention removes, all of it is as it was.
        let gone: Vec<BackupId> = plan_logs(&life.history, &LogKeepers::default())
            .into_iter()
            .filter(|verdict| verdict.expires())
            .map(|verdict| verdict.id)
            .collect();
        for log in life.history.logs.iter().filter(|log| gone.contains(&log.backup)) {
            if log.timeline == log.backup.as_str() {
                life.history.roots.insert(log.timeline.clone(), log.taken);
            }
        }
        life.history.logs.retain(|log| !gone.contains(&log.backup));
        for (instant, before) in answers {
            let Some(before) = before else { continue };
            let after = life.history.plan(&Until::Time(instant), None);
            let after = after.unwrap_or_else(|failure| panic!("seed {seed}, {instant}, without {gone:?}: {failure}"));
            assert_eq!(after.chain, before.chain, "seed {seed}, {instant}, without {gone:?}");
            // Logs that held nothing new may be gone.
            let reached = |plan: &RecoveryPlan| life.carry_out(plan, instant.second());
            assert_eq!(reached(&after), reached(&before), "seed {seed}, {instant}, without {gone:?}");
        }
    }
}
