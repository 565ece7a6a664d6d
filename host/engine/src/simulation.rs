//! Some hosts, one catalog and two targets, thousands of times: scheduler, claims, leases, backups, copies, retention and sweep, with
//! hosts that freeze, die and lose the catalog, answers that are lost, storage that lies and clocks that jump.
//!
//! Real: the catalog (SQLite in memory), the executor and its verbs, the byte path, the scheduler's, the watch's and the sweep's rounds.
//! Played: the plugins, the clocks, and the loops that call those rounds. Each seed ends with all faults over, and then everything has to
//! come to rest.
//!
//! Another number of seeds: `BULKHEAD_SIMULATION_SEEDS=100000`. One seed again: the command that a failure prints.

mod asks;
mod bucket;
mod chance;
mod line;
mod peace;
mod play;
mod rules;
mod stage;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::play::play;
use self::rules::{Rule, Violation};
use self::world::World;

/// Rules that are known to be broken, and why. Take an entry out with the mend: the test fails when none of many seeds breaks it.
const KNOWN: &[(Rule, &str)] = &[];

const SEEDS: u64 = 300;
/// Of so many seeds at least one finds each of what is known.
const MANY: u64 = 10_000;
/// Lines of a trace that are printed.
const SHOWN: usize = 400;

/// What a seed came to.
struct Played {
    seed: u64,
    violation: Option<Violation>,
    trace: Vec<String>,
}

fn thread_of_its_own<T: Send>(work: impl AsyncFnOnce(World) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { work(World::new().await).await })
        });
        thread.join().unwrap()
    })
}

async fn play_one(world: &mut World, seed: u64) -> Played {
    bulkhead_model::repeat_ids(Some(seed));
    world.clear().await;
    let violation = play(world, seed).await.err();
    let trace = if violation.is_some() { world.stage.trace() } else { Vec::new() };
    world.empty().await;
    bulkhead_model::repeat_ids(None);
    Played { seed, violation, trace }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn tell(played: &Played) -> String {
    let Played { seed, violation, trace } = played;
    let violation = violation.as_ref().unwrap();
    let from = trace.len().saturating_sub(SHOWN);
    format!(
        "seed {seed} breaks a rule: {violation}\n{}\nOnce more: BULKHEAD_SIMULATION_SEED={seed} cargo test -p bulkhead-engine --lib \
         simulation::all_rules_hold\n",
        trace[from..].join("\n")
    )
}

#[test]
fn all_rules_hold_whatever_freezes_dies_is_lost_or_lies() {
    if let Some(seed) = number("BULKHEAD_SIMULATION_SEED") {
        let played = thread_of_its_own(async |mut world| play_one(&mut world, seed).await);
        assert!(played.violation.is_none(), "{}", tell(&played));
        return;
    }
    let seeds = number("BULKHEAD_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let first = number("BULKHEAD_SIMULATION_FIRST").unwrap_or(0);
    let (next, found, begun) = (AtomicU64::new(0), Mutex::new(Vec::new()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                thread_of_its_own(async |mut world| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return;
                        }
                        let played = play_one(&mut world, first + seed).await;
                        if played.violation.is_some() {
                            found.lock().unwrap().push(played);
                        }
                    }
                });
            });
        }
    });
    let found = found.into_inner().unwrap();
    let mut counted: BTreeMap<Rule, (u64, u64)> = BTreeMap::new();
    for played in &found {
        let count = counted.entry(played.violation.as_ref().unwrap().rule).or_insert((0, played.seed));
        *count = (count.0 + 1, count.1.min(played.seed));
    }
    let took = begun.elapsed();
    println!("{seeds} seeds in {:.1} s", took.as_secs_f64());
    for (rule, (times, seed)) in &counted {
        println!("{rule:?} was broken by {times} seeds, the first is {seed}");
    }
    let known = |rule: Rule| KNOWN.iter().any(|(known, _)| *known == rule);
    let new = found.iter().filter(|played| !known(played.violation.as_ref().unwrap().rule));
    if let Some(worst) = new.min_by_key(|played| played.seed) {
        panic!("{}", tell(worst));
    }
    for (rule, why) in KNOWN {
        assert!(
            seeds < MANY || counted.contains_key(rule),
            "no seed breaks {rule:?} any more: take it out of KNOWN ({why})"
        );
    }
}

#[test]
fn a_seed_repeats_its_steps_to_the_last_call() {
    let traces = || {
        thread_of_its_own(async |mut world| {
            let mut traces = Vec::new();
            for seed in 0..20 {
                bulkhead_model::repeat_ids(Some(seed));
                world.clear().await;
                let _violation = play(&mut world, seed).await;
                traces.push(world.stage.trace());
                world.empty().await;
            }
            traces
        })
    };
    assert_eq!(traces(), traces());
}
