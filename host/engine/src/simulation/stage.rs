//! Where the simulated hosts wait for their turn: before each call of the catalog and of a target, the seed decides who goes on, and what
//! becomes of the call.
//!
//! All hosts share one thread. At most one of them is on its way at a time; all others stand at gates. So the order of all calls
//! follows from the seed, although SQLite and the byte path have threads of their own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use tokio::sync::{Notify, oneshot};
use tokio::task;

/// Far above what anything here takes, also beside a build.
const PATIENCE: Duration = Duration::from_secs(120);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done and answered.
    Go,
    /// It is not done, and fails.
    Fail,
    /// It is done, and its answer is lost.
    Lose,
    /// It is done, and its answer takes its time.
    Late,
    /// It is answered as if all were well, and is done otherwise or not at all.
    Lie,
}

/// What goes on by itself on a host: an attempt, or one round of a reconciler.
pub type ActorId = usize;

struct Actor {
    host: usize,
    name: String,
    /// Calls of it that wait.
    parked: usize,
    ended: bool,
    /// Its process is gone: nothing that it still does has an effect.
    dead: bool,
    /// Goes on without waiting.
    calm: bool,
    /// Of an attempt: the verb's task is known, any other is the one that keeps the lease.
    verb_known: bool,
}

/// A call that waits.
pub struct Parked {
    pub host: usize,
    pub what: String,
    /// Whether the call is one of a target, and a put.
    pub kind: CallKind,
    turn: oneshot::Sender<Verdict>,
    actor: ActorId,
    keeper: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Read,
    Write,
    Put,
    PutManifest,
    Get,
    Head,
    List,
    Delete,
    /// The answer to something that is done.
    Answer,
}

#[derive(Default)]
struct State {
    parked: BTreeMap<u64, Parked>,
    next: u64,
    actors: Vec<Actor>,
    tasks: HashMap<task::Id, (ActorId, bool)>,
    /// The attempt that each host runs.
    attempts: Vec<Option<ActorId>>,
    /// Calls that are on their way.
    moving: usize,
    /// Something may have changed in the catalog, and in a target.
    dirty: bool,
    shelves_dirty: bool,
    trace: Vec<String>,
    names: HashMap<String, String>,
}

/// Shared by everything of one thread.
#[derive(Default)]
pub struct Stage {
    state: Mutex<State>,
    moved: Notify,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Begins another seed.
    pub fn clear(&self, hosts: usize) {
        *self.lock() = State { attempts: vec![None; hosts], ..State::default() };
    }

    /// Waits for a turn; `Err` when the process has died meanwhile.
    pub async fn gate(
        self: &Arc<Self>,
        host: usize,
        kind: CallKind,
        what: impl FnOnce(&Self) -> String,
    ) -> Result<Pass> {
        let (place, turn) = {
            let what = what(self);
            let mut state = self.lock();
            let (actor, keeper) = state.whose(host);
            if state.actors[actor].dead {
                return Err(dead());
            }
            if state.actors[actor].calm {
                state.moving += 1;
                return Ok(Pass { stage: Arc::clone(self), verdict: Verdict::Go, host });
            }
            let (turn, told) = oneshot::channel();
            let place = state.next;
            state.next += 1;
            state.parked.insert(place, Parked { host, what, kind, turn, actor, keeper });
            if !keeper {
                state.actors[actor].parked += 1;
            }
            (Place { stage: Arc::clone(self), number: place }, told)
        };
        self.moved.notify_one();
        let verdict = turn.await.map_err(|_| dead())?;
        drop(place);
        Ok(Pass { stage: Arc::clone(self), verdict, host })
    }

    /// Something that goes on by itself on a host.
    pub fn actor(&self, host: usize, name: String, calm: bool) -> ActorId {
        let mut state = self.lock();
        state.actors.push(Actor { host, name, parked: 0, ended: false, dead: false, calm, verb_known: false });
        state.actors.len() - 1
    }

    pub fn know_task(&self, task: task::Id, actor: ActorId) {
        self.lock().tasks.insert(task, (actor, false));
    }

    /// The attempt whose tasks are not known by name.
    pub fn runs(&self, host: usize, attempt: Option<ActorId>) {
        self.lock().attempts[host] = attempt;
    }

    pub fn end(&self, actor: ActorId) {
        self.lock().actors[actor].ended = true;
        self.moved.notify_one();
    }

    pub fn has_ended(&self, actor: ActorId) -> bool {
        self.lock().actors[actor].ended
    }

    /// The host's process dies.
    pub fn kill(&self, host: usize) {
        let mut state = self.lock();
        state.actors.iter_mut().filter(|actor| actor.host == host).for_each(|actor| actor.dead = true);
        let gone: Vec<u64> = state.parked.iter().filter(|(_, parked)| parked.host == host).map(|(at, _)| *at).collect();
        for place in gone {
            state.leave(place);
        }
    }

    /// The calls that wait, in the order in which they came.
    pub fn waiting(&self, wanted: impl Fn(&Parked) -> bool) -> Vec<u64> {
        self.lock().parked.iter().filter(|(_, parked)| wanted(parked)).map(|(place, _)| *place).collect()
    }

    pub fn kind_of(&self, place: u64) -> Option<CallKind> {
        self.lock().parked.get(&place).map(|parked| parked.kind)
    }

    pub fn host_of(&self, place: u64) -> Option<usize> {
        self.lock().parked.get(&place).map(|parked| parked.host)
    }

    /// Gives a call its turn.
    pub fn release(&self, place: u64, verdict: Verdict) {
        let mut state = self.lock();
        let Some(parked) = state.leave(place) else { return };
        let name = &state.actors[parked.actor].name;
        let line = format!("host {}, {name}: {} -> {verdict:?}", parked.host, parked.what);
        state.trace.push(line);
        state.moving += 1;
        if parked.turn.send(verdict).is_err() {
            state.moving -= 1;
        }
    }

    /// Waits until all stand at gates or have ended.
    pub async fn settle(&self) {
        loop {
            for _ in 0..4 {
                task::yield_now().await;
            }
            {
                let state = self.lock();
                let idle = |actor: &Actor| actor.ended || actor.parked > 0;
                if state.moving == 0 && state.actors.iter().all(idle) {
                    return;
                }
            }
            if tokio::time::timeout(PATIENCE, self.moved.notified()).await.is_err() {
                let trace = self.trace().join("\n");
                let state = self.lock();
                let busy = state.actors.iter().filter(|actor| !actor.ended && actor.parked == 0);
                let busy: Vec<String> = busy.map(|actor| format!("host {}, {}", actor.host, actor.name)).collect();
                panic!("the simulation itself hangs, {} calls are under way, of {busy:?}:\n{trace}", state.moving);
            }
        }
    }

    pub fn say(&self, line: String) {
        self.lock().trace.push(line);
    }

    pub fn trace(&self) -> Vec<String> {
        self.lock().trace.clone()
    }

    pub fn soil_shelves(&self) {
        self.lock().shelves_dirty = true;
    }

    pub fn soil(&self) {
        self.lock().dirty = true;
    }

    /// Whether something in the catalog and in the targets may have changed since this was last asked.
    pub fn take_dirty(&self) -> (bool, bool) {
        let mut state = self.lock();
        (std::mem::take(&mut state.dirty), std::mem::take(&mut state.shelves_dirty))
    }

    /// A short name for an id, the same whenever a seed is run.
    pub fn name(&self, id: &str, letter: char) -> String {
        let mut state = self.lock();
        if let Some(name) = state.names.get(id) {
            return name.clone();
        }
        let number = state.names.values().filter(|name| name.starts_with(letter)).count() + 1;
        let name = format!("{letter}{number}");
        state.names.insert(id.to_owned(), name.clone());
        name
    }
}

impl State {
    /// To whom the present task belongs, and whether it is the one that keeps the lease.
    fn whose(&mut self, host: usize) -> (ActorId, bool) {
        let task = task::id();
        if let Some(known) = self.tasks.get(&task) {
            return *known;
        }
        let actor = self.attempts[host].expect("a task of no attempt calls");
        let keeper = std::mem::replace(&mut self.actors[actor].verb_known, true);
        self.tasks.insert(task, (actor, keeper));
        (actor, keeper)
    }

    fn leave(&mut self, place: u64) -> Option<Parked> {
        let parked = self.parked.remove(&place)?;
        if !parked.keeper {
            self.actors[parked.actor].parked -= 1;
        }
        Some(parked)
    }
}

fn dead() -> Failure {
    Failure::unavailable("this host is dead")
}

/// A place in the queue, given up when nobody waits there any more.
struct Place {
    stage: Arc<Stage>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stage.lock().leave(self.number);
    }
}

/// The right to do one call.
pub struct Pass {
    pub stage: Arc<Stage>,
    pub verdict: Verdict,
    pub host: usize,
}

impl Pass {
    /// Ends the call: late, lost or at once.
    pub async fn answer<T>(self, answer: T) -> Result<T> {
        match self.verdict {
            Verdict::Lose => Err(Failure::unavailable("the answer was lost")),
            Verdict::Late => {
                let (stage, host) = (Arc::clone(&self.stage), self.host);
                drop(self);
                let pass = stage.gate(host, CallKind::Answer, |_| "the late answer".to_owned()).await?;
                match pass.verdict {
                    Verdict::Lose | Verdict::Fail => Err(Failure::unavailable("the answer was lost")),
                    _ => Ok(answer),
                }
            }
            Verdict::Go | Verdict::Fail | Verdict::Lie => Ok(answer),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.stage.lock().moving -= 1;
        self.stage.moved.notify_one();
    }
}
