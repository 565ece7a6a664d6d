//! What must hold after each step, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use bulkhead_catalog::Seen;
use bulkhead_model::{
    AttemptState, BackupId, BackupState, Candidate, JobState, MANIFEST_NAME, Manifest, RetentionPolicy, Timestamp,
    Zone, retention_plan,
};

use super::bucket::{Object, TARGETS};
use super::world::{SERVICE_KEEPS, World};
use crate::pipeline::layout;
use crate::scene;

/// A rule that can be broken. Each seed ends with the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A state follows only from its legal predecessors, and no row is lost.
    States,
    /// A running job has one lease, any other none.
    OneLease,
    /// Of a backup that succeeded, manifest and objects lie in its target; a manifest comes after its objects.
    BackupIsWhole,
    /// The same of a copy.
    CopyIsWhole,
    /// Retention expires only what its policy lets go.
    Retention,
    /// A clock that is wrong makes retention expire less than half of what is to be kept.
    WrongClockExpiresLittle,
    /// A due time fires once.
    FiresOnce,
    /// When the clocks are right, no schedule waits for longer than its own period.
    SchedulesGoOn,
    /// When the clocks are right, no job waits for a time that only a wrong clock has shown.
    JobsComeToTheirTurn,
    /// When the faults are over, every job ends.
    JobsEnd,
    /// When the faults are over, nothing is being deleted for ever.
    DeletingEnds,
    /// When the faults are over, the targets hold what the catalog says and nothing else.
    NothingIsLeft,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

fn broken(rule: Rule, what: String) -> Result<(), Violation> {
    Err(Violation { rule, what })
}

/// A backup that has once succeeded.
struct Made {
    at: Timestamp,
    keeper: Option<String>,
}

/// What has been seen of one seed.
#[derive(Default)]
pub struct Rules {
    /// As of the last look.
    pub seen: Vec<Seen>,
    /// The own policy of the seed's schedule.
    pub policy: Option<RetentionPolicy>,
    /// What somebody wanted to be deleted.
    pub deleted_by_hand: HashSet<String>,
    /// Whether any host's clock was wrong.
    pub clocks_jumped: bool,
    made: BTreeMap<String, Made>,
    wrongly_expired: usize,
    manifests: HashSet<(usize, String)>,
    dues: HashSet<(String, Timestamp)>,
}

impl Rules {
    /// Looks at everything, when something may have changed.
    pub async fn check(&mut self, world: &World) -> Result<(), Violation> {
        let (catalog, shelves) = world.stage.take_dirty();
        if !catalog {
            return if shelves { self.wholeness(world) } else { Ok(()) };
        }
        let seen = world.catalog.look_at_all().await.unwrap();
        let before = std::mem::replace(&mut self.seen, seen);
        self.states(&before)?;
        self.leases()?;
        self.wholeness(world)?;
        self.fires(&before)?;
        self.retention(world, &before)
    }

    pub fn of<'a>(&'a self, noun: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.seen.iter().filter(move |row| row.noun == noun)
    }

    fn states(&self, before: &[Seen]) -> Result<(), Violation> {
        let now: BTreeMap<(&str, &str, Option<&str>), &Seen> = self.seen.iter().map(|row| (key(row), row)).collect();
        for row in before.iter().filter(|row| matches!(row.noun.as_str(), "backup" | "job" | "attempt")) {
            let Some(after) = now.get(&key(row)) else {
                return broken(Rule::States, format!("{} {} is gone from the catalog", row.noun, row.id));
            };
            if !leads_to(&row.noun, &row.state, &after.state) {
                let what = format!("{} {} was {} and is {}", row.noun, row.id, row.state, after.state);
                return broken(Rule::States, what);
            }
        }
        Ok(())
    }

    fn leases(&self) -> Result<(), Violation> {
        let leased = |job: &Seen| {
            let own = |attempt: &&Seen| attempt.about.as_ref() == Some(&job.id) && attempt.state == "leased";
            self.of("attempt").filter(own).count()
        };
        for job in self.of("job") {
            let (leases, runs) = (leased(job), job.state == "running");
            if leases != usize::from(runs) {
                return broken(Rule::OneLease, format!("job {} is {} and has {leases} leases", job.id, job.state));
            }
        }
        Ok(())
    }

    /// Backups and copies that succeeded, by folder and target.
    fn whole(&self) -> impl Iterator<Item = (Rule, String, usize, &Seen)> {
        let backups = self.of("backup").filter(|backup| backup.state == "succeeded");
        backups.flat_map(move |backup| {
            let own = (Rule::BackupIsWhole, folder(&backup.id), place(backup), backup);
            let copies = self.of("copy").filter(move |copy| copy.id == backup.id && copy.state == "succeeded");
            std::iter::once(own)
                .chain(copies.map(move |copy| (Rule::CopyIsWhole, folder(&backup.id), place(copy), backup)))
        })
    }

    fn wholeness(&mut self, world: &World) -> Result<(), Violation> {
        let shelves = world.shelves.all();
        for (rule, folder, target, backup) in self.whole() {
            let at = format!("{folder}{MANIFEST_NAME}");
            let name = world.stage.name(&backup.id, 'b');
            let Some(manifest) = shelves[target].get(&at).and_then(|object| object.manifest.as_ref()) else {
                return broken(rule, format!("{name} has succeeded and has no manifest in `{}`", TARGETS[target]));
            };
            if Some(&manifest.1) != backup.word.as_ref() {
                return broken(rule, format!("{name} has another manifest in `{}` than recorded", TARGETS[target]));
            }
            if let Some(missing) = missing(&shelves[target], &folder) {
                let what = format!("{name} has succeeded, and {missing} in `{}`", TARGETS[target]);
                return broken(rule, what);
            }
        }
        let mut manifests = HashSet::new();
        for (target, shelf) in shelves.iter().enumerate() {
            for (at, _) in shelf.iter().filter(|(_, object)| object.manifest.is_some()) {
                let known = (target, at.clone());
                if !self.manifests.contains(&known)
                    && let Some((folder, backup)) = layout::parse_key(at)
                    && let Some(missing) = missing(shelf, &folder)
                {
                    let own = self.of("backup").any(|row| row.id == backup.as_str() && place(row) == target);
                    let rule = if own { Rule::BackupIsWhole } else { Rule::CopyIsWhole };
                    let name = world.stage.name(backup.as_str(), 'b');
                    return broken(rule, format!("the manifest of {name} was written, and {missing}"));
                }
                manifests.insert(known);
            }
        }
        self.manifests = manifests;
        Ok(())
    }

    fn fires(&mut self, before: &[Seen]) -> Result<(), Violation> {
        for row in before.iter().filter(|row| row.noun == "schedule") {
            let Some(after) = self.seen.iter().find(|after| key(after) == key(row)) else { continue };
            let fresh = after.number - row.number;
            let repeated = row.at.is_some_and(|due| fresh > 0 && !self.dues.insert((row.id.clone(), due)));
            if fresh > 1 || (repeated && !self.clocks_jumped) {
                return broken(Rule::FiresOnce, format!("schedule {} fired {fresh} times for {:?}", row.id, row.at));
            }
        }
        Ok(())
    }

    fn retention(&mut self, world: &World, before: &[Seen]) -> Result<(), Violation> {
        let schedules: BTreeSet<&String> = self.of("schedule").map(|row| &row.id).collect();
        let mut made = Vec::new();
        for backup in self.of("backup").filter(|backup| backup.state == "succeeded") {
            if !self.made.contains_key(&backup.id) {
                let job = self.of("job").find(|job| Some(&job.id) == backup.about.as_ref());
                let keeper = job.and_then(|job| job.by.clone());
                let keeper = keeper.filter(|by| self.policy.is_some() && schedules.contains(by));
                made.push((backup.id.clone(), Made { at: backup.at.unwrap(), keeper }));
            }
        }
        self.made.extend(made);
        let now = world.now();
        for row in before.iter().filter(|row| row.noun == "backup" && row.state == "succeeded") {
            let after = self.seen.iter().find(|after| key(after) == key(row));
            let leaves = after.is_some_and(|after| matches!(after.state.as_str(), "deleting" | "deleted"));
            let (true, Some(made)) = (leaves && !self.deleted_by_hand.contains(&row.id), self.made.get(&row.id)) else {
                continue;
            };
            let own = self.policy.clone().filter(|_| made.keeper.is_some());
            let policy = own.unwrap_or_else(|| RetentionPolicy::last(SERVICE_KEEPS));
            let alike = self.made.iter().filter(|(_, other)| other.keeper == made.keeper);
            let candidates: Vec<Candidate> = alike.map(|(id, other)| candidate(id, other.at)).collect();
            let verdicts = retention_plan(&policy, &Zone::UTC, now, &candidates);
            let kept = verdicts.iter().filter(|verdict| !verdict.expires()).count();
            if verdicts.iter().any(|verdict| verdict.id.as_str() == row.id && verdict.expires()) {
                continue;
            }
            self.wrongly_expired += 1;
            let name = world.stage.name(&row.id, 'b');
            if policy.keep_within.is_none() || !self.clocks_jumped {
                return broken(Rule::Retention, format!("{name} was expired and is to be kept"));
            }
            if self.wrongly_expired * 2 > kept {
                let what = format!("{} backups were expired of {kept} that are to be kept", self.wrongly_expired);
                return broken(Rule::WrongClockExpiresLittle, what);
            }
        }
        Ok(())
    }

    /// In the end, when nothing runs.
    pub fn nothing_hangs(&self, world: &World) -> Result<(), Violation> {
        for job in self.of("job") {
            if matches!(job.state.as_str(), "scheduled" | "running") {
                let name = world.stage.name(&job.id, 'j');
                let what = format!("{:?} {name} is still {}, to be run after {:?}", job.word, job.state, job.at);
                let far = job.at.is_some_and(|at| at > world.now());
                return broken(if far { Rule::JobsComeToTheirTurn } else { Rule::JobsEnd }, what);
            }
        }
        match self.of("backup").find(|backup| backup.state == "deleting") {
            Some(backup) => {
                broken(Rule::DeletingEnds, format!("{} is still deleting", world.stage.name(&backup.id, 'b')))
            }
            None => Ok(()),
        }
    }

    /// In the end, after a sweep.
    pub fn nothing_is_left(&self, world: &World) -> Result<(), Violation> {
        let shelves = world.shelves.all();
        let mut needed: HashSet<(usize, String)> =
            self.whole().map(|(_, folder, target, _)| (target, folder)).collect();
        // A copy that is whole, and whose job was cancelled or did not hear of it: it is deleted with its backup.
        for backup in self.of("backup").filter(|backup| backup.state == "succeeded") {
            let folder = folder(&backup.id);
            for copy in self.of("copy").filter(|copy| copy.id == backup.id) {
                let manifest = shelves[place(copy)].get(&format!("{folder}{MANIFEST_NAME}"));
                let manifest = manifest.and_then(|object| object.manifest.as_ref());
                if manifest.is_some_and(|manifest| Some(&manifest.1) == backup.word.as_ref()) {
                    needed.insert((place(copy), folder.clone()));
                }
            }
        }
        for (target, shelf) in shelves.iter().enumerate() {
            for at in shelf.keys() {
                let Some((folder, _)) = layout::parse_key(at) else { continue };
                let lies_there = shelf.get(&format!("{folder}{MANIFEST_NAME}"));
                let manifest = lies_there.and_then(|object| object.manifest.as_ref());
                // What is damaged, or another attempt's, is evidence, not waste.
                let recorded =
                    self.of("backup").find(|row| row.state == "succeeded" && self::folder(&row.id) == folder);
                let is_recorded =
                    |m: &Arc<(Manifest, String)>| recorded.is_none_or(|row| row.word.as_ref() == Some(&m.1));
                if lies_there.is_some() && !manifest.is_some_and(is_recorded) {
                    continue;
                }
                let name = &at[folder.len()..];
                let named = |key: &str| {
                    key == MANIFEST_NAME || manifest.is_some_and(|m| m.0.objects.iter().any(|o| o.key == key))
                };
                if !needed.contains(&(target, folder.clone())) || !named(name) {
                    let (_, backup) = layout::parse_key(at).unwrap();
                    let id = backup.as_str();
                    let state = self.of("backup").find(|row| row.id == id).map(|row| row.state.as_str());
                    let what = format!(
                        "{}/{}/{name} is left of a backup that is {state:?}",
                        TARGETS[target],
                        world.stage.name(id, 'b')
                    );
                    return broken(Rule::NothingIsLeft, what);
                }
            }
        }
        Ok(())
    }
}

fn key(row: &Seen) -> (&str, &str, Option<&str>) {
    (&row.noun, &row.id, if row.noun == "copy" { row.place.as_deref() } else { None })
}

fn place(row: &Seen) -> usize {
    TARGETS.iter().position(|target| row.place.as_deref() == Some(target)).unwrap()
}

fn folder(backup: &str) -> String {
    let service = scene::service();
    layout::backup_prefix(&service.organization, &service.id, &id(backup))
}

fn id(text: &str) -> BackupId {
    text.parse().unwrap()
}

fn candidate(text: &str, at: Timestamp) -> Candidate {
    Candidate { id: id(text), at, good: true, pinned: false, needed_by: Vec::new() }
}

/// What of a manifest's objects is not there, in words.
fn missing(shelf: &BTreeMap<String, Object>, folder: &str) -> Option<String> {
    let manifest = shelf.get(&format!("{folder}{MANIFEST_NAME}"))?.manifest.as_ref()?;
    manifest.0.objects.iter().find_map(|object| match shelf.get(&format!("{folder}{}", object.key)) {
        Some(found) if found.bytes.len() as u64 == object.stored_bytes => None,
        Some(found) => Some(format!("`{}` has {} bytes of {}", object.key, found.bytes.len(), object.stored_bytes)),
        None => Some(format!("`{}` is missing", object.key)),
    })
}

/// Whether one state can follow from another, in any number of steps.
fn leads_to(noun: &str, from: &str, to: &str) -> bool {
    let before = |state: &str| -> Vec<&'static str> {
        match noun {
            "job" => state.parse::<JobState>().unwrap().predecessors().iter().map(|state| state.as_str()).collect(),
            "backup" => {
                state.parse::<BackupState>().unwrap().predecessors().iter().map(|state| state.as_str()).collect()
            }
            _ if state == AttemptState::Leased.as_str() => Vec::new(),
            _ => vec![AttemptState::Leased.as_str()],
        }
    };
    let mut reached = BTreeSet::new();
    let mut next = vec![to];
    while let Some(state) = next.pop() {
        if state == from {
            return true;
        }
        if reached.insert(state.to_owned()) {
            next.extend(before(state));
        }
    }
    false
}
